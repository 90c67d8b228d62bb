/**
 * Checkpoints of other projects in the engine: a CLIP tower in f16 and a LLaMA decoder in bf16, three million parameters with
 * bridge and LoRA, trained in stages on packed rows of one image, of two and of none, with accumulated gradients; killed and
 * resumed bit for bit, asked, exported and read back to the same logits. `ENGINE_DEVICES=webgpu` does the same on WebGPU.
 */
import {
  bindingsOf,
  bridgeOf,
  initialise,
  input,
  llamaSpecs,
  type NdArray,
  type ParameterSpec,
  placeholders,
  type Tree,
  visionLanguage,
  vitSpecs,
  withLora,
} from "@chain-of-sight/core";
import { cpu, evaluate } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ask } from "../../pipelines/ask/ask.ts";
import { exportTrained } from "../../pipelines/ask/export_trained.ts";
import { loadExported } from "../../pipelines/ask/exported.ts";
import { loadTrained } from "../../pipelines/ask/trained.ts";
import { adaptedBy } from "../../pipelines/stages/model.ts";
import { loadExperiment } from "../../pipelines/engine/load.ts";
import { startingModel } from "../../pipelines/engine/models.ts";
import { resolve } from "../../pipelines/engine/resolve.ts";
import { fileHash } from "../../pipelines/images/file_contents.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { exportDecoder, exportVisionTower } from "../../pipelines/weights/huggingface/export.ts";
import { type Shape, shapes, writeValue, writeWorld } from "../data/mixtures/world.ts";
import { type LazyArray, lazyTrees, readLazies, readLazy } from "../../pipelines/weights/lazy.ts";
import { numbers } from "../../pipelines/tune/step_work.ts";

const test = suite("checkpoints in the engine");
const folder = await Deno.makeTempDir({ prefix: "engine" }),
  root = new URL("../..", import.meta.url).pathname;
test.after(() => Deno.remove(folder, { recursive: true }));

const vit = { resolution: 56, patch: 14, width: 128, layers: 3, heads: 2, ff: 512, pooled: true };
const llama = { vocabulary: 208, width: 256, layers: 2, heads: 4, kvHeads: 2, ff: 688 };
const fresh = (specs: unknown, seed: number) => initialise([seed, 1], specs as Tree<ParameterSpec>) as never;

const training = {
  batch: 4,
  micro: 2,
  warmup: 1,
  weightDecay: 0,
  maxNorm: 1,
  every: 2,
  data: "mixture.json",
};
const experiment = {
  name: "clip-llama",
  seed: 1,
  featureBatch: 4,
  model: {
    vision: { from: "huggingface", folder: "clip", levels: [0, 1], blocks: 2 },
    bridge: { kind: "chain-of-sight", windows: [4, 2], queries: [2, 1], levels: 2, order: "coarse-to-fine" },
    bridgeHeads: 2,
    decoder: { from: "huggingface", folder: "llama" },
    adapter: { rank: 4, alpha: 8 },
  },
  stages: [
    {
      train: {
        name: "pretrain",
        ...training,
        steps: 4,
        learningRate: { bridge: 0.003 },
        trainable: ["bridge"],
      },
    },
    {
      expand: {
        by: { kind: "grow", growth: { resolution: 2, global: 2, local: 2 }, start: "source" },
      },
    },
    {
      train: {
        name: "finetune",
        ...training,
        steps: 4,
        learningRate: { bridge: 0.003, lora: 0.01 },
        trainable: ["bridge", "lora"],
      },
    },
    { evaluate: { data: "questions-only.json", benchmarks: { vqa: "vqav2" }, batch: 4, tokens: 2 } },
  ],
};

test.before(async () => {
  const world = await writeWorld(folder, 8), [a, b, c] = shapes(8) as [Shape, Shape, Shape];
  const said = (human: string, gpt: string) => [{ from: "human", value: human }, { from: "gpt", value: gpt }];
  await writeValue(`${folder}/pairs.json`, [
    { id: 1, image: [a.file, b.file], conversations: said("<image> one <image> kind?", a.kind) },
    { id: 2, image: [b.file, c.file], conversations: said("What is <image>, <image>?", c.colour) },
    { id: 3, conversations: said("say one", "yes") },
  ]);
  const pairs = { ...world.parts[0]!, name: "pairs", files: ["pairs.json"], weight: 2 };
  await writeValue(`${folder}/mixture.json`, {
    parts: [...world.parts, pairs],
    text: { ...world.text, length: 64, images: 2, pack: true },
  });
  await writeValue(`${folder}/questions-only.json`, { ...world, parts: world.parts.slice(2) });
  await writeValue(`${folder}/run.json`, experiment);
  const tower = { config: vit, params: fresh(vitSpecs(vit), 1) };
  const decoder = { config: llama, params: fresh(llamaSpecs(llama), 2) };
  await Effect.runPromise(exportVisionTower(`${folder}/clip`, tower, { floats: "F16" }));
  await Effect.runPromise(exportDecoder(`${folder}/llama`, decoder, { floats: "BF16" }));
});

const train = (run: string, ...more: readonly string[]): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "pipelines/cli/cos.ts", "train", `${folder}/run.json`, "--json", "--out"],
      ...[`${folder}/${run}`, "--store", `${folder}/store-${run}`, "--cache", `${folder}/cache`],
      ...more,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).spawn();

/** The checkpoint of a stage in the store of a run, once it is there. */
const inStore = (run: string, stage: string): string | undefined => {
  try {
    for (const { name } of Deno.readDirSync(`${folder}/store-${run}`)) {
      const path = `${folder}/store-${run}/${name}/checkpoints/${stage}.safetensors`;
      if (name.startsWith(`${stage}-`) && Deno.statSync(path).isFile) return path;
    }
  } catch { /* not there yet */ }
  return undefined;
};

for (const device of (Deno.env.get("ENGINE_DEVICES") ?? "cpu").split(",")) {
  const started = (run: string) => train(`${run}-${device}`, "--device", device);

  test(`${device}: killed as it fine-tunes with LoRA and resumed, it is the uninterrupted run, and its loss falls`, async () => {
    const killed = started("killed");
    let ended = false;
    const over = killed.status.then(() => ended = true);
    while (inStore(`killed-${device}`, "finetune") === undefined && !ended) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    if (!ended) killed.kill("SIGKILL");
    await over;
    await Promise.all([killed.stdout.cancel(), killed.stderr.cancel()]);
    for (const run of ["killed", "whole"]) {
      const { code, stdout, stderr } = await started(run).output(), text = new TextDecoder();
      assert.is(code, 0, text.decode(stderr));
      const { stages, scores } = JSON.parse(text.decode(stdout));
      assert.ok(stages.finetune.loss < stages.pretrain.firstLoss - 0.3, JSON.stringify(stages));
      assert.is(scores.vqa.asked, 16);
    }
    for (const stage of ["pretrain", "expand", "finetune"]) {
      const of = (run: string) =>
        Effect.runPromise(fileHash(`${folder}/${run}-${device}/checkpoints/${stage}.safetensors`));
      assert.is(await of("killed"), await of("whole"), stage);
    }
  });
}

/** The run that the other tests open. */
const whole = (): string =>
  [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).find((path) =>
    /\/whole-\w+$/.test(path)
  )!;

test("it answers, and what is exported has the same logits when it is read back", async () => {
  const image = `${folder}/images/shape_0001.png`, out = `${folder}/out`;
  await Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const asked = {
        checkpoint: whole(),
        images: [image],
        question: "What colour is the circle?",
        tokens: 3,
      };
      const { visualTokens } = yield* ask(asked, () => {});
      assert.is(visualTokens, 26);
      const trained = yield* loadTrained(whole()), { parts, causalLM } = trained;
      yield* exportTrained(out, trained);
      const read = yield* loadExported(out);
      const ids = input("ids", [1, 5], "i32"), images = input("images", [1, 112, 112, 3]);
      const logits = Effect.fnUntraced(function* (
        { tower, decoder, bridge, params }: Pick<typeof read, "tower" | "decoder" | "bridge" | "params">,
      ) {
        const { description, resolution, heads } = bridge, { patch, width } = tower.config;
        const site = { resolution, patch, width, to: decoder.width, heads };
        const plain = visionLanguage({ bridge: bridgeOf(description, site), decoder, vision: tower });
        const model = withLora(plain, { rank: 4, alpha: 8, when: adaptedBy({ rank: 4, alpha: 8 }) });
        const held = placeholders("p", model.specs as Tree<ParameterSpec>) as never;
        const given: Record<string, NdArray> = {
          ...bindingsOf("p", yield* readLazies(params)),
          ids: { dtype: "i32", shape: [1, 5], data: Int32Array.of(3, 1, 4, 1, 5) },
          images: numbers([1, 112, 112, 3], 7),
        };
        const [array] = yield* evaluate([model.logits(held, { images }, ids)], given);
        return array!.data;
      });
      const own = {
        tower: parts.tower,
        decoder: parts.decoder,
        bridge: { ...trained.bridge, heads: parts.bridgeHeads },
        params: causalLM.params,
      };
      assert.ok("lora" in (read.params as object), "adapters are part of it");
      assert.is(read.adapter?.base, `${folder}/llama`);
      assert.equal(yield* logits(read), yield* logits(own));
      assert.ok(Object.keys(lazyTrees.flatten(read.params)).length > 40);
    })).pipe(Effect.provide(cpu({ threads: 2 }))),
  );
});

test("another training starts from its decoder, which has the adapters in it", async () => {
  const { stages: [pretrain], model: { adapter: _, ...model } } = experiment;
  const decoder = { from: "run", folder: whole().slice(folder.length + 1) };
  await writeValue(`${folder}/again.json`, {
    ...experiment,
    model: { ...model, decoder },
    stages: [pretrain],
  });
  const at = {
    cache: `${folder}/cache`,
    trained: await Effect.runPromise(Effect.scoped(loadTrained(whole()))),
  };
  const read = (path: string, of: unknown) =>
    Effect.runPromise(
      Effect.map(readLazy(lazyTrees.flatten(of as Tree<LazyArray>)[path]!), ({ data }) => data),
    );
  const resolved = await Effect.runPromise(
    Effect.flatMap(loadExperiment(`${folder}/again.json`), (of) => resolve(of, at.cache)),
  );
  const { params } = await Effect.runPromise(startingModel(resolved)), map = "model.layers.1.mlp.down_proj";
  const base = await read(`${map}.weight`, at.trained.causalLM.params),
    sum = await read(`${map}.weight`, params);
  const [A, B] = [
    await read(`lora.${map}.lora_A`, at.trained.causalLM.params),
    await read(`lora.${map}.lora_B`, at.trained.causalLM.params),
  ];
  const { width, ff } = llama;
  for (const [row, column] of [[0, 0], [17, 300], [width - 1, ff - 1]] as const) {
    const low = Array.from({ length: 4 }, (_, k) => B[row * 4 + k]! * A[k * ff + column]!);
    const expected = base[row * ff + column]! + 2 * low.reduce((x, y) => x + y, 0);
    assert.ok(Math.abs(sum[row * ff + column]! - expected) < 1e-6);
  }
  assert.ok(sum.some((x, i) => x !== base[i]));
});

test("checkpoints name the frozen decoder and do not hold it; one that has changed since is not asked", async () => {
  for (const stage of ["pretrain", "expand", "finetune"]) {
    const path = `${whole()}/checkpoints/${stage}.safetensors`;
    const { tensors, metadata } = await Effect.runPromise(load(path));
    const own = Object.keys(tensors).filter((name) => /(^|\.)(model\.layers|model\.norm|lm_head)/.test(name));
    assert.ok(own.every((name) => name.includes("lora")), `${stage}: ${own.join(" ")}`);
    const { model, lm_head } = JSON.parse(metadata.frozen!);
    assert.equal([model.source, lm_head.source], [`${folder}/llama`, `${folder}/llama`]);
  }
  const weights = `${folder}/llama/model.safetensors`, bytes = Deno.readFileSync(weights);
  bytes[bytes.length - 2]! ^= 1;
  Deno.writeFileSync(weights, bytes);
  const opened = loadTrained(whole(), undefined, {}, `${folder}/cache`);
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(opened)));
  assert.match(error.message, /llama, whose config\.json or weights have changed since the training/);
});

test("a trainable path that the model does not have is refused with those that it has", async () => {
  const { code, stderr } = await train("wrong", "--device", "cpu", "--set", 'finetune.trainable=["adapter"]')
    .output();
  assert.is(code, 1);
  assert.match(new TextDecoder().decode(stderr), /"adapter"[^]*under bridge, model, lm_head, lora/);
});

test.run();

/** A model is found wherever it was fine-tuned: in an ablation by its arm, in the store by its artefact or its checkpoint. */
import { arrayTrees, type NdArray, type Tree } from "@chain-of-sight/core";
import { deviceNamed } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ablateHere } from "../../pipelines/ablations/ablate.ts";
import { ablation } from "../support/ablations.ts";
import { loadTrained } from "../../pipelines/ask/trained.ts";
import { locateRun } from "../../pipelines/engine/run_location.ts";
import { PARAMS } from "../../pipelines/train/step_source.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { type LazyArray, type LazyError, readLazies } from "../../pipelines/weights/lazy.ts";
import { experimentOf, setting } from "../../pipelines/ablations/config.ts";
import { exportTrained } from "../../pipelines/ask/export_trained.ts";
import type { Experiment, TrainSpec } from "../../pipelines/engine/experiment.ts";
import { jobNamed } from "../../pipelines/engine/jobs.ts";
import { resolve } from "../../pipelines/engine/resolve.ts";
import { ran } from "../bench/command.ts";
import { right } from "../support/either.ts";
import { madeBy } from "../support/made_by.ts";
import { runInto } from "../support/tiny_experiment.ts";

const test = suite("where a model is found");
const folder = Deno.makeTempDirSync(), run = `${folder}/ablation`, store = `${folder}/store`;
test.after(() => Deno.remove(folder, { recursive: true }));

const config = ablation("main", "smoke", {
  seeds: [3, 4],
  arms: ["cos-20-84", "cos-20-20"],
  settings: [
    setting("model.vision", { from: "fresh", steps: 1, batch: [4, 2], scenes: 16 }),
    "pretrain.steps=2",
    "finetune.steps=2",
  ],
});
const sink = { isTerminal: () => false, width: () => 100, write: () => {}, now: () => 0 };

interface Recorded {
  readonly device: string;
  readonly runs: readonly {
    readonly arm: string;
    readonly seed: number;
    readonly artefacts: Readonly<Record<string, string>>;
  }[];
}

const recorded = (): Recorded => JSON.parse(Deno.readTextFileSync(`${run}/record.json`)) as Recorded;
const artefact = (arm: string, seed: number, stage = "finetune"): string =>
  recorded().runs.find((one) => one.arm === arm && one.seed === seed)!.artefacts[stage]!;

test.before(async () => {
  const options = { config, command: "again", out: run, store, version: "test", sink };
  await Effect.runPromise(ablateHere(options).pipe(Effect.provide(deviceNamed("cpu"))));
});

const flat = (tree: unknown): Effect.Effect<Readonly<Record<string, NdArray>>, LazyError> =>
  Effect.map(readLazies(tree as Tree<LazyArray>), (read) => arrayTrees.flatten(read));

test("by arm, by artefact and by checkpoint it is one model: that of its checkpoint behind its own encoder", async () => {
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const name = artefact("cos-20-84", 3), there = `${store}/${name}`;
    const byArm = yield* loadTrained(run, "cos-20-84"), byDefault = yield* loadTrained(`${run}/`);
    const byArtefact = yield* loadTrained(there);
    const byFile = yield* loadTrained(`${there}/checkpoints/finetune.safetensors`);
    assert.equal([byArm.arm, byDefault.arm], ["cos-20-84", config.arms[0]!.name]);
    assert.equal([byArtefact.arm, byFile.arm], ["cos-20-84", "cos-20-84"]);
    assert.equal(byArtefact.bridge, byArm.bridge);
    const { vision, ...params } = byArm.causalLM.params as Readonly<Record<string, unknown>>;
    const { tensors } = yield* load(`${there}/checkpoints/finetune.safetensors`);
    for (const [path, value] of Object.entries(yield* flat(params))) {
      assert.equal(tensors[`${PARAMS}${path}`], value);
    }
    const encoder = yield* load(byArm.encoder!), weights = Object.entries(yield* flat(vision));
    for (const [path, value] of weights) assert.equal(encoder.tensors[`${PARAMS}vit.${path}`], value, path);
    for (const other of [byArtefact, byFile]) {
      assert.equal(yield* flat(other.causalLM.params), yield* flat(byArm.causalLM.params));
    }
  })));
});

const said = (path: string, name?: string): Promise<string> =>
  Effect.runPromise(Effect.flip(locateRun(path, name))).then((error) => (error as Error).message);

test("the commands ask it and export it", async () => {
  const asked = await ran(
    "pipelines/cli/cos.ts",
    ...["ask", "--device", "cpu", "--checkpoint", run, "--arm", "cos-20-84", "--json", "--max-tokens", "2"],
    ...["--image", `${store}/${artefact("cos-20-84", 3, "evaluate")}/samples/sheet.png`],
    ...["--question", "is there a cow"],
  );
  assert.is(asked.code, 0, asked.err);
  assert.is((JSON.parse(asked.out) as { readonly arm: string }).arm, "cos-20-84");
  const written = await ran(
    "pipelines/cli/cos.ts",
    ...[
      "export",
      `${store}/${artefact("cos-20-20", 4)}`,
      "--format",
      "huggingface",
      "--out",
      `${folder}/out`,
    ],
  );
  assert.is(written.code, 0, written.err);
  assert.ok(Deno.statSync(`${folder}/out/decoder/model.safetensors`).size > 1000);
});

/** The first training of an arm with the decoder of the run, which stays as it is. */
const fromRun = (arm: string, change: Partial<Experiment> = {}): Experiment => {
  const { model, stages, ...rest } = right(experimentOf(config, config.arms[0]!, 3));
  const { train } = stages[0] as { readonly train: TrainSpec };
  return {
    ...rest,
    name: "again",
    model: { ...model, vision: { from: "shipped" }, decoder: { from: "run", folder: run, arm } },
    stages: [{ train: { ...train, trainable: ["bridge"] } }],
    ...change,
  };
};

test("a training starts from the decoder of a run, which is known by its content and named, not copied", async () => {
  await Effect.runPromise(
    Effect.scoped(Effect.gen(function* () {
      const cache = `${folder}/cache`, experiment = fromRun("cos-20-84");
      const resolved = yield* resolve(experiment, cache), other = yield* resolve(fromRun("cos-20-20"), cache);
      assert.equal(resolved.parts.decoder, (yield* loadTrained(run, "cos-20-84")).parts.decoder);
      assert.is.not(resolved.hashes[run], other.hashes[run]);
      const keys = [resolved, other].map((one) => jobNamed(one, madeBy("cpu"), "pretrain")!.key);
      assert.is.not(keys[0], keys[1]);
      yield* runInto(experiment, `${folder}/again`, store);
      const again = yield* loadTrained(`${folder}/again`),
        { tensors, metadata } = yield* load(again.checkpoint);
      const own = yield* load(`${store}/${artefact("cos-20-84", 3)}/checkpoints/finetune.safetensors`);
      const { vision: _, bridge: _bridge, ...decoder } = again.causalLM.params as Readonly<
        Record<string, unknown>
      >;
      for (const [path, value] of Object.entries(yield* flat(decoder))) {
        assert.equal(own.tensors[`${PARAMS}${path}`], value, path);
      }
      assert.not.ok(Object.keys(tensors).some((name) => name.includes("embed_tokens")));
      assert.equal(JSON.parse(metadata.frozen!).model, { source: run, hash: resolved.hashes[run] });
      const exported = yield* exportTrained(`${folder}/exported`, again);
      assert.ok(exported.includes(`${folder}/exported/decoder`), "a run is no base that transformers reads");
      const error = yield* Effect.flip(
        resolve(fromRun("cos-20-84", { world: { ...experiment.world!, vocabulary: 120 } }), cache),
      );
      assert.match(
        (error as Error).message,
        /ablation: got a decoder that knows another tokenizer, of \d+ tokens/,
      );
      const none = yield* Effect.flip(resolve(fromRun("cos-9"), cache));
      assert.match((none as Error).message, /no trained arm cos-9/);
    })).pipe(Effect.provide(deviceNamed("cpu"))),
  );
});

test("what is none, is not there or not finished is said; another seed replaces one that is not", async () => {
  const pretrained = `${store}/${artefact("cos-20-84", 3, "pretrain")}`;
  assert.match(await said(run, "cos-1"), /no trained arm cos-1; expected one of cos-20-20, cos-20-84/);
  const early = await Effect.runPromise(locateRun(`${pretrained}/checkpoints/pretrain.safetensors`));
  assert.equal([early.stage, (await Effect.runPromise(locateRun(pretrained))).stage], [0, 0]);
  const first = artefact("cos-20-84", 3), second = artefact("cos-20-84", 4);
  Deno.removeSync(`${store}/${first}/result.json`);
  assert.is((await Effect.runPromise(locateRun(run, "cos-20-84"))).run, `${store}/${second}`);
  Deno.removeSync(`${store}/${first}/checkpoints/finetune.safetensors`);
  assert.match(await said(`${store}/${first}`), /nothing is trained yet/);
});

test.run();

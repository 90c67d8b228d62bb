/** The command `train` with validation, scores, averages, live logs, an extension and a warm start, as processes. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RunSummary } from "../../../pipelines/engine/summary.ts";
import { parseMetrics } from "../../../pipelines/runs/metrics.ts";
import { defaultData } from "../../../pipelines/scenes/config.ts";
import { load, read } from "../../../pipelines/weights/checkpoint.ts";
import { right } from "../../support/either.ts";
import { writeValue, writeWorld } from "./world.ts";

const test = suite("train with validation");
const root = new URL("../../..", import.meta.url).pathname;
const folder = await Deno.makeTempDir({ prefix: "validated" });
const world = await writeWorld(folder, 8);
await writeValue(`${folder}/mixture.json`, world);
await writeValue(`${folder}/held.json`, { ...world, parts: world.parts.slice(2) });
const experiment = (steps: number, more: object = {}) => ({
  name: "validated",
  seed: 3,
  featureBatch: 4,
  model: {
    vision: { from: "shipped" },
    bridge: { kind: "resampler", queries: 4, levels: 2 },
    bridgeHeads: 2,
    init: 0.09,
    decoder: { from: "fresh", width: 16, layers: 1, heads: 2, ff: 32 },
  },
  stages: [
    {
      train: {
        name: "pretrain",
        data: "mixture.json",
        heldOut: "held.json",
        steps,
        batch: 2,
        learningRate: { bridge: 0.003, model: 0.001, lm_head: 0.001 },
        schedule: { kind: "wsd", decay: 2 },
        warmup: 1,
        weightDecay: 0,
        maxNorm: 1,
        trainable: ["bridge", "model", "lm_head"],
        every: 3,
        ema: 0.9,
        result: { weights: "ema", checkpoint: "best" },
        validation: { every: 2, batches: 2, scores: true },
        ...more,
      },
    },
    { evaluate: { data: "held.json", benchmarks: { vqa: "vqav2" }, batch: 4, tokens: 2 } },
  ],
});

const said = async (run: string, config: object, ...args: readonly string[]) => {
  await writeValue(`${folder}/${run}.json`, config);
  const place = [
    "--out",
    `${folder}/${run}`,
    "--store",
    `${folder}/store-${run}`,
    "--cache",
    `${folder}/cache`,
  ];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "pipelines/cli/cos.ts",
      "train",
      `${folder}/${run}.json`,
      "--device",
      "cpu",
      ...place,
      ...args,
    ],
    cwd: root,
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};
const bytes = (run: string, name: string): Uint8Array =>
  Deno.readFileSync(`${folder}/${run}/checkpoints/${name}.safetensors`);
const metrics = (run: string) =>
  right(parseMetrics(Deno.readFileSync(`${folder}/${run}/metrics/pretrain.jsonl`))).records.map((
    { seconds: _s, warmup: _w, deviceBytes: _d, ...record },
  ) => record);

test("losses and scores of held-out data, kept by step, shown while it trains", async () => {
  const run = await said("short", experiment(6), "--json", "--log", `tensorboard,mlflow:${folder}/mlruns`);
  assert.is(run.code, 0, run.err);
  const validated = metrics("short").filter((record) => "validation/loss" in record);
  assert.equal(validated.map(({ step }) => step), [2, 4, 6]);
  assert.ok(validated.every((record) => typeof record["scores/vqa"] === "number"));
  const { scores } = JSON.parse(run.out) as RunSummary;
  assert.is(scores["vqa"]!.scores.n, 16);
  const store = [...Deno.readDirSync(`${folder}/store-short`)].map(({ name }) => name);
  const made = `${folder}/store-short/${store.find((name) => name.startsWith("pretrain-"))}`;
  for (const step of [2, 4, 6]) {
    assert.ok(Deno.statSync(`${made}/predictions/pretrain-${step}-vqa.jsonl`).size > 100);
  }
  const [events] = [...Deno.readDirSync(`${made}/logs/tensorboard/pretrain`)];
  assert.match(events!.name, /^events\.out\.tfevents\./);
  const text = new TextDecoder("latin1").decode(
    Deno.readFileSync(`${made}/logs/tensorboard/pretrain/${events!.name}`),
  );
  assert.match(text, "validation/loss");
  const [mlflow] = [...Deno.readDirSync(`${folder}/mlruns`)];
  assert.match(mlflow!.name, /^\d{18}$/);
  // what the best checkpoint holds is what is evaluated: the run names it, too
  assert.ok(bytes("short", "pretrain.best").length > 1000);
});

test("exports take the averages of the best checkpoint, as the training says, or what is asked for", async () => {
  const tensor = async (...args: readonly string[]): Promise<readonly number[]> => {
    const out = await Deno.makeTempDir({ prefix: "exported" });
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "pipelines/cli/cos.ts",
        "export",
        `${folder}/short`,
        "--format",
        "huggingface",
        "--json",
        "--out",
        out,
        ...args,
      ],
      cwd: root,
    }).output();
    assert.is(code, 0, new TextDecoder().decode(stderr));
    const { files } = JSON.parse(new TextDecoder().decode(stdout)) as { readonly files: readonly string[] };
    const bridge = files.find((file) => /bridge.*\.safetensors$/.test(file));
    assert.ok(bridge !== undefined, files.join(", "));
    const { tensors } = await Effect.runPromise(read(bridge.startsWith("/") ? bridge : `${out}/${bridge}`));
    return [...Object.values(tensors)[0]!.data];
  };
  const own = await tensor(),
    best = await Effect.runPromise(load(`${folder}/short/checkpoints/pretrain.best.safetensors`));
  const kept = (prefix: string): readonly (readonly number[])[] =>
    Object.entries(best.tensors).flatMap(([name, { data }]) => name.startsWith(prefix) ? [[...data]] : []);
  const isOf = (prefix: string, values: readonly number[]): boolean =>
    kept(prefix).some((some) => some.length === values.length && some.every((v, i) => v === values[i]));
  assert.ok(isOf("state.ema.bridge.", own) && !isOf("state.params.bridge.", own));
  assert.ok(isOf("state.params.bridge.", await tensor("--weights", "trained")));
});

test("--extend goes on from the stable phase, and ends as the longer training does; a warm start takes the weights", async () => {
  const long = await said("long", experiment(9), "--json");
  assert.is(long.code, 0, long.err);
  const longer = await said("longer", experiment(9), "--json", "--extend", `${folder}/short`);
  assert.is(longer.code, 0, longer.err);
  assert.equal(bytes("longer", "pretrain"), bytes("long", "pretrain"));
  assert.equal(bytes("longer", "pretrain.best"), bytes("long", "pretrain.best"));
  assert.equal(metrics("longer"), metrics("long"));
  const seconds = (run: string): readonly unknown[] =>
    right(parseMetrics(Deno.readFileSync(`${folder}/${run}/metrics/pretrain.jsonl`))).records
      .filter(({ step }) => step <= 4).map((record) => record.seconds);
  assert.equal(seconds("longer"), seconds("short"), "steps before the decay were not done again");
  const start = {
    warmStart: { checkpoint: `${folder}/short/checkpoints/pretrain.safetensors`, weights: "ema" },
  };
  const warm = await said("warm", experiment(3, start), "--json");
  assert.is(warm.code, 0, warm.err);
  const first = (run: string): number => metrics(run)[0]!.loss as number;
  assert.ok(first("warm") < first("short"), `${first("warm")} ${first("short")}`);
});

test("the drawn world: held-out scenes give losses and scores, too", async () => {
  const train = experiment(4).stages[0]!.train!;
  const scenes = { scenes: "pretrain", count: 8, length: 32, turns: { presence: 2, count: 1 } };
  const held = { scenes: "eval", count: 4 };
  const drawn = {
    ...experiment(4),
    world: { data: { ...defaultData, concepts: 8, objects: [2, 3] }, vocabulary: 512 },
    stages: [
      { train: { ...train, data: scenes, heldOut: held } },
      { evaluate: { data: held, batch: 16, resamples: 20, seed: 1, samples: 2 } },
    ],
  };
  const run = await said("drawn", drawn, "--json");
  assert.is(run.code, 0, run.err);
  const validated = metrics("drawn").filter((record) => "validation/loss" in record);
  assert.equal(validated.map(({ step }) => step), [2, 4]);
  assert.ok(
    validated.every((record) => typeof record["scores/presenceAccuracy"] === "number"),
    JSON.stringify(validated),
  );
});

test("a typo is answered with its path; validation without data, and logs that there are not, are refused", async () => {
  const typo = await said("typo", experiment(3, { validation: { evry: 1, batches: 1 } }));
  assert.is(typo.code, 1);
  assert.match(typo.err, /stages\.0\.train\.validation\.evry/);
  const { heldOut: _, ...alone } = experiment(3).stages[0]!.train!;
  const without = await said("without", { ...experiment(3), stages: [{ train: alone }] });
  assert.match(without.err, /heldOut and validation together in pretrain/);
  const log = await said("log", experiment(3), "--log", "wandb");
  assert.is(log.code, 1);
  assert.match(log.err, /wandb[^]*tensorboard, mlflow/);
  const group = await said("group", experiment(3, { learningRate: { brigde: 1, model: 1, lm_head: 1 } }));
  assert.is(group.code, 1);
  assert.match(group.err, /learningRate\.brigde/);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();

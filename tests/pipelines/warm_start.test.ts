/** Stages that start from a run's parameters; what a run's manifest says of a stage that ended early. */
import { type Tree } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { newManifest, stageOf } from "../../pipelines/runs/manifest.ts";
import { openOrCreateRun, readManifest } from "../../pipelines/runs/run_directory.ts";
import type { LanguageConfig } from "../../pipelines/stages/language_config.ts";
import { partsOf } from "../../pipelines/stages/model.ts";
import { freshArm } from "../support/fresh_arm.ts";
import { languageStage } from "../../pipelines/stages/train.ts";
import { noted, stageRun } from "../../pipelines/stages/stage.ts";
import { warmStarted } from "../../pipelines/stages/warm_start.ts";
import { withExtended } from "../../pipelines/train/extend.ts";
import { train } from "../../pipelines/train/trainer.ts";
import { load } from "../../pipelines/weights/checkpoint.ts";
import { closeCpu, cpuServices } from "../support/cpu.ts";
import { tinyLanguage } from "../support/tiny_language.ts";
import { type LazyArray, lazyTrees } from "../../pipelines/weights/lazy.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("warm start");
test.after(closeCpu);
const { model, arm, vocabulary, source } = tinyLanguage;
const config: LanguageConfig = {
  steps: 3,
  batch: 2,
  learningRate: 1e-2,
  warmup: 0,
  weightDecay: 0,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 3,
  ema: 0.5,
};
const folder = Deno.makeTempDirSync({ prefix: "warm" }), checkpoint = `${folder}/c.safetensors`;
const fresh = freshArm(arm, model, vocabulary, 7);
const flat = arraysOf;
const start = (given: typeof fresh, from: LanguageConfig["warmStart"] & object) =>
  Effect.runPromise(warmStarted("tiny", given, from));
const refused = async (given: typeof fresh, from: LanguageConfig["warmStart"] & object): Promise<string> =>
  String(await Effect.runPromise(Effect.flip(warmStarted("tiny", given, from))));

test.before(async () => {
  await Effect.runPromise(
    Effect.provide(train(tinyLanguage.training(config, folder)), await cpuServices()),
  );
});

/** A manifest of a run with one stage. */
const manifestOf = (name: string) =>
  newManifest({
    name,
    config: {},
    dataHash: "0".repeat(64),
    codeVersion: "0",
    commit: "unknown",
    device: "cpu",
    seeds: {},
    stages: ["pretrain"],
  }, new Date().toISOString());

test("a model takes over the weights of a training, or their averages, and is known by what they are", async () => {
  const { tensors } = await Effect.runPromise(load(checkpoint)), name = "lm_head.weight";
  const trained = await start(fresh, { checkpoint });
  assert.equal((await flat(trained.params))[name]!.data, tensors[`state.params.${name}`]!.data);
  const averaged = await start(fresh, { checkpoint, weights: "ema" });
  assert.equal((await flat(averaged.params))[name]!.data, tensors[`state.ema.${name}`]!.data);
  assert.is(new Set([fresh, trained, averaged].map(({ identity }) => identity)).size, 3);
  const copy = `${folder}/copy.safetensors`;
  Deno.copyFileSync(checkpoint, copy);
  assert.is((await start(fresh, { checkpoint: copy })).identity, trained.identity, "not by the file's name");
});

test("names that are missing or unexpected are listed and refused, or passed over; other shapes are refused", async () => {
  const { bridge: _, ...parts } = fresh.params as Readonly<Record<string, Tree<LazyArray>>>;
  const a = lazyTrees.flatten(fresh.params)["lm_head.weight"]!;
  const other = { ...fresh, params: { ...parts, adapter: { a } } };
  const said = await refused(other, { checkpoint });
  assert.match(
    said,
    /start tiny from .*: got missing adapter\.a; unexpected bridge\.[^;]* and \d+ others/,
  );
  assert.match(said, /set warmStart\.strict to false/);
  const loose = await start(other, { checkpoint, strict: false });
  assert.is(lazyTrees.flatten(loose.params)["adapter.a"], a);
  assert.not.equal(
    (await flat(loose.params))["lm_head.weight"]!.data,
    (await flat(fresh.params))["lm_head.weight"]!.data,
  );
  const wider = freshArm(arm, { ...model, width: 24 }, vocabulary, 7);
  assert.match(
    await refused(wider, { checkpoint, strict: false }),
    /got shapes .*lm_head\.weight \[\d+,\d+\] in place of|got shapes bridge/,
  );
  Deno.writeTextFileSync(`${folder}/text.safetensors`, "text");
  assert.match(await refused(fresh, { checkpoint: `${folder}/none.safetensors` }), /no such file/);
});

test("a stage starts warm, and its manifest says that it ended early, also when it is opened again", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "early" });
  const early: LanguageConfig = {
    ...config,
    steps: 9,
    warmStart: { checkpoint },
    validation: { every: 2, batches: 1, scores: true, metric: "scores/same", patience: 2 },
  };
  const stage = {
    name: "pretrain",
    config: early,
    model: partsOf(model, vocabulary),
    source: source(),
    seed: 3,
    validation: source(),
    scores: () => Effect.succeed({ same: 1 }),
  };
  const manifest = manifestOf("early");
  const once = Effect.scoped(Effect.gen(function* () {
    const run = stageRun(yield* openOrCreateRun(directory, manifest));
    return yield* noted(run, "pretrain", languageStage(run, stage))(fresh);
  }));
  const services = await cpuServices(), first = await Effect.runPromise(Effect.provide(once, services));
  const entry = stageOf(await Effect.runPromise(readManifest(directory)), "pretrain")!;
  assert.equal([entry.status, entry.steps, entry.checkpoint], [
    "done",
    6,
    "checkpoints/pretrain.safetensors",
  ]);
  assert.match(
    entry.endedEarly!,
    /scores\/same has not improved in 2 validations up to step 6; the best is 1 at step 2/,
  );
  const written = Deno.readTextFileSync(`${directory}/manifest.json`);
  const again = await Effect.runPromise(Effect.provide(once, services));
  assert.is(Deno.readTextFileSync(`${directory}/manifest.json`), written);
  assert.equal(await flat(again.params), await flat(first.params));
});

test("a stage goes on from that of another run where the steps alone differ, and from step 0 where more does", async () => {
  const root = Deno.makeTempDirSync({ prefix: "extend" }),
    services = await cpuServices(),
    seen: number[] = [];
  const noted = (step: number): undefined => void seen.push(step);
  const run = (name: string, change: Partial<LanguageConfig>, from?: string) => {
    const stage = {
      name: "pretrain",
      config: { ...config, ...change },
      model: partsOf(model, vocabulary),
      source: source(noted),
      seed: 3,
    };
    const made = Effect.scoped(Effect.gen(function* () {
      const opened = stageRun(yield* openOrCreateRun(`${root}/${name}`, manifestOf(name)));
      return yield* languageStage(opened, stage)(fresh);
    }));
    seen.length = 0;
    return Effect.runPromise(
      Effect.provide(from === undefined ? made : withExtended(`${root}/${from}`, made), services),
    );
  };
  const constant = { schedule: { kind: "constant" } } as const;
  await run("short", constant);
  const long = await run("long", { ...constant, steps: 7 });
  const longer = await run("longer", { ...constant, steps: 7 }, "short");
  assert.is(seen[0], 3);
  assert.equal(await flat(longer.params), await flat(long.params));
  assert.equal(
    Deno.readFileSync(`${root}/longer/checkpoints/pretrain.safetensors`),
    Deno.readFileSync(`${root}/long/checkpoints/pretrain.safetensors`),
  );
  await run("other", { ...constant, steps: 7, weightDecay: 0.5 }, "short");
  assert.is(seen[0], 0);
  await run("none", constant, "nowhere");
  assert.is(seen[0], 0);
});

test.run();

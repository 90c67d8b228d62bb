/** Stages as configurations say them: groups of learning rates and decays, schedules, refusals by name. */
import { type ConfigError, i32, input, interpret, under } from "@chain-of-sight/core";
import { compile, kernelLabel, portableProfile } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMetrics } from "../../pipelines/runs/metrics.ts";
import { modelOf, type ModelState, partsOf } from "../../pipelines/stages/model.ts";
import {
  decidingFields,
  languageCodec,
  type LanguageConfig,
  optimiserOf,
} from "../../pipelines/stages/language_config.ts";
import { freshArm } from "../support/fresh_arm.ts";
import { stepSource } from "../../pipelines/train/step_source.ts";
import { train } from "../../pipelines/train/trainer.ts";
import { closeCpu, cpuServices } from "../support/cpu.ts";
import { tinyLanguage } from "../support/tiny_language.ts";
import { arraysOf } from "../support/lazy.ts";

const test = suite("language configuration");
test.after(closeCpu);
const config: LanguageConfig = {
  steps: 20,
  batch: 2,
  learningRate: 1e-3,
  warmup: 2,
  weightDecay: 0.01,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head"],
  every: 5,
};
const { model, arm, vocabulary } = tinyLanguage;
const { bridge } = freshArm(arm, model, vocabulary, 1),
  { specs } = modelOf(partsOf(model, vocabulary), bridge);
const refusal = (change: Partial<LanguageConfig>): string => {
  try {
    optimiserOf({ ...config, ...change }, specs as never);
  } catch (error) {
    return (error as ConfigError).message;
  }
  throw new Error(`not refused: ${JSON.stringify(change)}`);
};

test("groups that match nothing, overlap, or leave a trained parameter out are refused by name", () => {
  const rest = { model: 1e-4, lm_head: 1e-4 };
  assert.match(
    refusal({ learningRate: { brigde: 1e-3, bridge: 1e-3, ...rest } }),
    /learningRate\.brigde: got a group that no trained parameter belongs to.*bridge, .*model, .*lm_head/s,
  );
  assert.match(
    refusal({ learningRate: { bridge: 1e-3, "bridge.scales": 2e-3, ...rest } }),
    /learningRate: got bridge\.scales.* in two groups, bridge and bridge\.scales/,
  );
  assert.match(refusal({ weightDecay: { bridge: 0.1, model: 0 } }), /weightDecay: got no group with lm_head/);
  // what is frozen is in no group
  assert.match(
    refusal({ trainable: ["bridge"], learningRate: { bridge: 1e-3, model: 1e-4 } }),
    /learningRate\.model: got a group that no trained/,
  );
});

test("groups change learning rates and decays; equal ones are those of one number", () => {
  const same = { bridge: 1e-3, model: 1e-3, lm_head: 1e-3 }, step = input("step", [], "i32");
  const one = optimiserOf(config, specs as never);
  const many = optimiserOf({ ...config, learningRate: same }, specs as never);
  assert.is(many.schedule.of(step), one.schedule.of(step), "the same description");
  const slow = { ...same, bridge: 1e-4 };
  const state = (learningRate: LanguageConfig["learningRate"], weightDecay: LanguageConfig["weightDecay"]) =>
    tinyLanguage.training({ ...config, learningRate, weightDecay });
  const updates = (training: ReturnType<typeof state>): readonly number[] =>
    compile(stepSource(training).source, { ...portableProfile, maxBindings: 16 }).kernels.flatMap((k) => {
      const found = k.kind === "repeat" ? null : /foreach of (\d+) tensors/.exec(kernelLabel(k));
      return found === null ? [] : [Number(found[1])];
    }).toSorted();
  assert.is(updates(state(1e-3, 0.01)).length, 2, "decayed or not");
  assert.equal(updates(state(same, 0.01)), updates(state(1e-3, 0.01)));
  const grouped = updates(state(slow, { bridge: 0, model: 0.1, lm_head: 0.1 }));
  assert.is(grouped.length, 3, "the bridge; others decayed or not");
  const total = (of: readonly number[]): number => of.reduce((a, b) => a + b);
  assert.is(total(grouped), total(updates(state(1e-3, 0.01))));
});

test("averages of the weights are at most one kernel more: the update writes them with the weights", () => {
  const kernels = (more: Partial<LanguageConfig>): number =>
    compile(stepSource(tinyLanguage.training({ ...config, ...more })).source, {
      ...portableProfile,
      maxBindings: 16,
    }).kernels.length;
  const more = kernels({ ema: 0.99 }) - kernels({});
  assert.ok(more === 0 || more === 1, String(more));
});

test("schedules: cosine to 2 % by default, constant, warm-up, stable and decay", () => {
  const at = (schedule: LanguageConfig["schedule"], step: number): number =>
    optimiserOf({ ...config, ...(schedule === undefined ? {} : { schedule }) }, specs as never).schedule
      .at(step) / 1e-3;
  const near = (a: number, b: number): void => assert.ok(Math.abs(a - b) < 1e-12, `${a} ${b}`);
  near(at(undefined, 20), 0.02);
  near(at({ kind: "cosine", floor: 0.5 }, 20), 0.5);
  near(at({ kind: "constant" }, 1), 0.5);
  near(at({ kind: "constant" }, 1000), 1);
  const wsd = { kind: "wsd", decay: 8 } as const;
  near(at(wsd, 12), 1);
  near(at(wsd, 16), 0.5);
  near(at({ ...wsd, floor: 0.1 }, 20), 0.1);
  const step = input("step", [], "i32");
  for (const schedule of [wsd, { ...wsd, floor: 0.25 }, { kind: "constant" } as const]) {
    const made = optimiserOf({ ...config, schedule }, specs as never).schedule;
    for (const t of [0, 1, 2, 11, 12, 13, 19, 20]) {
      const [value] = interpret([made.of(step)], { step: i32([], [t]) });
      assert.ok(Math.abs(value!.data[0]! - made.at(t)) < 1e-9, `step ${t}`);
    }
  }
  assert.match(refusal({ schedule: { kind: "wsd", decay: 19 } }), /warm-up 2 and decay 19 of 20 steps/);
});

test("the codec takes groups and schedules, and nothing alongside them", () => {
  const takes = (change: object): boolean =>
    languageCodec().decode({ ...config, ...change })._tag === "Right";
  assert.ok(takes({ learningRate: { bridge: 1e-3 } }));
  assert.ok(takes({ ema: 0.99, validation: { every: 1, batches: 1 }, result: { checkpoint: "best" } }));
  assert.ok(takes({ schedule: { kind: "wsd", decay: 3, floor: 0.1 }, decays: "all" }));
  for (
    const change of [
      { learningRate: { bridge: -1 } },
      { learningRate: "fast" },
      { schedule: { kind: "wsd" } },
      { schedule: { kind: "linear" } },
      { schedule: { kind: "cosine", floor: 2 } },
      { decays: "none" },
      { keep: { best: true } },
      { result: { checkpoint: "best" } },
      { result: { weights: "ema" } },
      { ema: 1 },
      { validation: { every: 0, batches: 1 } },
    ]
  ) assert.not.ok(takes(change), JSON.stringify(change));
});

test("a stage validates on data of its own, with scores of its evaluation, and refuses to without", async () => {
  const folder = Deno.makeTempDirSync({ prefix: "language" }), { source } = tinyLanguage;
  const validation = { every: 2, batches: 2, scores: true, metric: "scores/step" } as const;
  const asked: LanguageConfig = {
    ...config,
    steps: 4,
    every: 4,
    ema: 0.9,
    result: { weights: "ema" },
    validation,
  };
  const seen: number[] = [];
  const scores = ({ params }: ModelState, step: number) =>
    Effect.promise(async () => {
      seen.push((await arraysOf(params))["lm_head.weight"]!.data[0]!);
      return { step };
    });
  const training = tinyLanguage.training(asked, folder, source(), { validation: source(), scores });
  const { params } = await Effect.runPromise(Effect.provide(train(training), await cpuServices()));
  const records = await Effect.runPromise(readMetrics(`${folder}/m.jsonl`));
  const validated = records.filter((record) => "scores/step" in record);
  assert.equal(validated.map((record) => [record.step, record["scores/step"]]), [[2, 2], [4, 4]]);
  for (const name of ["loss", "accuracy", "presence"]) {
    assert.type(validated[0]![`validation/${name}`], "number");
  }
  assert.is(seen.at(-1), (await arraysOf(params))["lm_head.weight"]!.data[0], "averages are scored");
  assert.throws(() => tinyLanguage.training(asked, folder), /tiny\.validation: got no data to validate on/);
  assert.throws(
    () => tinyLanguage.training(asked, folder, source(), { validation: source() }),
    /tiny\.validation: got scores, and no evaluation/,
  );
  const same = (more: Partial<LanguageConfig>) => tinyLanguage.training({ ...config, ...more });
  assert.is(same({ steps: 30 }).lineage, same({}).lineage);
  assert.is.not(same({ steps: 30 }).identity, same({}).identity);
  assert.is(same({ keep: { last: 3 } }).identity, same({}).identity);
  assert.is.not(same({ ema: 0.9 }).lineage, same({}).lineage);
});

test("what is said in full and what is left out is the same training", () => {
  const full = { ...config, precision: "f32", onNonFinite: "stop", micro: 1, decays: "weights" } as const;
  assert.equal(decidingFields(full), decidingFields({ ...config, every: 99 }));
  assert.not.equal(decidingFields({ ...config, decays: "all" }), decidingFields(config));
});

test("norms and biases decay only where all parameters do", () => {
  const { optimiser } = optimiserOf({ ...config, decays: "all" }, specs as never);
  const usual = optimiserOf(config, specs as never).optimiser, x = input("x", [2]);
  const given = (path: string) => ({
    path,
    param: x,
    grad: x,
    slots: { m: x, v: x },
    lr: input("lr", []),
    step: input("step", [], "i32"),
  });
  const norm = "model.norm.weight", weight = "lm_head.weight";
  assert.is.not(optimiser.update(given(norm)).param, usual.update(given(norm)).param);
  assert.is(optimiser.update(given(weight)).param, usual.update(given(weight)).param);
  assert.ok(under("model")(norm));
});

test.run();

/** Training steps that see fewer visual tokens than answers do: what their batches hold, what is lost, and a training of them. */
import {
  bindingsOf,
  distillation,
  initialise,
  interpret,
  type NdArray,
  type ParameterSpec,
  placeholders,
  type Tensor,
  type Tree,
  zerosArray,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readMetrics } from "../../pipelines/runs/metrics.ts";
import type { LanguageConfig } from "../../pipelines/stages/language_config.ts";
import { modelOf, partsOf } from "../../pipelines/stages/model.ts";
import { type StepBatch, stepKinds } from "../../pipelines/stages/step_kinds.ts";
import { freshModel } from "../../pipelines/stages/train.ts";
import { train } from "../../pipelines/train/trainer.ts";
import type { BatchPart } from "../../pipelines/train/training.ts";
import { closeCpu, cpuServices } from "../support/cpu.ts";
import { freshArm } from "../support/fresh_arm.ts";
import { tinyLanguage } from "../support/tiny_language.ts";

const test = suite("kinds of steps");
test.after(closeCpu);

const config: LanguageConfig = {
  steps: 12,
  batch: 4,
  learningRate: 1e-3,
  warmup: 2,
  weightDecay: 0.01,
  maxNorm: 1,
  trainable: ["bridge", "model", "lm_head", "isolator"],
  every: 5,
};
const { arm, model, vocabulary, source } = tinyLanguage;
const parts = { ...partsOf(model, vocabulary), isolator: 2 },
  { bridge } = freshArm(arm, model, vocabulary, 1);
const given = freshModel(bridge, parts, 1);

const trainingOf = (
  tokens: NonNullable<LanguageConfig["tokens"]>,
  folder?: string,
  more: Partial<LanguageConfig> = {},
) =>
  tinyLanguage.training({ ...config, tokens, ...more }, folder, source(), {
    model: parts,
    ...(more.validation === undefined ? {} : { validation: source() }),
  }, given);

const batchOf = (
  training: ReturnType<typeof trainingOf>,
  step: number,
  part?: { index: number; of: number },
) => Effect.runPromise(training.batchAt(step, part));

/** The arrays that a step adds to those of four rows, or of a rank's part of them. */
const arraysOf = (tokens: NonNullable<LanguageConfig["tokens"]>) => {
  const { arrays } = stepKinds({ tokens }, (keep) => modelOf(parts, bridge, keep));
  return (step: number, part?: BatchPart) => {
    const rows = 4 / (part?.of ?? 1);
    return arrays(3, step, {
      ids: zerosArray("i32", [rows, 1]),
      "features.0": zerosArray("f32", [rows, 1, 1]),
    }, part);
  };
};

test("random dropping draws other tokens for each image at each step, the same on any number of ranks", () => {
  const arrays = arraysOf({ keep: 0.5, by: "random" }),
    keep = (...at: Parameters<typeof arrays>) => arrays(...at).keep!;
  const first = keep(0),
    rows = Array.from({ length: 4 }, (_, b) => [...first.data.subarray(2 * b, 2 * b + 2)]);
  assert.equal(first.shape, [4, 2]);
  for (const row of rows) assert.ok(row[0]! < row[1]! && row[0]! >= 0 && row[1]! < 4);
  assert.ok(new Set(rows.map(String)).size > 1);
  assert.equal(keep(0).data, first.data);
  assert.not.equal(keep(1).data, first.data);
  const halves = [keep(0, { index: 0, of: 2 }), keep(0, { index: 1, of: 2 })];
  assert.equal(halves.flatMap(({ data }) => [...data]), [...first.data]);
  const seen = new Set(Array.from({ length: 10 }, (_, step) => [...keep(step).data]).flat());
  assert.is(seen.size, 4, "no token is left out for ever");
});

test("a step is slow by a draw of its seed and number, about as often as it says", () => {
  const arrays = arraysOf({ keep: 0.5, by: "diversity", slow: 0.25 });
  const slow = Array.from({ length: 400 }, (_, step) => "distillation" in arrays(step));
  const count = slow.filter(Boolean).length;
  assert.ok(count > 70 && count < 130, String(count));
  assert.equal(
    arrays(slow.indexOf(true), { index: 1, of: 2 }).distillation!.shape,
    [2],
    "the rows of a rank",
  );
});

test("a fast step loses cross entropy of chosen tokens, a slow one that of all and the divergence", async () => {
  const training = trainingOf({ keep: 0.5, by: "diversity", slow: 0.25 });
  const params = placeholders("p", training.specs) as Tree<Tensor>;
  const weights = bindingsOf("p", initialise([7, 8], training.specs as Tree<ParameterSpec>) as Tree<NdArray>);
  const steps = await Promise.all(Array.from({ length: 8 }, (_, step) => batchOf(training, step)));
  const fast = steps.find((one) => !("distillation" in one))!,
    slow = steps.find((one) => "distillation" in one)!;
  const shapes = [training.batch, ...training.others!.map(({ batch }) => batch)] as readonly StepBatch[];
  const [fastBatch, slowBatch] = [shapes[0]!, shapes[1]!];
  assert.equal([training.work.amount, training.others![0]!.amount], [4 * (2 + 2 + 6), 4 * (4 + 6)]);
  const all = modelOf(parts, bridge), few = modelOf(parts, bridge, { count: 2, by: "diversity" });
  const value = (roots: readonly Tensor[], batch: Readonly<Record<string, NdArray>>) =>
    interpret(roots, { ...weights, ...batch }).map(({ data }) => data[0]!);
  const [loss, metrics] = training.loss(params, fastBatch);
  const [got, want, none] = value([loss, few.entropy(params, fastBatch).mean, metrics.distillation!], fast);
  assert.is(got, want);
  assert.is(none, 0);
  const [slowLoss, slowMetrics] = training.loss(params, slowBatch), { ids, labels } = slowBatch;
  assert.equal(Object.keys(slowMetrics), Object.keys(metrics), "one ring holds both");
  const far = distillation(all.logits(params, slowBatch, ids), few.logits(params, slowBatch, ids), labels);
  const [total, entropy, divergence] = value([slowLoss, all.entropy(params, slowBatch).mean, far], slow);
  assert.ok(divergence! > 0);
  assert.ok(Math.abs(total! - entropy! - divergence!) < 1e-12);
});

test("a training takes fast and slow steps, its validation sees all tokens, and its answers need no isolator", async () => {
  const folder = await Deno.makeTempDir();
  const validation = { every: 6, batches: 2 } as const;
  const training = trainingOf({ keep: 0.5, by: "diversity", slow: 0.4 }, folder, { validation });
  const { params } = await Effect.runPromise(Effect.provide(train(training), await cpuServices()));
  const records = await Effect.runPromise(readMetrics(`${folder}/m.jsonl`));
  const steps = records.filter(({ seconds }) => typeof seconds === "number");
  assert.is(steps.length, 12);
  const slow = steps.filter(({ distillation }) => (distillation as number) > 0).length;
  assert.ok(slow > 0 && slow < 12, `${slow} slow steps`);
  const held = records.filter((record) => "validation/loss" in record);
  assert.is(held.length, 2);
  assert.is(held[0]!["validation/distillation"], undefined, "validation is of answers");
  assert.ok("isolator" in (params as object));
  await Deno.remove(folder, { recursive: true });
});

test.run();

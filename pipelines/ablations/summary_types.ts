/**
 * Findings of an ablation, and where each number comes from.
 *
 * On disk an ablation is a run directory (`runs/<family>-<preset>` unless said) that holds no models:
 *
 *     manifest.json   of the usual kind; `config` is the AblationConfig, `stages` are the jobs by artefact name with
 *                     their status, so that it shows how far a running ablation is
 *     record.json     AblationRecord (`engine/ablation_record.ts`): what was asked for, and the artefacts of every arm and seed
 *     summary.json    {@link AblationSummary}
 *     times.json      steps of the first training of every arm, timed side by side (`paired.ts`)
 *     table.txt       the tables of the summary
 *     table.csv       the same, one line an arm and seed
 *     figures/        loss, time against score, and scores by arm, as SVG and PNG
 *     samples/        an image grid of answers of every arm, of its first seed
 *     logs/           what workers said
 *     lock            held by the process that runs it
 *
 * Artefacts (`engine/jobs.ts`) are stored in `runs/store` unless said, which all runs share.
 */
import * as t from "io-ts";
import { nullableNumberCodec } from "../base/nullable_number.ts";
import { intervalCodec } from "../base/bootstrap.ts";
import type { TypeOf } from "../base/bridge.ts";
import { object } from "../base/codecs.ts";

const amount = nullableNumberCodec();
const numbers = t.readonly(t.record(t.string, t.number));
const byStage = t.readonly(t.record(t.string, amount));
const intervals = t.readonly(t.record(t.string, intervalCodec));

/** @internal */
export const originFields = object({
  artefact: t.string,
  configHash: t.string,
  dataHash: t.string,
  command: t.string,
});

/** @internal */
export const paperFields = t.strict({
  table: t.keyof({ main: null, referring: null, "token-scaling": null }),
  row: t.number,
  label: t.string,
  pretrainTokens: t.number,
  relativeTime: t.union([t.number, t.null]),
  resolution: t.number,
  finetuneTokens: t.number,
  scores: numbers,
  note: t.string,
});

/** @internal */
export const seedFields = object({
  /** The seed. */
  seed: t.number,
  /** Scores by metric. */
  scores: numbers,
  /** Mean loss over the last tenth of the steps, by training. */
  loss: byStage,
  /** Median seconds of a step, by training. */
  secondsPerStep: byStage,
  /** Where these come from, by stage. */
  origin: t.readonly(t.record(t.string, originFields)),
});

/** @internal */
export const armSummaryFields = object({
  /** Its name. */
  name: t.string,
  /** Kind of its bridge. */
  bridge: t.string,
  /** Visual tokens, by training. */
  tokens: numbers,
  /** Side of the images in pixels, by training. */
  resolution: numbers,
  /** Optimiser steps, by training. */
  steps: numbers,
  /**
   * Time of the first training relative to the baseline: by FLOPs, NaN, null in JSON, until the baseline is finished; and
   * as measured, of its steps and the baseline's in turn, the median over rounds with its 95 % interval, once `times.json`
   * is there.
   */
  time: object({ predicted: amount }, { measured: intervalCodec }),
  /** Means over seeds of the mean losses over the last tenth of the steps, by training. */
  loss: byStage,
  /** Mean scores over seeds, with 95 % bootstrap intervals over seeds and scenes. */
  scores: intervals,
  /** Scores minus those of the baseline with the same seeds on the same scenes; nothing for the baseline itself. */
  difference: intervals,
  /** Mean scores of the controls: the average image, and the image of another scene. */
  controls: object({ blind: numbers, shuffled: numbers }),
  /** The rows of the paper that it follows. */
  paper: t.readonlyArray(paperFields),
  /** The seeds. */
  seeds: t.readonlyArray(seedFields),
});

/** @internal */
export const failureFields = object({ artefact: t.string, label: t.string, reason: t.string });

/** @internal */
export const summaryFields = object({
  /** Version of this format. */
  format: t.literal(2),
  /** The compared runs. */
  name: t.string,
  /** The seeds. */
  seeds: t.readonlyArray(t.number),
  /** The arm that others are compared with. */
  baseline: t.string,
  /** Name of the device. */
  device: t.string,
  /** Jobs at a time. */
  workers: t.number,
  /** Version of the code. */
  codeVersion: t.string,
  /** Hash of the ablation's configuration. */
  configHash: t.string,
  /** The command that makes all of it again. */
  command: t.string,
  /** Scores in the order of tables; shares are from 0 to 1. */
  metrics: t.readonlyArray(t.strict({ name: t.string, label: t.string })),
  /** Arms that are finished with one seed or more. */
  arms: t.readonlyArray(armSummaryFields),
  /** What could not be done. */
  failures: t.readonlyArray(failureFields),
}, {
  /** Its family. */
  family: t.string,
  /** Its preset. */
  preset: t.string,
});

/** Where a number comes from: a directory of the store, hashes of its configuration and data, the command that makes it again. */
export type Origin = TypeOf<typeof originFields>;
/** One arm with one seed. */
export interface SeedResult extends TypeOf<typeof seedFields> {}
/** One arm. */
export interface ArmSummary extends TypeOf<typeof armSummaryFields> {}
/** A job that could not be done: its directory in the store, what it was, and why. */
export type Failure = TypeOf<typeof failureFields>;
/** `summary.json` of an ablation. */
export interface AblationSummary extends TypeOf<typeof summaryFields> {}

/** Codec of {@link AblationSummary}. */
export const summaryCodec = (): t.Type<AblationSummary, unknown, unknown> => summaryFields;

/**
 * What an ablation found out, and where each number comes from.
 *
 * On disk an ablation is a run directory (`runs/<family>-<preset>` unless said) that holds no models:
 *
 *     manifest.json   of the usual kind; `config` is the AblationConfig, `stages` are the jobs by artefact name with
 *                     their status, so that it shows how far a running ablation is
 *     record.json     {@link AblationRecord}: what was asked for, and the artefacts of every arm and seed
 *     summary.json    {@link AblationSummary}
 *     table.txt       the table of the summary
 *     table.csv       the same, one line an arm and seed
 *     figures/        loss, time against score, and scores by arm, as SVG and PNG
 *     logs/           what workers said
 *     lock            held by the process that runs it
 *
 * Artefacts (`jobs.ts`) lie in a store, `runs/store` unless said, which all ablations share.
 */
import * as t from "io-ts";
import { type Interval, intervalCodec } from "../base/bootstrap.ts";
import { amountCodec } from "../base/amount.ts";
import type { MetricInfo } from "../engine/outcomes.ts";
import type { PaperRow } from "../configs/paper_row.ts";

/** A job as the record names it. */
export interface RecordedJob {
  /** Name of its directory in the store: stage and key. */
  readonly artefact: string;
  /** What it makes. */
  readonly stage: string;
  /** Artefacts that it reads. */
  readonly needs: readonly string[];
  /** What it is in words, such as `finetune cos-80-336, seed 1`; shared ones are named by the first that wanted them. */
  readonly label: string;
  /** Optimiser steps; 0 for what is no training. */
  readonly steps: number;
}

/** The artefacts of one arm and seed by stage. */
export interface RecordedRun {
  /** Name of the arm. */
  readonly arm: string;
  /** Its seed. */
  readonly seed: number;
  /** Artefact of each stage by its name, such as `pretrain`, `expand`, `finetune`, `evaluate`. */
  readonly artefacts: Readonly<Record<string, string>>;
}

/** `record.json` of an ablation. */
export interface AblationRecord {
  /** Version of this format. */
  readonly format: 1;
  /** Settings that were given beside family and preset, as on the command line: `pretrain.steps=100`. */
  readonly settings: readonly string[];
  /** The store, as a path from the ablation's directory, or from the root of the file system. */
  readonly store: string;
  /** The store that commands name where that is another: of records that were copied out of it. */
  readonly storeAsked?: string;
  /** Name of the device. */
  readonly device: string;
  /** Name that the device is chosen by: `cpu`, `webgpu`, `dawn`, `auto`. */
  readonly deviceName: string;
  /** Jobs at a time: times that were measured with more than one are those of a shared machine. */
  readonly workers: number;
  /** The jobs, each after those that it needs. */
  readonly jobs: readonly RecordedJob[];
  /** Arms and seeds. */
  readonly runs: readonly RecordedRun[];
}

/** Where a number comes from. */
export interface Origin {
  /** Directory in the store. */
  readonly artefact: string;
  /** Hash of the configuration in its manifest. */
  readonly configHash: string;
  /** Hash of the pictures that it was made from. */
  readonly dataHash: string;
  /** The command that makes it again. */
  readonly command: string;
}

/** One arm with one seed. */
export interface SeedResult {
  /** The seed. */
  readonly seed: number;
  /** Scores by metric. */
  readonly scores: Readonly<Record<string, number>>;
  /** Mean loss over the last tenth of the steps. */
  readonly loss: { readonly pretrain: number; readonly finetune: number };
  /** Median seconds of a step. */
  readonly secondsPerStep: { readonly pretrain: number; readonly finetune: number };
  /** Where these come from. */
  readonly origin: { readonly pretrain: Origin; readonly finetune: Origin; readonly evaluate: Origin };
}

/** One arm. */
export interface ArmSummary {
  /** Its name; a named configuration's, but in the quickstart's family. */
  readonly name: string;
  /** Kind of its bridge. */
  readonly bridge: string;
  /** Visual tokens in pre-training and fine-tuning. */
  readonly tokens: { readonly pretrain: number; readonly finetune: number };
  /** Side of the pictures in pixels. */
  readonly resolution: { readonly pretrain: number; readonly finetune: number };
  /** Steps of pre-training. */
  readonly pretrainSteps: number;
  /**
   * Time of pre-training relative to the baseline: as measured, mean over seeds, and by operations alone; NaN, null in
   * JSON, until the baseline is finished. Seconds: of all its steps.
   */
  readonly time: { readonly measured: number; readonly predicted: number; readonly seconds: number };
  /** Means over seeds of the mean losses over the last tenth of the steps. */
  readonly loss: { readonly pretrain: number; readonly finetune: number };
  /** Mean scores over seeds, with 95 % intervals of seeds and scenes drawn again. */
  readonly scores: Readonly<Record<string, Interval>>;
  /** Scores minus those of the baseline with the same seeds on the same scenes; nothing for the baseline itself. */
  readonly difference: Readonly<Record<string, Interval>>;
  /** Mean scores of the controls: the average picture, and the picture of another scene. */
  readonly controls: {
    /** The average picture. */
    readonly blind: Readonly<Record<string, number>>;
    /** The picture of another scene. */
    readonly shuffled: Readonly<Record<string, number>>;
  };
  /** The rows of the paper that it follows. */
  readonly paper: readonly PaperRow[];
  /** The seeds. */
  readonly seeds: readonly SeedResult[];
}

/** A job that could not be done. */
export interface Failure {
  /** Directory in the store. */
  readonly artefact: string;
  /** What it was. */
  readonly label: string;
  /** Why. */
  readonly reason: string;
}

/** `summary.json` of an ablation. */
export interface AblationSummary {
  /** Version of this format. */
  readonly format: 1;
  /** Its family. */
  readonly family: string;
  /** Its preset. */
  readonly preset: string;
  /** The seeds. */
  readonly seeds: readonly number[];
  /** The arm that others are compared with. */
  readonly baseline: string;
  /** Name of the device. */
  readonly device: string;
  /** Jobs at a time. */
  readonly workers: number;
  /** Version of the code. */
  readonly codeVersion: string;
  /** Hash of the ablation's configuration. */
  readonly configHash: string;
  /** The command that makes all of it again. */
  readonly command: string;
  /** Scores in the order of tables, all from 0 to 1. */
  readonly metrics: readonly MetricInfo[];
  /** Arms that are finished with one seed or more. */
  readonly arms: readonly ArmSummary[];
  /** What could not be done. */
  readonly failures: readonly Failure[];
}

const amount = amountCodec();
const texts = t.readonlyArray(t.string);
const numbers = t.record(t.string, t.number);
const recordFields = t.strict({
  format: t.literal(1),
  settings: texts,
  store: t.string,
  device: t.string,
  deviceName: t.string,
  workers: t.number,
  jobs: t.readonlyArray(
    t.strict({ artefact: t.string, stage: t.string, needs: texts, label: t.string, steps: t.number }),
  ),
  runs: t.readonlyArray(t.strict({
    arm: t.string,
    seed: t.number,
    artefacts: t.record(t.string, t.string),
  })),
});

const recordType = t.intersection([recordFields, t.partial({ storeAsked: t.string })]);

/** Codec of {@link AblationRecord}. */
export const recordCodec = (): t.Type<AblationRecord, unknown, unknown> =>
  recordType as unknown as t.Type<AblationRecord, unknown, unknown>;

const origin = t.strict({
  artefact: t.string,
  configHash: t.string,
  dataHash: t.string,
  command: t.string,
});
const both = t.strict({ pretrain: amount, finetune: amount });
const paperRow = t.strict({
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
const summaryType = t.strict({
  format: t.literal(1),
  family: t.string,
  preset: t.string,
  seeds: t.readonlyArray(t.number),
  baseline: t.string,
  device: t.string,
  workers: t.number,
  codeVersion: t.string,
  configHash: t.string,
  command: t.string,
  metrics: t.readonlyArray(t.strict({ name: t.string, label: t.string })),
  arms: t.readonlyArray(t.strict({
    name: t.string,
    bridge: t.string,
    tokens: both,
    resolution: both,
    pretrainSteps: t.number,
    time: t.strict({ measured: amount, predicted: amount, seconds: amount }),
    loss: both,
    scores: t.record(t.string, intervalCodec),
    difference: t.record(t.string, intervalCodec),
    controls: t.strict({ blind: numbers, shuffled: numbers }),
    paper: t.readonlyArray(paperRow),
    seeds: t.readonlyArray(t.strict({
      seed: t.number,
      scores: numbers,
      loss: both,
      secondsPerStep: both,
      origin: t.strict({ pretrain: origin, finetune: origin, evaluate: origin }),
    })),
  })),
  failures: t.readonlyArray(t.strict({ artefact: t.string, label: t.string, reason: t.string })),
});

/** Codec of {@link AblationSummary}. */
export const summaryCodec = (): t.Type<AblationSummary, unknown, unknown> => summaryType;

/** What a quickstart found out, as numbers. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import type { DecodeError } from "../base/bridge.ts";
import { bridgeAfter } from "../engine/jobs.ts";
import type { Resolved } from "../engine/resolve.ts";
import { bridgeAt } from "../stages/model.ts";
import type { Interval } from "../base/bootstrap.ts";
import type { DiskError } from "../base/disk.ts";
import type { MetricsError } from "../runs/metrics.ts";
import { readJson, type RunDirectory } from "../runs/run_directory.ts";
import { type Evaluation, evaluationCodec } from "../stages/evaluate.ts";
import type { Arm } from "../ablations/base.ts";
import type { Scores } from "../stages/scores.ts";
import { digestMetrics, type MetricsDigest } from "../train/digest.ts";
import { lastMean } from "../train/timing.ts";
import type { QuickstartConfig } from "../ablations/quickstart_config.ts";

/** One arm after its last stage. */
export interface ArmResult {
  /** The arm. */
  readonly arm: Arm;
  /** Metrics of pre-training. */
  readonly pretrain: MetricsDigest;
  /** Metrics of fine-tuning. */
  readonly finetune: MetricsDigest;
  /** Scores of the model and its controls. */
  readonly evaluation: Evaluation;
}

/** What a run holds of an arm whose last stage is done. */
export const armResult = (
  { metrics, samples }: RunDirectory,
  arm: Arm,
): Effect.Effect<ArmResult, DecodeError | DiskError | MetricsError> =>
  Effect.gen(function* () {
    return {
      arm,
      pretrain: yield* digestMetrics(`${metrics}/${arm.name}-pretrain.jsonl`),
      finetune: yield* digestMetrics(`${metrics}/${arm.name}-finetune.jsonl`),
      evaluation: yield* readJson(`${samples}/${arm.name}-evaluate.json`, evaluationCodec),
    };
  });

/** One arm in the summary. */
export interface ArmSummary {
  /** Name of the arm. */
  readonly name: string;
  /** Its bridge. */
  readonly bridge: string;
  /** Visual tokens in pre-training. */
  readonly pretrainTokens: number;
  /** Visual tokens in fine-tuning. */
  readonly finetuneTokens: number;
  /** Seconds on steps of pre-training: the median of a step, times the steps. */
  readonly pretrainSeconds: number;
  /** The same relative to the first arm. */
  readonly relativePretrainTime: number;
  /** Sum of the seconds measured on all steps of pre-training. */
  readonly pretrainSecondsMeasured: number;
  /** Median seconds of a step. */
  readonly secondsPerStep: { readonly pretrain: number; readonly finetune: number };
  /** Visual and text positions a second in pre-training. */
  readonly pretrainTokensPerSecond: number;
  /** Losses: of the first step (near the logarithm of the vocabulary) and at the end of each stage, mean of the last tenth. */
  readonly loss: { readonly first: number; readonly pretrain: number; readonly finetune: number };
  /** Scores of the fine-tuned model. */
  readonly scores: Scores;
  /** Presence F1 beyond each control, paired by scene. */
  readonly gain: { readonly blind: Interval; readonly shuffled: Interval };
}

/** `summary.json`. */
export interface Summary {
  /** The arms, in the order of the configuration. */
  readonly arms: readonly ArmSummary[];
  /** Scores of the controls by arm. */
  readonly baselines: {
    /** The model sees the average picture. */
    readonly blind: Readonly<Record<string, Scores>>;
    /** The model sees another scene. */
    readonly shuffled: Readonly<Record<string, Scores>>;
    /** F1 of always saying yes, for comparison. */
    readonly alwaysYes: { readonly presenceF1: number };
  };
  /** The scale. */
  readonly scale: string;
  /** Its seed. */
  readonly seed: number;
  /** Hash of all pictures. */
  readonly dataHash: string;
  /** The device. */
  readonly device: string;
  /** Rows of the embedding, and its logarithm: the loss of a model that knows nothing. */
  readonly vocabulary: { readonly size: number; readonly ln: number };
  /** Seconds of the whole command, from start to summary. */
  readonly wallSeconds: number;
}

const summaryType = t.type({
  arms: t.array(t.UnknownRecord),
  baselines: t.type({ blind: t.UnknownRecord, shuffled: t.UnknownRecord, alwaysYes: t.UnknownRecord }),
  scale: t.string,
  seed: t.number,
  dataHash: t.string,
  device: t.string,
  vocabulary: t.UnknownRecord,
  wallSeconds: t.number,
});

/** Codec of {@link Summary}, for files that this library wrote: of the arms it checks that they are there. */
export const summaryCodec = (): t.Type<Summary, unknown, unknown> =>
  summaryType as unknown as t.Type<Summary, unknown, unknown>;

/** What the summary says beside the arms. */
export interface SummaryFacts {
  /** Hash of all pictures. */
  readonly dataHash: string;
  /** The device. */
  readonly device: string;
  /** Rows of the embedding. */
  readonly vocabulary: number;
  /** Seconds of the whole command. */
  readonly wallSeconds: number;
}

/** The summary of arms. */
export const summaryOf = (
  config: QuickstartConfig,
  experiments: readonly Resolved[],
  results: readonly ArmResult[],
  facts: SummaryFacts,
): Summary => {
  const secondsOf = (r: ArmResult): number => r.pretrain.timing.stepSeconds * config.pretrain.steps;
  const base = secondsOf(results[0]!);
  const tokensAfter = (resolved: Resolved, stage: number): number =>
    bridgeAt(resolved.parts, bridgeAfter(resolved, stage)).tokens;
  const arms = results.map((r, i): ArmSummary => {
    const { timing } = r.pretrain, resolved = experiments[i]!, tokens = tokensAfter(resolved, 0);
    return {
      name: r.arm.name,
      bridge: r.arm.bridge.kind,
      pretrainTokens: tokens,
      finetuneTokens: tokensAfter(resolved, resolved.experiment.stages.length - 1),
      pretrainSeconds: secondsOf(r),
      relativePretrainTime: secondsOf(r) / base,
      pretrainSecondsMeasured: timing.measuredSeconds,
      secondsPerStep: { pretrain: timing.stepSeconds, finetune: r.finetune.timing.stepSeconds },
      pretrainTokensPerSecond: config.pretrain.batch * (tokens + config.text.pretrain.length) /
        timing.stepSeconds,
      loss: {
        first: r.pretrain.first.loss as number,
        pretrain: lastMean(r.pretrain.losses),
        finetune: lastMean(r.finetune.losses),
      },
      scores: r.evaluation.scores,
      gain: { blind: r.evaluation.gainOverBlind, shuffled: r.evaluation.gainOverShuffled },
    };
  });
  const controls = (of: (e: Evaluation) => Scores): Readonly<Record<string, Scores>> =>
    Object.fromEntries(results.map((r) => [r.arm.name, of(r.evaluation)]));
  return {
    arms,
    baselines: {
      blind: controls((e) => e.blind),
      shuffled: controls((e) => e.shuffled),
      alwaysYes: { presenceF1: 2 / 3 },
    },
    scale: config.scale,
    seed: config.seed,
    dataHash: facts.dataHash,
    device: facts.device,
    vocabulary: { size: facts.vocabulary, ln: Math.log(facts.vocabulary) },
    wallSeconds: facts.wallSeconds,
  };
};

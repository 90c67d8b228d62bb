/** A run on mixtures: pre-training with few visual tokens, expansion, fine-tuning with many, scores by official rules. */
import type { ConfigError, TreeError } from "@chain-of-sight/core";
import { type Device, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { type DecodeError, tried } from "../base/bridge.ts";
import { DataError } from "../base/data_error.ts";
import { leastLength } from "../mixtures/mixture_buckets.ts";
import { loadMixture, type MixtureConfig } from "../mixtures/mixture_config.ts";
import { type MixtureError, type OpenMixture, openMixture } from "../mixtures/mixture_open.ts";
import type { PartReport } from "../mixtures/mixture_prepare.ts";
import { benchmarks } from "../eval/registry.ts";
import { libraryCommit } from "../runs/commit.ts";
import { hashOf, type Json } from "../base/hash.ts";
import { newManifest } from "../runs/manifest.ts";
import { finishedRun, openOrCreateRun, type RunError, writeJson } from "../runs/run_directory.ts";
import type { LockError } from "../runs/run_lock.ts";
import { codeHash, codeVersions } from "../stages/code.ts";
import type { RecordAnswerError } from "../stages/answer_records.ts";
import { expand } from "../stages/expand.ts";
import { finetune } from "../stages/finetune.ts";
import { type MixtureBatchError, openMixtureFeatures } from "../stages/mixture_source.ts";
import { grownBridge, type ModelState, smallBridge, viewsRead } from "../stages/model.ts";
import { freshModel, pretrain } from "../stages/pretrain.ts";
import { followedBy, noted, stageRun } from "../stages/stage.ts";
import type { FillError } from "../train/fill_features.ts";
import type { TrainError } from "../train/trainer.ts";
import type { EncoderViews } from "../vision/tower.ts";
import { loadVision, shippedWeights } from "../vision/weights.ts";
import type { MixtureRunConfig } from "./mixture_config.ts";
import { evaluatePart, imagesShown, type PartScores } from "./mixture_evaluate.ts";

/** What became of a part's files, as the summary keeps it. */
export interface PartSummary {
  /** Examples that are drawn from. */
  readonly examples: number;
  /** Examples left out since their picture cannot be decoded. */
  readonly undecodable: number;
  /** Examples by the length of the row that each needs, in mixtures with buckets. */
  readonly lengths?: Readonly<Record<string, number>>;
  /** What became of the annotations. */
  readonly report: PartReport;
}

/** The parts of a mixture by name. */
export type MixtureSummary = Readonly<Record<string, PartSummary>>;

/** What a run leaves behind as `summary.json`. */
export interface MixtureRunSummary {
  /** Mixtures by stage. */
  readonly mixtures: {
    readonly pretrain: MixtureSummary;
    readonly finetune: MixtureSummary;
    readonly evaluate: MixtureSummary;
  };
  /** Scores by part of the mixture of evaluation. */
  readonly scores: Readonly<Record<string, PartScores>>;
}

// Of a file that this library wrote: that its parts are there.
const summaryCodec = t.type({ mixtures: t.UnknownRecord, scores: t.UnknownRecord }) as unknown as t.Type<
  MixtureRunSummary,
  unknown,
  unknown
>;

/** What a run can fail with. */
export type MixtureRunError =
  | ConfigError
  | DecodeError
  | FillError
  | LockError
  | MixtureBatchError
  | MixtureError
  | RecordAnswerError
  | RunError
  | TrainError
  | TreeError;

/** Where a run writes. */
export interface MixtureRunPlaces {
  /** Its run directory. */
  readonly out: string;
  /** Folder of prepared annotations and features, shared between runs. */
  readonly cache: string;
  /** Version of the code, for the manifest. */
  readonly version: string;
}

const lengthsOf = (
  { used, data }: OpenMixture["parts"][number],
  lengths: readonly number[],
): Readonly<Record<string, number>> => {
  const counts = new Map(lengths.map((length) => [length, 0]));
  for (const i of used) {
    const least = leastLength(lengths, data.needOf(i).length)!;
    counts.set(least, counts.get(least)! + 1);
  }
  return Object.fromEntries(counts);
};

/** What became of the parts of a mixture. */
export const mixtureSummary = ({ parts, row, buckets }: OpenMixture): MixtureSummary =>
  Object.fromEntries(
    parts.map((part) => [
      part.name,
      {
        examples: part.used.length,
        undecodable: part.undecodable,
        ...(buckets.length === 0 ? {} : { lengths: lengthsOf(part, [...buckets, row.length]) }),
        report: part.data.report,
      },
    ]),
  );

const sameLanguage = (mixtures: readonly OpenMixture[]): Effect.Effect<void, DataError> =>
  new Set(mixtures.map(({ language }) => language.hash)).size === 1 ? Effect.void : Effect.fail(
    new DataError({
      op: "run on mixtures",
      got: "mixtures with different tokenizers or templates",
      expected: "one language in all stages",
      mend: "name the same tokenizer and template in every mixture",
    }),
  );

/** Refuses scores of parts that are not there, or whose annotations hold other questions than the benchmark's. */
const checkParts = (
  { benchmarks: wanted }: MixtureRunConfig["evaluate"],
  { parts }: MixtureConfig,
): Effect.Effect<void, DataError> => {
  const refuse = (got: string, expected: string, mend: string) =>
    Effect.fail(new DataError({ op: "run on mixtures", got, expected, mend }));
  for (const [name, benchmark] of Object.entries(wanted)) {
    const part = parts.find((one) => one.name === name);
    if (part === undefined) {
      return refuse(
        `scores of the part ${name}`,
        `one of ${parts.map(({ name }) => name).join(", ")}`,
        "name a part of the mixture of evaluation",
      );
    }
    const { kind } = benchmarks.find((of) => of.name === benchmark)!;
    const fitting = benchmarks.filter((of) => of.annotations.includes(part.format));
    if (fitting.every((of) => of.kind !== kind)) {
      return refuse(
        `the part ${name} of format ${part.format}, to be scored as ${benchmark}`,
        fitting.length === 0
          ? "annotations of a benchmark"
          : `one of ${fitting.map(({ name }) => name).join(", ")} for annotations of that format`,
        "name the benchmark that the annotations belong to",
      );
    }
  }
  return Effect.void;
};

/** The whole run. Finished stages are not made again; an interrupted one goes on from its checkpoint. */
export const runOnMixtures = (
  config: MixtureRunConfig,
  { out, cache, version }: MixtureRunPlaces,
): Effect.Effect<MixtureRunSummary, MixtureRunError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const { arm, model, seed, featureBatch } = config, device = yield* theDevice();
    const bridges = yield* tried(() => [smallBridge(arm), grownBridge(arm, model)] as const);
    const named = yield* Effect.forEach(
      [config.pretrain, config.finetune, config.evaluate] as const,
      ({ mixture }) => loadMixture(mixture),
    );
    yield* checkParts(config.evaluate, named[2]!);
    const [few, many, asked] = (yield* Effect.forEach(named, (of) => openMixture(of, cache))) as [
      OpenMixture,
      OpenMixture,
      OpenMixture,
    ];
    yield* sameLanguage([few, many, asked]);
    const manifest = newManifest({
      name: `mixtures-${arm.name}`,
      config: config as unknown as Json,
      dataHash: hashOf([few.hash, many.hash, asked.hash]),
      codeVersion: version,
      commit: libraryCommit(),
      code: codeHash(yield* codeVersions),
      device: device.profile.name,
      seeds: { model: seed },
      stages: ["pretrain", "expand", "finetune", "evaluate"],
    }, new Date().toISOString());
    const before = yield* finishedRun(out, manifest, summaryCodec);
    if (before !== undefined) return before;
    const run = stageRun(yield* openOrCreateRun(out, manifest));
    const weights = yield* loadVision(shippedWeights());
    const featured = (mixture: OpenMixture, views: EncoderViews, label: string) =>
      openMixtureFeatures(mixture, weights, views, cache, { batch: featureBatch, label });
    const [small, large] = bridges.map(viewsRead) as [EncoderViews, EncoderViews];
    const first = yield* featured(few, small, "features of pretrain");
    const second = yield* featured(many, large, "features of finetune");
    const third = yield* featured(asked, large, "features of evaluate");
    const { vocabulary } = first.source;
    const fresh = yield* tried(() => freshModel(arm, model, vocabulary, seed));
    const { benchmarks: wanted, batch, tokens } = config.evaluate;
    const trained = imagesShown([first.mixture, second.mixture]);
    const scored = (state: ModelState) =>
      Effect.map(
        Effect.forEach(Object.entries(wanted), ([part, benchmark]) =>
          Effect.map(
            evaluatePart({
              directory: run.directory.path,
              model,
              state,
              mixture: third.mixture,
              part,
              benchmark,
              store: third.store,
              batch,
              tokens,
              trained,
            }),
            (scores) => [part, scores] as const,
          )),
        (all): MixtureRunSummary["scores"] => Object.fromEntries(all),
      );
    const stages = pipe(
      noted(
        run,
        "pretrain",
        pretrain(run, {
          name: "pretrain",
          config: config.pretrain.training,
          model,
          source: first.source,
          seed,
        }),
      ),
      followedBy(noted(run, "expand", expand(run, { name: "expand", arm, model, vocabulary, seed }))),
      followedBy(
        noted(
          run,
          "finetune",
          finetune(run, {
            name: "finetune",
            config: config.finetune.training,
            model,
            source: second.source,
            seed: seed + 1,
          }),
        ),
      ),
      followedBy(noted(run, "evaluate", scored)),
    );
    const summary: MixtureRunSummary = {
      scores: yield* stages(fresh),
      mixtures: {
        pretrain: mixtureSummary(first.mixture),
        finetune: mixtureSummary(second.mixture),
        evaluate: mixtureSummary(third.mixture),
      },
    };
    yield* writeJson(`${run.directory.path}/summary.json`, summary);
    return summary;
  });

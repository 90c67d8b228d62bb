/**
 * Whether mixed precision follows f32: the same model on the same scenes and questions, trained by several seeds in
 * both, compared window by window with how far the seeds of f32 are apart. One more training meets a batch that
 * overflows, and must go on.
 */
import { type NdArray, ndarray } from "@chain-of-sight/core";
import { type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { DataError } from "../pipelines/base/data_error.ts";
import { renderDataset } from "../pipelines/scenes/workers.ts";
import { presets } from "../pipelines/ablations/presets.ts";
import { type SceneRows, trainsOf } from "../pipelines/engine/experiment.ts";
import { type MetricRecord, readMetrics } from "../pipelines/runs/metrics.ts";
import { tokenizerFor } from "../pipelines/stages/encoding.ts";
import { languageTraining } from "../pipelines/stages/language.ts";
import { type ModelConfig, partsOf, smallBridge } from "../pipelines/stages/model.ts";
import { freshModel } from "../pipelines/stages/train.ts";
import { sceneSource, vocabularyOf } from "../pipelines/stages/scene_source.ts";
import type { BatchError } from "../pipelines/text/batch.ts";
import { type FeatureError, featuresOf } from "../pipelines/train/features.ts";
import type { Precision } from "../pipelines/train/precision.ts";
import { train, type TrainError } from "../pipelines/train/trainer.ts";
import type { Bindings } from "../pipelines/train/training.ts";
import { loadVision, shippedWeights } from "../pipelines/vision/weights.ts";
import { type MixedReport, mixedReport, type Run } from "./mixed_report.ts";

/** Options of the training. */
interface MixedOptions {
  /** Optimiser steps of each training. */
  readonly steps: number;
  /** Seeds of weights and of the order of examples; two or more. */
  readonly seeds: readonly number[];
  /** Rows of a step. */
  readonly batch: number;
  /** Scenes that are learned from. */
  readonly scenes: number;
  /** Steps of a window whose mean losses are compared. */
  readonly window: number;
  /** Folders of scenes and features. */
  readonly caches: { readonly scenes: string; readonly features: string };
  /** Where trainings write meanwhile. */
  readonly folder: string;
}

/** What can go wrong. */
type MixedError = BatchError | DataError | DeviceError | FeatureError | TrainError;

/** A decoder that a software device trains in minutes, behind the bridge of the quickstart. */
const model: ModelConfig = { width: 64, layers: 1, heads: 4, ff: 176, bridgeHeads: 4, init: 0.09 };

const { base } = presets.small, { data } = base.world!;
const { name: _name, data: rows, ...training } = trainsOf(base)[0]!;

/** A batch as an overflow leaves it: the first number of every level is infinite, and no gradient is finite. */
const overflowing = (batch: Bindings): Bindings =>
  Object.fromEntries(
    Object.entries(batch).map(([path, value]): [string, NdArray] => [
      path,
      path.startsWith("features.")
        ? ndarray("f32", value.shape, Float32Array.from(value.data).fill(Infinity, 0, 1))
        : value,
    ]),
  );

/** Trains in both precisions, and says how far apart they are. */
export const compareMixed = (
  { steps, seeds, batch, scenes, window, caches, folder }: MixedOptions,
): Effect.Effect<MixedReport, MixedError, Device> =>
  Effect.gen(function* () {
    const { profile } = yield* theDevice();
    const set = yield* renderDataset(data, "pretrain", scenes, { sides: [112], cache: caches.scenes });
    const weights = yield* loadVision(shippedWeights());
    const features = yield* featuresOf(set, weights, {
      side: 112,
      batch: 32,
      cache: caches.features,
      label: "features",
    });
    const tokenizer = tokenizerFor(base.world!);
    const source = sceneSource({
        scenes: set.scenes,
        features,
        data,
        text: rows as SceneRows,
        tokenizer,
      }),
      parts = partsOf(model, vocabularyOf(tokenizer));
    const run = (precision: Precision, seed: number, overflowAt?: number) =>
      Effect.gen(function* () {
        const name = [precision, seed, ...(overflowAt === undefined ? [] : ["overflow"])].join("-");
        const config = {
          ...training,
          steps,
          batch,
          warmup: Math.min(50, steps >> 2),
          every: steps,
          precision,
        };
        const language = languageTraining(
          { name, config, model: parts, source, seed },
          freshModel(smallBridge(base.model.bridge, parts), parts, seed),
          { checkpoint: `${folder}/${name}.safetensors`, metrics: `${folder}/${name}.jsonl`, every: steps },
        );
        const { metrics } = yield* train({
          ...language,
          identity: `${language.identity} ${overflowAt ?? ""}`,
          batchAt: (step) =>
            Effect.map(language.batchAt(step), (b) => step === overflowAt ? overflowing(b) : b),
        });
        return { precision, seed, ...columnsOf(yield* readMetrics(metrics)) } satisfies Run;
      });
    const f32: Run[] = [], mixed: Run[] = [];
    // in turns, so that a stop leaves pairs
    for (const seed of seeds) {
      f32.push(yield* run("f32", seed));
      mixed.push(yield* run("mixed", seed));
    }
    const overflowAt = Math.floor(steps / 2), survived = yield* run("mixed", seeds[0]!, overflowAt);
    return mixedReport({
      device: profile.name,
      steps,
      window,
      batch,
      scenes,
      f32,
      mixed,
      overflow: { at: overflowAt + 1, run: survived },
    });
  });

const columnsOf = (records: readonly MetricRecord[]): Pick<Run, "losses" | "scales" | "skipped" | "ms"> => {
  const column = (name: string): readonly number[] =>
    records.map((r) => typeof r[name] === "number" ? r[name] : NaN);
  const seconds = column("seconds").toSorted((a, b) => a - b);
  return {
    losses: column("loss"),
    scales: column("scale"),
    skipped: column("skipped"),
    ms: 1000 * (seconds[seconds.length >> 1] ?? NaN),
  };
};

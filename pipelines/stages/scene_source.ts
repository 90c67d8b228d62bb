/** Scenes as what a stage learns from: their features, and other questions about them at every pass. */
import type { NdArray } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { fromEither } from "../base/bridge.ts";
import type { DataConfig } from "../scenes/config.ts";
import type { Scene } from "../scenes/record.ts";
import type { Json } from "../base/hash.ts";
import { batchAt, type BatchError } from "../text/batch.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { type FeatureSet, gatherFeatures } from "../train/features.ts";
import { questionBatch, type TextConfig, trainingRow } from "../train/rows.ts";
import { type BatchPart, partOf } from "../train/training.ts";
import type { LanguageSource } from "./source.ts";

/** What models of a run learn from at one resolution. */
export interface LanguageData {
  /** The scenes. */
  readonly scenes: readonly Scene[];
  /** Their features. */
  readonly features: FeatureSet;
  /** How scenes and questions are made. */
  readonly data: DataConfig;
  /** How rows are made. */
  readonly text: TextConfig;
  /** The encoding. */
  readonly tokenizer: Tokenizer;
}

/** Rows of an embedding for a number of tokens: a multiple of 8. */
export const embeddingRows = (tokens: number): number => Math.ceil(tokens / 8) * 8;

/** Rows of an embedding for an encoding: a multiple of 8. */
export const vocabularyOf = (tokenizer: Pick<Tokenizer, "size">): number => embeddingRows(tokenizer.size);

/** The arrays of some features, as inputs. */
export const featureBindings = (levels: readonly NdArray[]): Readonly<Record<string, NdArray>> =>
  Object.fromEntries(levels.map((level, i) => [`features.${i}`, level]));

/** Scenes as a source. A row that cannot be learned from is a BatchError. */
export const sceneSource = (
  { scenes, features, data, text, tokenizer }: LanguageData,
): LanguageSource<BatchError> => {
  const first = (word: string): number => tokenizer.encode(word)[0] ?? tokenizer.unk;
  return {
    identity: {
      data: data as unknown as Json,
      text: text as unknown as Json,
      features: features.key,
      vocabulary: tokenizer.json as unknown as Json,
    },
    visionInput: {
      kind: "features",
      levels: features.levels.length,
      cells: features.cells,
      width: features.width,
    },
    length: text.length,
    separate: true,
    vocabulary: vocabularyOf(tokenizer),
    words: { yes: first("yes"), no: first("no") },
    batches: (seed, size) => {
      const order = batchAt(seed, scenes.length, size);
      const arraysAt = (
        step: number,
        part?: BatchPart,
      ): E.Either<BatchError, Readonly<Record<string, NdArray>>> => {
        const examples = partOf(order(step), part);
        const rows = examples.map(({ index, epoch }) =>
          trainingRow(tokenizer, scenes[index]!, data, text, epoch)
        );
        return pipe(
          questionBatch(rows),
          E.map((text) => ({
            ...featureBindings(gatherFeatures(features, examples.map((e) => e.index))),
            ...text,
          })),
        );
      };
      return (step, part) => Effect.suspend(() => fromEither(arraysAt(step, part)));
    },
  };
};

/** Training rows from scenes: a chosen number of turns of each kind, other questions at every pass. */
import { i32, type NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import type { DataConfig } from "../scenes/config.ts";
import type { Scene } from "../scenes/record.ts";
import { rngOf } from "../base/rng.ts";
import { type QuestionKind, questionKinds, questionsOf } from "../scenes/tasks.ts";
import { type BatchError, batchOf } from "../text/batch.ts";
import { type QuestionRow, rowOf } from "../text/prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { TypeOf } from "../base/bridge.ts";
import { whole } from "../base/numbers.ts";

/** How many questions of each kind a row asks at most; none of those left out. */
export interface Turns extends TypeOf<typeof turnsCodec> {}

/** @internal */
export const turnsCodec = t.exact(t.partial(
  Object.fromEntries(questionKinds.map((kind) => [kind, whole])) as Record<QuestionKind, typeof whole>,
));

/** What rows are made of. */
export interface TextConfig {
  /** Tokens of a row. */
  readonly length: number;
  /** Questions of a row. */
  readonly turns: Turns;
}

/**
 * The questions of a scene at a pass, at most so many of each kind, in random order: every kind is asked first as
 * often as any, as it is when questions come alone.
 */
export const turnsOf = (
  scene: Scene,
  data: DataConfig,
  turns: Turns,
  pass: number,
): ReturnType<typeof questionsOf> => {
  const asked = new Map<QuestionKind, number>(),
    wanted = questionKinds.filter((kind) => (turns[kind] ?? 0) > 0);
  const chosen = questionsOf(scene, data, pass, wanted).filter(({ kind }) => {
    const before = asked.get(kind) ?? 0;
    asked.set(kind, before + 1);
    return before < (turns[kind] ?? 0);
  });
  return rngOf("turns", scene.id, pass).shuffle(chosen);
};

/** The row of a scene at a pass. */
export const trainingRow = (
  tokenizer: Tokenizer,
  scene: Scene,
  data: DataConfig,
  { length, turns }: TextConfig,
  pass: number,
): QuestionRow => rowOf(tokenizer, scene.id, turnsOf(scene, data, turns, pass), length);

/** Rows of separate questions as the inputs of a batch; rows that cannot be learned from are a BatchError. */
export const questionBatch = (
  rows: readonly QuestionRow[],
): E.Either<BatchError, Readonly<Record<"ids" | "labels" | "turns", NdArray>>> =>
  pipe(
    batchOf(rows),
    E.map(({ ids, labels }) => ({
      ids,
      labels,
      turns: i32(ids.shape, rows.flatMap(({ turns }) => [...turns])),
    })),
  );

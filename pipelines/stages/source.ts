/** What a stage learns from: the batch of every step, and what decides it. Scenes are one source, mixtures another. */
import { input, type NdArray, type VisionLanguageBatch } from "@chain-of-sight/core";
import type * as Effect from "effect/Effect";
import type { Json } from "../base/hash.ts";

/** What stands before the text in a batch. */
export type SightSpec =
  /** Stored features: so many levels of `[b, cells, width]`, inputs `features.0` and so on. */
  | { readonly kind: "features"; readonly levels: number; readonly cells: number; readonly width: number }
  /** Pictures `[b, side, side, 3]`, the input `images`; the encoder is part of the model. */
  | { readonly kind: "pictures"; readonly side: number };

/** A function as the batches of a source: arrays for every input of {@link sourceInputs}, by step. */
export const batchesOf = <E, R>(
  at: (step: number) => Effect.Effect<Readonly<Record<string, NdArray>>, E, R>,
): (step: number) => Effect.Effect<Readonly<Record<string, NdArray>>, E, R> => at;

/** Examples without end, in an order that a seed decides. */
export interface LanguageSource<E = never, R = never> {
  /** All that decides its batches, beside the seed and the size of a batch. */
  readonly identity: Readonly<Record<string, Json>>;
  /** What stands before the text. */
  readonly sight: SightSpec;
  /** Text tokens of a row. */
  readonly length: number;
  /** Shorter lengths, ascending, that all rows of a batch may have instead; none if absent. */
  readonly buckets?: readonly number[];
  /** Rows of the embedding. */
  readonly vocabulary: number;
  /** The first tokens of the answers yes and no. */
  readonly words: { readonly yes: number; readonly no: number };
  /** The batches of a seed: a function of the step alone, so that a resumed training meets the same examples. */
  readonly batches: (seed: number, size: number) => ReturnType<typeof batchesOf<E, R>>;
}

/** Input paths of the text of a batch: those of rows that are shorter than the source's longest name their length. */
export const textPaths = (
  { length }: Pick<LanguageSource, "length">,
  tokens: number,
): { readonly ids: string; readonly labels: string } => {
  const suffix = tokens === length ? "" : `.${tokens}`;
  return { ids: `ids${suffix}`, labels: `labels${suffix}` };
};

/** The batch of a step as inputs, its rows of so many tokens. */
export const sourceInputs = (
  { sight, length }: Pick<LanguageSource, "sight" | "length">,
  size: number,
  tokens: number = length,
): VisionLanguageBatch => {
  const paths = textPaths({ length }, tokens);
  const text = {
    ids: input(paths.ids, [size, tokens], "i32"),
    labels: input(paths.labels, [size, tokens], "i32"),
  };
  return sight.kind === "pictures"
    ? { images: input("images", [size, sight.side, sight.side, 3]), ...text }
    : {
      features: Array.from(
        { length: sight.levels },
        (_, i) => input(`features.${i}`, [size, sight.cells, sight.width]),
      ),
      ...text,
    };
};

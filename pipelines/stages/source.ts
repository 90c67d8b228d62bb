/** Training data of a stage: the batch of every step, and what decides it. Scenes are one source, mixtures another. */
import { input, type VisionLanguageBatch } from "@chain-of-sight/core";
import type { Json } from "../base/hash.ts";
import type { BatchAt } from "../train/training.ts";

/** Contents of a batch for its images: as many as its rows have places. */
export type VisionInputSpec =
  /** Stored features: so many levels of `[i, cells, width]`, inputs `features.0` and so on. */
  | { readonly kind: "features"; readonly levels: number; readonly cells: number; readonly width: number }
  /** Images `[i, side, side, 3]`, the input `images`; the encoder is part of the model. */
  | { readonly kind: "images"; readonly side: number };

/** Rows whose images stand anywhere in their text. */
export interface RowSpec {
  /** Places for images in a row. */
  readonly images: number;
  /** Whether a row holds several conversations, each of which sees itself alone. */
  readonly packed: boolean;
}

/** Examples without end, in an order that a seed decides. */
export interface LanguageSource<E = never, R = never> {
  /** All that decides its batches, alongside the seed and the size of a batch. */
  readonly identity: Readonly<Record<string, Json>>;
  /** The images of a batch. */
  readonly visionInput: VisionInputSpec;
  /** Text tokens of a row. */
  readonly length: number;
  /** What rows are whose batches say where their images stand; absent where a row is an image, then its text. */
  readonly rows?: RowSpec;
  /** Whether a row is several questions about its image, each of which sees itself alone; false if absent. */
  readonly separate?: boolean;
  /** Shorter lengths, ascending, that all rows of a batch may have instead; none if absent. */
  readonly buckets?: readonly number[];
  /** Rows of the embedding. */
  readonly vocabulary: number;
  /** The first tokens of the answers yes and no. */
  readonly words: { readonly yes: number; readonly no: number };
  /** The batches of a seed: the arrays for every input of {@link sourceInputs}, by step. */
  readonly batches: (seed: number, size: number) => BatchAt<E, R>;
}

/** Input paths of the text of a batch: those of rows that are shorter than the source's longest name their length. */
export const textPaths = (
  { length }: Pick<LanguageSource, "length">,
  tokens: number,
): Readonly<Record<"ids" | "labels" | "segments", string>> => {
  const suffix = tokens === length ? "" : `.${tokens}`;
  return { ids: `ids${suffix}`, labels: `labels${suffix}`, segments: `rows.segments${suffix}` };
};

/** Input paths of where the images of a batch stand. */
export const placePaths = { after: "rows.after", imageSegments: "rows.imageSegments" } as const;

/** The batch of a step as inputs, its rows of this many tokens. */
export const sourceInputs = (
  { visionInput, length, rows, separate }: Pick<
    LanguageSource,
    "visionInput" | "length" | "rows" | "separate"
  >,
  size: number,
  tokens: number = length,
): VisionLanguageBatch => {
  const paths = textPaths({ length }, tokens), places = size * (rows?.images ?? 1);
  const word = (path: string, columns: number) => input(path, [size, columns], "i32");
  const text = {
    ids: word(paths.ids, tokens),
    labels: word(paths.labels, tokens),
    ...(separate === true ? { turns: word("turns", tokens) } : {}),
    ...(rows === undefined ? {} : {
      rows: {
        after: word(placePaths.after, rows.images),
        ...(rows.packed
          ? {
            segments: {
              text: word(paths.segments, tokens),
              images: word(placePaths.imageSegments, rows.images),
            },
          }
          : {}),
      },
    }),
  };
  return visionInput.kind === "images"
    ? { images: input("images", [places, visionInput.side, visionInput.side, 3]), ...text }
    : {
      features: Array.from(
        { length: visionInput.levels },
        (_, i) => input(`features.${i}`, [places, visionInput.cells, visionInput.width]),
      ),
      ...text,
    };
};

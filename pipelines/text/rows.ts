/**
 * Rows to learn from: one conversation or several, each with its text and the places of its images. Text and images are
 * arrays of their own; the model puts them together, as it knows how many visual tokens an image has.
 */
import { i32, type NdArray } from "@chain-of-sight/core";
import type { Conversation } from "./conversation.ts";
import { IMAGE_ID, imagesIn } from "./image_mark.ts";
import { IGNORED, type Row } from "./prompt.ts";

/** A conversation in tokens, {@link IMAGE_ID} where an image is. */
export type RowTokens = Pick<Conversation, "ids" | "learned">;

/** Contents of a row. */
export interface RowCapacity {
  /** Text tokens. */
  readonly length: number;
  /** Images. */
  readonly images: number;
}

/** What a conversation takes of a row. */
export const needOf = ({ ids }: Pick<RowTokens, "ids">): RowCapacity => {
  const images = imagesIn(ids);
  return { length: ids.length - images, images };
};

/** A row of conversations. */
export interface ArrangedRow extends Row {
  /** Conversation of every text token, from 1; 0 for padding. */
  readonly segments: Int32Array;
  /** Text tokens before every image; the length of the row for places without one. */
  readonly after: Int32Array;
  /** Conversation of every image; 0 for places without one. */
  readonly imageSegments: Int32Array;
}

/**
 * Conversations as one row, each a segment of its own; they must fit. The first token of a conversation is never learned:
 * nothing precedes it.
 */
export const rowOfTokens = (
  scene: string,
  conversations: readonly RowTokens[],
  pad: number,
  { length, images }: RowCapacity,
): ArrangedRow => {
  const ids = new Int32Array(length).fill(pad), labels = new Int32Array(length).fill(IGNORED);
  const answers = new Uint8Array(length), segments = new Int32Array(length);
  const after = new Int32Array(images).fill(length), imageSegments = new Int32Array(images);
  let at = 0, image = 0;
  conversations.forEach(({ ids: all, learned }, c) =>
    all.forEach((id, i) => {
      if (id === IMAGE_ID) {
        after[image] = at;
        imageSegments[image++] = c + 1;
        return;
      }
      ids[at] = id;
      segments[at] = c + 1;
      answers[at] = learned[i]!;
      if (learned[i] === 1 && i > 0) labels[at] = id;
      at++;
    })
  );
  return { scene, ids, labels, answers, segments, after, imageSegments, length: at, dropped: 0 };
};

/** The arrangements of rows as arrays: `segments` `[b, t]`, `after` and `imageSegments` `[b, m]`. */
export const arrangementOf = (
  rows: readonly ArrangedRow[],
): Readonly<Record<"segments" | "after" | "imageSegments", NdArray>> => {
  const stacked = (part: (row: ArrangedRow) => Int32Array): NdArray =>
    i32([rows.length, part(rows[0]!).length], rows.flatMap((row) => [...part(row)]));
  return {
    segments: stacked((row) => row.segments),
    after: stacked((row) => row.after),
    imageSegments: stacked((row) => row.imageSegments),
  };
};

/**
 * CHAIR (Rohrbach et al., arXiv 1809.02156): COCO objects that captions name but images lack, after
 * LisaAnne/Hallucination utils/chair.py.
 */
import * as E from "fp-ts/lib/Either.js";
import { chairObjects, chairPairs } from "./chair_words.ts";
import { EvalError, listed } from "./error.ts";
import { ptbTokens } from "./ptb.ts";
import type { Answered, CaptionRecord } from "../records/records.ts";
import { mean, ratio, type ScoreReport } from "./report.ts";
import { singularOf } from "./singular.ts";

const paired = (words: readonly string[]): readonly string[] => {
  const out: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const pair = chairPairs.get(`${words[i]} ${words[i + 1]}`);
    out.push(pair ?? words[i]!);
    if (pair !== undefined) i++;
  }
  return out;
};

/** The COCO objects that a caption names, one entry for each mention. A seat alongside a toilet is no chair. */
export const objectsOf = (caption: string): readonly string[] => {
  const words = paired(ptbTokens(caption.toLowerCase()).map(singularOf));
  const kept = words.includes("toilet") ? words.filter((word) => word !== "seat") : words;
  return kept.flatMap((word) => chairObjects.has(word) ? [chairObjects.get(word)!] : []);
};

/** How many objects a caption names. */
export interface Mentions {
  /** All of them. */
  readonly all: number;
  /** Those that are not there. */
  readonly invented: number;
}

/** Counts what is named, one entry for each mention. */
export const mentionsOf = (named: readonly string[], there: ReadonlySet<string>): Mentions => ({
  all: named.length,
  invented: named.filter((name) => !there.has(name)).length,
});

/** `CHAIRs`, the share of captions with an object that is not there; `CHAIRi`, the share of mentions that are not. */
export const chairShares = (counts: readonly Mentions[]): Readonly<Record<"CHAIRs" | "CHAIRi", number>> => ({
  CHAIRs: mean(counts.map((c) => c.invented > 0 ? 1 : 0)),
  CHAIRi: ratio(counts.reduce((n, c) => n + c.invented, 0), counts.reduce((n, c) => n + c.all, 0)),
});

const mentions = ({ record, answer }: Answered<CaptionRecord>): Mentions => {
  const there = new Set([
    ...(record.objects ?? []).map((name) => chairObjects.get(name) ?? name),
    ...record.references.flatMap(objectsOf),
  ]);
  return mentionsOf(objectsOf(answer), there);
};

/** 1 if a caption names only objects that are there, else 0. */
export const chairCredit = (record: CaptionRecord, answer: string): number =>
  mentions({ record, answer }).invented === 0 ? 1 : 0;

/**
 * `CHAIRs`, the share of captions with an object that is not there, and `CHAIRi`, the share of mentions that are not
 * there; lower is better. An object is there if annotations or a reference name it. Without any mention, as for empty
 * captions, both are 0; `mentions` is the mean number, to be read alongside them.
 * @returns an {@link EvalError} with the ids of images without annotations of objects.
 */
export const scoreChair = (
  answered: readonly Answered<CaptionRecord>[],
): E.Either<EvalError, ScoreReport> => {
  const ids = answered.filter(({ record }) => record.objects === undefined).map(({ record }) => record.id);
  if (ids.length > 0) {
    return E.left(
      new EvalError({
        op: "chair",
        got: `no annotations of objects: ${listed(ids)}`,
        expected: "the names of the objects in each image, none included",
        hint: "add the categories of the image's instances",
        ids,
      }),
    );
  }
  const counts = answered.map(mentions);
  return E.right({
    n: answered.length,
    main: "CHAIRs",
    values: {
      ...chairShares(counts),
      mentions: mean(counts.map((c) => c.all)),
    },
  });
};

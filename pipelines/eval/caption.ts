/**
 * Captions against people's captions, as coco-caption's eval.py: BLEU-1 to 4, ROUGE-L, CIDEr-D. METEOR and SPICE are
 * Java programs with their own data and no library here has them, so they are not computed.
 */
import * as E from "fp-ts/lib/Either.js";
import { bleu } from "./bleu.ts";
import { ciderD } from "./cider.ts";
import { EvalError, listed } from "./error.ts";
import type { TokenizedCaption } from "./ngrams.ts";
import { captionTokens } from "./ptb.ts";
import type { Answered, CaptionRecord } from "../records/records.ts";
import { mean, meansBy, type ScoreReport } from "./report.ts";
import { rougeL } from "./rouge.ts";

/** A caption and its references as tokens. */
export const tokenized = ({ record, answer }: Answered<CaptionRecord>): TokenizedCaption => ({
  words: captionTokens(answer),
  references: record.references.map(captionTokens),
});

/** ROUGE-L of one caption, 0 to 1: the score of a single answer where one is needed; 0 without references. */
export const captionCredit = (record: CaptionRecord, answer: string): number =>
  record.references.length === 0 ? 0 : rougeL(tokenized({ record, answer }));

/**
 * The scores of a corpus; CIDEr-D by `part` too, with the document frequencies of all images.
 * @returns an {@link EvalError} with the ids of images that have no reference.
 */
export const scoreCaptions = (
  answered: readonly Answered<CaptionRecord>[],
): E.Either<EvalError, ScoreReport> => {
  const ids = answered.filter(({ record }) => record.references.length === 0).map(({ record }) => record.id);
  if (ids.length > 0) {
    return E.left(
      new EvalError({
        op: "captions",
        got: `no references: ${listed(ids)}`,
        expected: "one or more for each image",
        hint: "take the annotations of a split that has captions",
        ids,
      }),
    );
  }
  const captions = answered.map(tokenized), cider = ciderD(captions);
  const [b1, b2, b3, b4] = answered.length === 0 ? [0, 0, 0, 0] : bleu(captions);
  const scored = answered.map(({ record }, i) => ({ part: record.part, value: cider[i]! }));
  return E.right({
    n: answered.length,
    main: "CIDEr",
    values: {
      CIDEr: mean(cider),
      Bleu_1: b1,
      Bleu_2: b2,
      Bleu_3: b3,
      Bleu_4: b4,
      ROUGE_L: mean(captions.map(rougeL)),
      ...meansBy("CIDEr", scored, ({ part }) => part, ({ value }) => value),
    },
  });
};

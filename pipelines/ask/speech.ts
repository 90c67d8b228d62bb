/** How a model is spoken to: questions as tokens, tokens as answers. */
import * as E from "fp-ts/lib/Either.js";
import type * as O from "fp-ts/lib/Option.js";
import type { Box } from "../records/box.ts";
import { parseBox } from "../records/grid.ts";
import { IMAGE_ID, IMAGE_MARK, marksIn } from "../text/image_mark.ts";
import type { PromptIds } from "../text/language.ts";
import { questionIds } from "../text/prompt.ts";
import type { TemplateError } from "../text/template.ts";
import type { Tokenizer } from "../text/tokenizer.ts";

/**
 * How a model is spoken to.
 * @internal
 */
export interface Speech {
  /** The question as the model learned to read questions. */
  readonly asked: (question: string) => string;
  /** The tokens of a question with marks of its images, and those that end an answer. */
  readonly prompt: (question: string) => E.Either<TemplateError, PromptIds>;
  /** The text of an answer. */
  readonly decode: (ids: readonly number[]) => string;
  /** What follows an end. */
  readonly pad: number;
  /** Words of a question that the model never learned. */
  readonly unknown: (question: string) => readonly string[];
  /** The box that an answer speaks of, in shares of the image's sides. */
  readonly box: (answer: string) => O.Option<Box>;
}

/** The tokens of a question as rows of scenes have them: images that come first stand before the beginning of the text. */
const worldIds = (tokenizer: Tokenizer, question: string): readonly number[] => {
  const [first = ""] = /^(<image>\s*)*/.exec(question)!;
  const [text = "", ...more] = question.slice(first.length).split(IMAGE_MARK);
  return [
    ...Array.from({ length: marksIn(first) }, () => IMAGE_ID),
    ...questionIds(tokenizer, text),
    ...more.flatMap((part) => [IMAGE_ID, ...tokenizer.encode(part)]),
  ];
};

/** How a model of drawn scenes is spoken to; its boxes are in cells of a grid of `grid` by `grid`. */
export const worldSpeech = (tokenizer: Tokenizer, grid: number): Speech => ({
  // without a mark at its end
  asked: (question) => question.trim().replace(/[\s?.!]+$/, ""),
  prompt: (question) => E.right({ ids: worldIds(tokenizer, question), ends: [tokenizer.eos] }),
  decode: tokenizer.decode,
  pad: tokenizer.pad,
  unknown: (question) =>
    question.split(/\s+/).filter((word) => tokenizer.encode(word).includes(tokenizer.unk)),
  box: (answer) => parseBox(answer, grid),
});

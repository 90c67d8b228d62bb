/** How an answer to a question with choices is read: each benchmark's script has its own rule. */
import * as O from "fp-ts/lib/Option.js";
import { letterOf } from "../text/prompts.ts";
import type { ChoiceRecord } from "./records.ts";
import type { Credit } from "./report.ts";

/** The place of a letter among some number of choices. */
const placeOf = (letter: string, choices: number): O.Option<number> => {
  const place = letter.length === 1 ? letter.charCodeAt(0) - 65 : -1;
  return place >= 0 && place < choices ? O.some(place) : O.none;
};

/** SEED-Bench in LLaVA (convert_seed_for_submission.py): the letter alone, a capital, spaces at the ends aside. */
export const bareLetter = ({ choices }: ChoiceRecord, answer: string): O.Option<number> =>
  placeOf(answer.trim(), choices.length);

/**
 * ScienceQA in LLaVA (eval_science_qa.py): a letter from A to E alone, or at the start before a point and a space, or
 * after `The answer is `; else nothing. A newline reads as a point and a space.
 */
export const statedLetter = ({ choices }: ChoiceRecord, answer: string): O.Option<number> => {
  const text = answer.replaceAll("\n", ". ");
  const letter = /^[A-E]$/.exec(text.trim())?.[0] ?? /^([A-E])\. /.exec(text)?.[1] ??
    /The answer is ([A-E])\./.exec(text)?.[1] ?? /The answer is ([A-E])/.exec(text)?.[1];
  return letter === undefined ? O.none : placeOf(letter, choices.length);
};

/** Texts that VLMEvalKit takes as a refusal to answer. */
const refusals: readonly string[] = [
  "Sorry, I can't help with images of people yet.",
  "I can't process this file.",
  "I'm sorry, but without the image provided",
  "Cannot determine the answer",
];

const onlyOne = (places: readonly number[]): O.Option<number> =>
  places.length === 1 ? O.some(places[0]!) : O.none;

/**
 * MMBench in VLMEvalKit without a language model as judge (`exact_matching`, matching_util.py): if just one of the
 * letters is a word of its own, that one; else, if the text is not longer than twice all choices, the one choice whose
 * text it contains, case aside. A refusal and `Z` choose nothing.
 */
export const inferredChoice = ({ choices }: ChoiceRecord, answer: string): O.Option<number> => {
  if (refusals.some((text) => answer.includes(text))) return O.none;
  const words = new Set(answer.replace(/[.()[\],:;!*#{}]/g, " ").split(/\s+/));
  const letters = choices.flatMap((_, i) => words.has(letterOf(i)) ? [i] : []);
  if (letters.length === 1) return O.some(letters[0]!);
  if (letters.length === 0 && words.has("Z")) return O.none;
  const said = answer.toLowerCase();
  if (said.length > 2 * choices.reduce((sum, choice) => sum + choice.length, 0)) return O.none;
  return onlyOne(choices.flatMap((choice, i) => said.includes(choice.toLowerCase()) ? [i] : []));
};

/**
 * A-OKVQA's multiple choice (allenai/aokvqa): the choice's text. A bare letter, which is what the prompt asks for,
 * stands for its choice.
 */
export const choiceText = (record: ChoiceRecord, answer: string): O.Option<number> => {
  const place = record.choices.indexOf(answer);
  return place >= 0 ? O.some(place) : bareLetter(record, answer);
};

/** A rule of reading. */
export type ReadChoice = typeof bareLetter;

/** 1 if the answer is read as the right choice. */
export const choiceAccuracy = (read: ReadChoice): Credit<ChoiceRecord> => (record, answer) => {
  const place = read(record, answer);
  return O.isSome(place) && place.value === record.answer ? 1 : 0;
};

/** How an answer to a question with choices is read: each benchmark's script has its own rule. */
import * as O from "fp-ts/lib/Option.js";
import { letterOf } from "../text/prompts.ts";
import { characters } from "./edit_distance.ts";
import { PYTHON_SPACE, splitWords } from "./python_text.ts";
import type { ChoiceRecord } from "../records/records.ts";
import type { Credit } from "./report.ts";

/** The place of a letter among some number of choices. */
const placeOf = (letter: string, choices: number): O.Option<number> => {
  const place = letter.length === 1 ? letter.charCodeAt(0) - 65 : -1;
  return place >= 0 && place < choices ? O.some(place) : O.none;
};

/** SEED-Bench in LLaVA (convert_seed_for_submission.py): the letter alone, a capital. */
export const bareLetter = ({ choices }: ChoiceRecord, answer: string): O.Option<number> =>
  placeOf(answer, choices.length);

/** The letters that eval_science_qa.py knows. */
const SCIENCE_LETTERS = "ABCDE";

const scienceLetter = (answer: string): string | undefined => {
  const [first = "", second, third] = answer;
  if (first !== "" && SCIENCE_LETTERS.includes(first)) {
    if (second === undefined) return first;
    if (second === "." && third === " ") return first;
  }
  const stated = [...answer.matchAll(/The answer is ([A-Z])[^\n]/gu)];
  return stated.length === 1 ? stated[0]![1] : undefined;
};

/**
 * ScienceQA in LLaVA (eval_science_qa.py): a letter from A to E alone, or at the start before a point and a space; else
 * the letter of `The answer is X` with one more character of the same line, if the text has that once and no more.
 */
export const statedLetter = ({ choices }: ChoiceRecord, answer: string): O.Option<number> => {
  const letter = scienceLetter(answer);
  return letter === undefined || !SCIENCE_LETTERS.includes(letter) ? O.none : placeOf(letter, choices.length);
};

/** What VLMEvalKit writes where a model could not be reached. */
const NO_ANSWER = "Failed to obtain answer via API";

/** Texts that VLMEvalKit takes as a refusal to answer. */
const refusals: readonly string[] = [
  "Sorry, I can't help with images of people yet.",
  "I can't process this file.",
  "I'm sorry, but without the image provided",
  "Cannot determine the answer",
];

/** The statement that VLMEvalKit looks for in longer answers; the letter counts in either case. */
const statement = new RegExp(
  `(?:correct[${PYTHON_SPACE}]+)?answer[${PYTHON_SPACE}]+is[${PYTHON_SPACE}]+\\**([ABCD])\\**`,
  "iu",
);

/** A lone letter counts only among so many last words. */
const LAST_WORDS = 4;

/** What `can_infer_option` says: a place, that nothing is chosen, or that the text of the choices decides. */
const inferredLetter = (choices: number, answer: string): number | "nothing" | "undecided" => {
  if (answer.includes(NO_ANSWER)) return "undecided";
  if (refusals.some((text) => answer.includes(text))) return "nothing";
  const words = splitWords(answer.replace(/[.()[\],:;!*#{}]/g, " "));
  const first = Array.from({ length: choices }, (_, i) => words.indexOf(letterOf(i)));
  const predicted = first.flatMap((at, i) => at >= 0 ? [i] : []);
  if (predicted.length === 1 && first[predicted[0]!]! >= words.length - LAST_WORDS) return predicted[0]!;
  if (predicted.length === 0 && words.includes("Z")) return "nothing";
  const stated = statement.exec(answer)?.[1]?.toUpperCase();
  const place = stated === undefined ? -1 : stated.charCodeAt(0) - 65;
  return place >= 0 && place < choices ? place : "undecided";
};

/** What `can_infer_text` says: the only choice whose text the answer holds, if it is not too long. */
const inferredText = (choices: readonly string[], answer: string): O.Option<number> => {
  const predicted = answer.toLowerCase();
  if (characters(predicted) > 2 * choices.reduce((sum, choice) => sum + characters(choice), 0)) return O.none;
  const places = choices.flatMap((choice, i) => predicted.includes(choice.toLowerCase()) ? [i] : []);
  return places.length === 1 ? O.some(places[0]!) : O.none;
};

/**
 * MMBench in VLMEvalKit without a language model as judge (`can_infer` of matching_util.py). If just one of the letters is
 * a word of its own and first is among the last four words, that one; else the letter of `answer is X`; else, if the
 * text is not longer than twice all choices, the one choice whose text it contains, case aside. A refusal and `Z` choose
 * nothing.
 */
export const inferredChoice = ({ choices }: ChoiceRecord, answer: string): O.Option<number> => {
  const letter = inferredLetter(choices.length, answer);
  if (letter === "undecided") return inferredText(choices, answer);
  return letter === "nothing" ? O.none : O.some(letter);
};

/**
 * A-OKVQA's multiple choice (allenai/aokvqa): the choice's text. A bare letter, which is what the prompt asks for,
 * represents its choice.
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

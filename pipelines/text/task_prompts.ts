/**
 * How a kind of task is asked, as templates: `{question}` represents the question or expression, `{choices}` for the
 * lettered choices, a line each, `{hint}` for a hint and a line break, or nothing.
 */
import { askBox, askCaption, shortAnswer } from "./prompts.ts";

/** To be answered in a word or phrase (LLaVA docs/Evaluation.md). */
export const shortly = shortAnswer("{question}");

/** To be answered in a word or phrase, or as unanswerable: VizWiz in LLaVA-1.5 (arXiv 2310.03744). */
export const answerable =
  `{question}\nWhen the provided information is insufficient, respond with 'Unanswerable'.${shortAnswer("")}`;

/** To be answered by the letter of a choice (LLaVA docs/Evaluation.md). */
export const lettered =
  "{hint}{question}\n{choices}\nAnswer with the option's letter from the given choices directly.";

/** Where the object of an expression is. */
export const locate = askBox("{question}");

/** The image in a sentence. */
export const describeImage = askCaption;

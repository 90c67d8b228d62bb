/**
 * The words that tasks are asked in. Short answers and choices are those of LLaVA-1.5 (arXiv 2310.03744,
 * docs/Evaluation.md), presence is POPE's (arXiv 2305.10355). What Chain-of-Sight used for captions and for referring
 * is not published: those two are this project's own.
 */

/** The letter of choice i. */
export const letterOf = (i: number): string => String.fromCharCode(65 + i);

/** A question to be answered in a word or phrase: VQAv2, GQA, OK-VQA, TextVQA. */
export const shortAnswer = (question: string): string =>
  `${question}\nAnswer the question using a single word or phrase.`;

/**
 * A question with choices, answered by a letter: ScienceQA, MMBench, SEED-Bench. `context` precedes it.
 * @throws {RangeError} for fewer than 2 or more than 26 choices.
 */
export const chooseLetter = (question: string, choices: readonly string[], context = ""): string => {
  if (choices.length < 2 || choices.length > 26) {
    throw new RangeError(`chooseLetter: got ${choices.length} choices; expected 2 to 26`);
  }
  const listed = choices.map((choice, i) => `${letterOf(i)}. ${choice}`);
  return [
    ...(context === "" ? [] : [context]),
    question,
    ...listed,
    "Answer with the option's letter from the given choices directly.",
  ].join("\n");
};

/** `a` or `an`, by the first letter. */
export const article = (name: string): string => /^[aeiou]/i.test(name) ? "an" : "a";

/** Whether something is in the image. */
export const askPresence = (name: string): string =>
  shortAnswer(`Is there ${article(name)} ${name} in the image?`);

/** What is in the image, in a sentence. */
export const askCaption = "Describe the image in one sentence.";

/** Where what an expression speaks of is. */
export const askBox = (expression: string): string => `Where is ${expression}? Answer with its box.`;

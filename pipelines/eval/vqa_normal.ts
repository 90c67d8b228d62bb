/** Answers of VQA in the form in which they are compared, step by step as the public scripts have them. */
import { splitWords, strip } from "./python_text.ts";
import { articles, contractions, marks, numberWords } from "./vqa_words.ts";

/** Newlines and tabs become spaces, and the ends are trimmed. */
export const flatten = (text: string): string => strip(text.replace(/[\n\t]/g, " "));

// The scripts hand re.UNICODE to the place of `count`, so at most 32 points go. Their look-behind is mistyped and
// never holds a match back: a point stays only before a digit.
const POINTS = 32;

const withoutPoints = (text: string): string => {
  if (!text.includes(".")) return text;
  let left = POINTS;
  return text.replace(/\.(?!\p{Nd})/gu, (point) => left-- > 0 ? "" : point);
};

/**
 * Removes a mark everywhere if the text has it alongside a space, or has a comma between digits; else it becomes a space.
 * Points go unless a digit follows. Apostrophes and colons stay.
 */
export const withoutMarks = (text: string): string => {
  if (!marks.some((mark) => text.includes(mark))) return withoutPoints(text);
  const comma = /\p{Nd},\p{Nd}/u.test(text);
  const replaced = marks.reduce(
    (out, mark) =>
      out.replaceAll(mark, comma || text.includes(`${mark} `) || text.includes(` ${mark}`) ? "" : " "),
    text,
  );
  return withoutPoints(replaced);
};

/** Lower case, number words as digits, no articles, apostrophes of contractions restored, single spaces. */
export const plainWords = (text: string): string =>
  splitWords(text.toLowerCase())
    .map((word) => Object.hasOwn(numberWords, word) ? numberWords[word]! : word)
    .filter((word) => !articles.has(word))
    .map((word) => contractions.get(word) ?? word)
    .join(" ");

/** Both steps of vqaEval.py: `processPunctuation`, then `processDigitArticle`. */
export const processed = (text: string): string => plainWords(withoutMarks(text));

/** VQA's normalisation of a text as a model wrote it (vqaEval.py): flattened, then both steps. */
export const vqaNormal = (text: string): string => processed(flatten(text));

/**
 * The normalisation of TextVQA and VizWiz as LLaVA and lmms-eval have it, after MMF's EvalAIAnswerProcessor: first
 * lower case, commas and question marks gone, `'s` parted from its word; then {@link vqaNormal}.
 */
export const evalAiNormal = (text: string): string =>
  vqaNormal(strip(text.toLowerCase().replace(/[,?]/g, "").replaceAll("'s", " 's")));

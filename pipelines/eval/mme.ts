/** MME (Fu et al., arXiv 2306.13394), after the calculation.py of its evaluation tool. */
import * as E from "fp-ts/lib/Either.js";
import { EvalError, listed } from "./error.ts";
import type { Answered, YesNoRecord } from "../records/records.ts";
import { groupBy, mean, type ScoreReport } from "./report.ts";

/** The ten subtasks of perception, at most 2,000 points. */
export const mmePerception: readonly string[] = [
  "existence",
  "count",
  "position",
  "color",
  "posters",
  "celebrity",
  "scene",
  "landmark",
  "artwork",
  "OCR",
];

/** The four subtasks of cognition, at most 800 points. */
export const mmeCognition: readonly string[] = [
  "commonsense_reasoning",
  "numerical_calculation",
  "text_translation",
  "code_reasoning",
];

/** Reads an answer: yes or no if one is among its first four letters, yes looked for first; else neither. */
export const mmeAnswer = (answer: string): boolean | undefined => {
  const start = [...answer.toLowerCase()].slice(0, 4).join("");
  return start.includes("yes") ? true : start.includes("no") ? false : undefined;
};

/** 1 if the answer is read as the right one. */
export const mmeAccuracy = (record: YesNoRecord, answer: string): number =>
  mmeAnswer(answer) === record.answer ? 1 : 0;

interface Subtask {
  readonly name: string;
  readonly accuracy: number;
  readonly plus: number;
  readonly score: number;
}

const right = ({ record, answer }: Answered<YesNoRecord>): number => mmeAccuracy(record, answer);

const imagesOf = (
  items: readonly Answered<YesNoRecord>[],
): ReadonlyMap<string, readonly Answered<YesNoRecord>[]> =>
  groupBy(items, ({ record }) => record.image ?? record.id);

const subtask = (name: string, items: readonly Answered<YesNoRecord>[]): Subtask => {
  const accuracy = mean(items.map(right));
  const plus = mean(
    [...imagesOf(items).values()].map((pair) => pair.every((item) => right(item) === 1) ? 1 : 0),
  );
  return { name, accuracy, plus, score: 100 * (accuracy + plus) };
};

/**
 * Points of every subtask (accuracy of questions plus accuracy of images with both questions right, each times 100),
 * and the totals of perception and cognition.
 *
 * @returns an {@link EvalError} with the questions of images that do not have two of them in a subtask, or of subtasks
 * that MME does not have.
 */
export const scoreMme = (
  answered: readonly Answered<YesNoRecord>[],
): E.Either<EvalError, ScoreReport> => {
  const parts = groupBy(answered, ({ record }) => record.part);
  const known = [...mmePerception, ...mmeCognition];
  const refuse = (items: readonly Answered<YesNoRecord>[], got: string, expected: string, hint: string) => {
    const ids = items.map(({ record }) => record.id);
    return E.left(new EvalError({ op: "mme", got: `${got}: ${listed(ids)}`, expected, hint, ids }));
  };
  const foreign = answered.filter(({ record }) => !known.includes(record.part));
  if (foreign.length > 0) {
    return refuse(foreign, "other subtasks", known.join(", "), "take the names of the files");
  }
  const unpaired = [...parts.values()].flatMap((items) =>
    [...imagesOf(items).values()].filter((pair) => pair.length !== 2).flat()
  );
  if (unpaired.length > 0) {
    return refuse(
      unpaired,
      "images without two questions",
      "two for each image",
      "keep both questions of an image",
    );
  }
  const subtasks = known.flatMap((name) => parts.has(name) ? [subtask(name, parts.get(name)!)] : []);
  const total = (names: readonly string[]): number =>
    subtasks.filter(({ name }) => names.includes(name)).reduce((sum, { score }) => sum + score, 0);
  const perception = total(mmePerception), cognition = total(mmeCognition);
  return E.right({
    n: answered.length,
    main: "total",
    values: {
      total: perception + cognition,
      perception,
      cognition,
      ...Object.assign(
        {},
        ...subtasks.map(({ name, accuracy, plus, score }) => ({
          [name]: score,
          [`${name}/accuracy`]: accuracy,
          [`${name}/accuracy_plus`]: plus,
        })),
      ),
    },
  });
};

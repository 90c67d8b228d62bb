/** How answers to each kind of question about scenes are scored. A kind without a score does not compile. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import { conceptNamed } from "../scenes/concepts.ts";
import type { DataConfig } from "../scenes/config.ts";
import { boxFormatOf } from "../scenes/questions/box_format.ts";
import type { BoxFormat } from "../text/boxes.ts";
import type { QuestionKind } from "../scenes/tasks.ts";
import { anlsCredit, anlsText } from "./anls.ts";
import { type Benchmark, benchmark, type BenchmarkOf, type ReadAnswer } from "./benchmark.ts";
import { captionCredit, scoreCaptions } from "./caption.ts";
import { everyControl } from "./controls.ts";
import { countRight, parseCount, scoreCount } from "./count.ts";
import type { EvalError } from "./error.ts";
import { exactAccuracy, exactText, scoreExact } from "./exact.ts";
import { popeAccuracy, scorePope, scorePredicted } from "./pope.ts";
import type {
  Answered,
  BenchmarkRecord,
  BoxRecord,
  CaptionRecord,
  ExactRecord,
  ReadingRecord,
  YesNoRecord,
} from "../records/records.ts";
import { scoreReading } from "./reading.ts";
import { captionTokens } from "./ptb.ts";
import { boxText, refCocoAccuracy, scoreRefCoco } from "./refcoco.ts";
import type { ScoreReport } from "./report.ts";
import { scoreMentions } from "./scene_mentions.ts";
import { scripts } from "./scripts.ts";
import { plainFile } from "./submission/formats.ts";
import { vqaNormal } from "./vqa_normal.ts";
import { saysYes } from "./yes_no.ts";

type Parts<R extends BenchmarkRecord> =
  & Pick<BenchmarkOf<R>, "title" | "kind" | "metric" | "read" | "credit" | "score">
  & Partial<Pick<BenchmarkOf<R>, "scripts">>;

const sceneBenchmark = <R extends BenchmarkRecord>(name: QuestionKind, parts: Parts<R>): Benchmark =>
  benchmark<R>({
    name: `scene-${name}`,
    citation: "the scenes of this project",
    annotations: [],
    prompt: "{question}",
    controls: everyControl,
    scripts: [],
    submission: plainFile,
    ...parts,
  });

const right = E.right<EvalError, ScoreReport>;

const readYes: ReadAnswer<YesNoRecord> = (_, answer) => saysYes(answer) ? "yes" : "no";

const captions = (name: QuestionKind, title: string): Benchmark =>
  sceneBenchmark<CaptionRecord>(name, {
    title,
    kind: "caption",
    metric: "CIDEr-D, and what is named but not there (CHAIR)",
    scripts: scripts.captions,
    read: (_, answer) => captionTokens(answer).join(" "),
    credit: captionCredit,
    score: (answered) =>
      E.map(({ n, main, values }: ScoreReport): ScoreReport => ({
        n,
        main,
        values: { ...values, ...scoreMentions(answered) },
      }))(scoreCaptions(answered)),
  });

const judged = (answered: readonly Answered<YesNoRecord>[]): ScoreReport => {
  const { n, yesRate, ...shares } = scorePredicted(answered);
  return { n, main: "accuracy", values: { ...shares, yes_ratio: yesRate } };
};

const yesNo = (name: QuestionKind, title: string): Benchmark =>
  sceneBenchmark<YesNoRecord>(name, {
    title,
    kind: "yes-no",
    metric: "accuracy",
    scripts: scripts.pope,
    read: readYes,
    credit: popeAccuracy,
    score: (answered) => right(judged(answered)),
  });

const counted = ({ record, answer }: Answered<ExactRecord>) => ({ truth: Number(record.answer), answer });

const scoreCounts = (answered: readonly Answered<ExactRecord>[]): ScoreReport => {
  const { n, accuracy, meanError, unparsable, byCount } = scoreCount(answered.map(counted));
  const parts = Object.entries(byCount).map(([count, value]) => [`accuracy/${count}`, value]);
  return {
    n,
    main: "accuracy",
    values: { accuracy, mean_error: meanError, unparsable, ...Object.fromEntries(parts) },
  };
};

/** The name that is expected, or a synonym of it; articles, case and marks aside as VQA has it. */
const nameCredit = ({ answer: truth }: ExactRecord, answer: string): number => {
  const synonyms = pipe(conceptNamed(truth), O.match((): readonly string[] => [], (c) => c.synonyms));
  return [truth, ...synonyms].map(vqaNormal).includes(vqaNormal(answer)) ? 1 : 0;
};

const named = (name: QuestionKind, title: string): Benchmark =>
  sceneBenchmark<ExactRecord>(name, {
    title,
    kind: "exact",
    metric: "accuracy, synonyms accepted",
    scripts: scripts.vqa,
    read: (_, answer) => vqaNormal(answer),
    credit: nameCredit,
    score: (answered) => right(scoreExact(answered, nameCredit)),
  });

/** Signs are in capitals throughout, so case says nothing, and encodings that know lower case alone can read them. */
const withoutCase = ({ record, answer }: Answered<ReadingRecord>): Answered<ReadingRecord> => ({
  record: { ...record, answers: record.answers.map((text) => text.toLowerCase()) },
  answer: answer.toLowerCase(),
});

/** The scores of all kinds of questions, for the boxes of a configuration. */
export const sceneBenchmarks = (config: DataConfig): Readonly<Record<QuestionKind, Benchmark>> =>
  sceneBenchmarksWith(boxFormatOf(config));

/** The scores of all kinds of questions, boxes being read in one format. */
export const sceneBenchmarksWith = (
  // without `print`: words of a grid represent middles of cells, and are held against the true box
  { parse }: Pick<BoxFormat, "parse">,
): Readonly<Record<QuestionKind, Benchmark>> => {
  return {
    caption: captions("caption", "Scenes: captions"),
    dense: captions("dense", "Scenes: dense captions"),
    presence: sceneBenchmark<YesNoRecord>("presence", {
      title: "Scenes: presence",
      kind: "yes-no",
      metric: "mean F1 of the settings",
      scripts: scripts.pope,
      read: readYes,
      credit: popeAccuracy,
      score: (answered) => right(scorePope(answered)),
    }),
    count: sceneBenchmark<ExactRecord>("count", {
      title: "Scenes: counts",
      kind: "exact",
      metric: "accuracy",
      read: (_, answer) => pipe(parseCount(answer), O.match(() => "", String)),
      credit: (record, answer) => countRight(counted({ record, answer })) ? 1 : 0,
      score: (answered) => right(scoreCounts(answered)),
    }),
    compare: yesNo("compare", "Scenes: comparison of numbers"),
    larger: named("larger", "Scenes: comparison of sizes"),
    relation: yesNo("relation", "Scenes: spatial relations"),
    neighbour: named("neighbour", "Scenes: neighbours"),
    attribute: named("attribute", "Scenes: colours"),
    refer: sceneBenchmark<BoxRecord>("refer", {
      title: "Scenes: referring expressions",
      kind: "box",
      metric: "accuracy at IoU 0.5, mean IoU, centre hit",
      scripts: scripts.refcoco,
      read: boxText({ parse }),
      credit: refCocoAccuracy({ parse }),
      score: (answered) => right(scoreRefCoco({ parse })(answered)),
    }),
    name: named("name", "Scenes: what is in a box"),
    reading: sceneBenchmark<ReadingRecord>("reading", {
      title: "Scenes: text reading",
      kind: "reading",
      metric: "ANLS with threshold 0.5, and character error rate",
      scripts: scripts.anls,
      read: (_, answer) => anlsText(answer),
      credit: anlsCredit,
      score: (answered) => right(scoreReading(answered.map(withoutCase))),
    }),
    "kind-of": named("kind-of", "Scenes: kinds of things"),
    translate: sceneBenchmark<ExactRecord>("translate", {
      title: "Scenes: names in other languages",
      kind: "exact",
      metric: "accuracy",
      scripts: scripts.exact,
      read: (_, answer) => exactText(answer),
      credit: exactAccuracy,
      score: (answered) => right(scoreExact(answered)),
    }),
  };
};

/** The benchmarks, by name. */
import * as E from "fp-ts/lib/Either.js";
import { flow } from "fp-ts/lib/function.js";
import * as O from "fp-ts/lib/Option.js";
import { type BoxFormat, thousandBoxes } from "../text/boxes.ts";
import { letterOf } from "../text/prompts.ts";
import { answerable, describeImage, lettered, locate, shortly } from "../text/task_prompts.ts";
import { anlsCredit, anlsText } from "./anls.ts";
import { type Benchmark, benchmark, type BenchmarkOf, type ReadAnswer } from "./benchmark.ts";
import { captionCredit, scoreCaptions } from "./caption.ts";
import { chairCredit, objectsOf, scoreChair } from "./chair.ts";
import {
  bareLetter,
  choiceAccuracy,
  choiceText,
  inferredChoice,
  type ReadChoice,
  statedLetter,
} from "./choice.ts";
import { EvalError } from "./error.ts";
import { exactAccuracy, exactText, scoreExact } from "./exact.ts";
import { gqaAccuracy, gqaAnswer, scoreGqa } from "./gqa.ts";
import { mmbenchAccuracy, scoreMmbench } from "./mmbench.ts";
import { mmeAccuracy, mmeAnswer, scoreMme } from "./mme.ts";
import { popeAccuracy, scorePope } from "./pope.ts";
import { captionTokens } from "./ptb.ts";
import { scoreReading } from "./reading.ts";
import type {
  Answered,
  BenchmarkRecord,
  BoxRecord,
  CaptionRecord,
  ChoiceRecord,
  ExactRecord,
  OpenRecord,
  ReadingRecord,
  YesNoRecord,
} from "../records/records.ts";
import { boxReadingOf, boxText, refCocoAccuracy, scoreRefCoco } from "./refcoco.ts";
import { mean, type ScoreReport } from "./report.ts";
import { scienceQaAccuracy, scoreScienceQa } from "./scienceqa.ts";
import { scripts } from "./scripts.ts";
import { scoreSeed, seedAccuracy } from "./seed.ts";
import {
  captionFile,
  gqaFile,
  plainFile,
  refCocoFile,
  seedFile,
  vizWizFile,
  vqaFile,
} from "./submission/formats.ts";
import { aokVqaFile, scienceQaFile } from "./submission/keyed.ts";
import { mmbenchTable } from "./submission/mmbench_table.ts";
import { mmeFiles } from "./submission/mme_text.ts";
import { popeFiles } from "./submission/pope_lines.ts";
import { scoreVizWiz } from "./vizwiz.ts";
import {
  aokVqaRules,
  evalAiRules,
  scoreVqa,
  vizWizRules,
  vqaAccuracy,
  type VqaRules,
  vqaRules,
} from "./vqa.ts";
import { saysYes } from "./yes_no.ts";

const right: (report: ScoreReport) => E.Either<EvalError, ScoreReport> = E.right;

/** What is the same for every benchmark of other people. */
const official = <R extends BenchmarkRecord>(of: Omit<BenchmarkOf<R>, "controls">): Benchmark =>
  benchmark<R>({ controls: ["shuffled", "majority"], ...of });

type OpenParts = Pick<BenchmarkOf<OpenRecord>, "name" | "title" | "citation" | "annotations" | "scripts">;

const vqa = (rules: VqaRules, parts: OpenParts & Partial<BenchmarkOf<OpenRecord>>): Benchmark =>
  official<OpenRecord>({
    kind: "open",
    metric: "VQA accuracy",
    prompt: shortly,
    submission: vqaFile,
    read: ({ answers }, answer) => rules.compared(answer, answers).prediction,
    credit: vqaAccuracy(rules),
    score: flow(scoreVqa(rules), right),
    ...parts,
  });

type ChoiceParts = Omit<BenchmarkOf<ChoiceRecord>, "kind" | "prompt" | "read" | "controls">;

const choice = (read: ReadChoice, parts: ChoiceParts): Benchmark =>
  official<ChoiceRecord>({
    kind: "choice",
    prompt: lettered,
    read: (record, answer) => O.match(() => "", letterOf)(read(record, answer)),
    ...parts,
  });

type CaptionParts =
  & Pick<BenchmarkOf<CaptionRecord>, "name" | "title" | "citation" | "annotations">
  & Partial<BenchmarkOf<CaptionRecord>>;

const captions = (parts: CaptionParts): Benchmark =>
  official<CaptionRecord>({
    kind: "caption",
    metric: "CIDEr-D, 0 to 10 (papers print it times 100)",
    prompt: describeImage,
    read: (_, answer) => captionTokens(answer).join(" "),
    scripts: scripts.captions,
    submission: captionFile,
    credit: captionCredit,
    score: scoreCaptions,
    ...parts,
  });

const refCoco = (name: string, title: string, citation: string, boxes: BoxFormat): Benchmark => {
  const reading = boxReadingOf(boxes);
  return official<BoxRecord>({
    name,
    title,
    citation,
    kind: "box",
    annotations: ["refcoco", "refcoco-jsonl"],
    metric: "accuracy at IoU 0.5",
    prompt: locate,
    read: boxText(reading),
    scripts: scripts.refcoco,
    submission: refCocoFile,
    credit: refCocoAccuracy(reading),
    score: flow(scoreRefCoco(reading), right),
  });
};

const yes = (predicted: boolean): string => predicted ? "yes" : "no";

const mmeText: ReadAnswer<YesNoRecord> = (_, answer) => {
  const predicted = mmeAnswer(answer);
  return predicted === undefined ? "" : yes(predicted);
};

const scoreAokVqaChoice = (answered: readonly Answered<ChoiceRecord>[]): ScoreReport => ({
  n: answered.length,
  main: "accuracy",
  values: {
    accuracy: mean(answered.map(({ record, answer }) => choiceAccuracy(choiceText)(record, answer))),
  },
});

/**
 * All benchmarks, boxes being read from answers in one format.
 * @param boxes - the format of boxes; that of Qwen-VL unless given.
 */
export const benchmarksWith = (boxes: BoxFormat = thousandBoxes): readonly Benchmark[] => [
  vqa(vqaRules, {
    name: "vqav2",
    title: "VQAv2",
    citation: "Goyal et al., arXiv 1612.00837",
    annotations: ["vqav2"],
    scripts: scripts.vqa,
  }),
  vqa(vqaRules, {
    name: "okvqa",
    title: "OK-VQA",
    citation: "Marino et al., arXiv 1906.00067",
    annotations: ["okvqa"],
    scripts: scripts.vqa,
  }),
  vqa(aokVqaRules, {
    name: "aokvqa",
    title: "A-OKVQA, direct answers",
    citation: "Schwenk et al., arXiv 2206.01718",
    annotations: ["aokvqa-direct"],
    scripts: scripts.aokvqa,
    submission: aokVqaFile("direct_answer"),
  }),
  choice(choiceText, {
    name: "aokvqa-choice",
    title: "A-OKVQA, multiple choice",
    citation: "Schwenk et al., arXiv 2206.01718",
    annotations: ["aokvqa"],
    scripts: scripts.aokvqa,
    metric: "accuracy",
    submission: aokVqaFile("multiple_choice"),
    credit: choiceAccuracy(choiceText),
    score: flow(scoreAokVqaChoice, right),
  }),
  vqa(evalAiRules, {
    name: "textvqa",
    title: "TextVQA",
    citation: "Singh et al., arXiv 1904.08920",
    annotations: ["textvqa"],
    scripts: scripts.textvqa,
  }),
  vqa(vizWizRules, {
    name: "vizwiz",
    title: "VizWiz",
    citation: "Gurari et al., arXiv 1802.08218",
    annotations: ["vizwiz"],
    prompt: answerable,
    scripts: scripts.vizwiz,
    submission: vizWizFile,
    score: flow(scoreVizWiz, right),
  }),
  official<ExactRecord>({
    name: "gqa",
    title: "GQA",
    citation: "Hudson and Manning, arXiv 1902.09506",
    kind: "exact",
    annotations: ["gqa"],
    metric: "accuracy on balanced questions",
    prompt: shortly,
    read: (_, answer) => gqaAnswer(answer),
    scripts: scripts.gqa,
    submission: gqaFile,
    credit: gqaAccuracy,
    score: flow(scoreGqa, right),
  }),
  official<ExactRecord>({
    name: "ocrvqa",
    title: "OCR-VQA",
    citation: "Mishra et al., ICDAR 2019",
    kind: "exact",
    annotations: ["ocrvqa"],
    metric: "accuracy",
    prompt: shortly,
    read: (_, answer) => exactText(answer),
    scripts: scripts.exact,
    submission: vqaFile,
    credit: exactAccuracy,
    score: (answered) => right(scoreExact(answered)),
  }),
  official<YesNoRecord>({
    name: "pope",
    title: "POPE",
    citation: "Li et al., arXiv 2305.10355",
    kind: "yes-no",
    annotations: ["pope"],
    metric: "mean F1 of the splits",
    prompt: shortly,
    read: (_, answer) => yes(saysYes(answer)),
    scripts: scripts.pope,
    submission: popeFiles,
    credit: popeAccuracy,
    score: flow(scorePope, right),
  }),
  official<YesNoRecord>({
    name: "mme",
    title: "MME",
    citation: "Fu et al., arXiv 2306.13394",
    kind: "yes-no",
    annotations: ["mme"],
    metric: "points of perception (2,000) and cognition (800)",
    prompt: shortly,
    read: mmeText,
    scripts: scripts.mme,
    submission: mmeFiles,
    credit: mmeAccuracy,
    score: scoreMme,
  }),
  choice(inferredChoice, {
    name: "mmbench",
    title: "MMBench",
    citation: "Liu et al., arXiv 2307.06281",
    annotations: ["mmbench"],
    metric: "CircularEval accuracy",
    scripts: scripts.mmbench,
    submission: mmbenchTable,
    credit: mmbenchAccuracy,
    score: flow(scoreMmbench, right),
  }),
  choice(bareLetter, {
    name: "seed",
    title: "SEED-Bench",
    citation: "Li et al., arXiv 2307.16125",
    annotations: ["seed"],
    metric: "accuracy over dimensions 1 to 9",
    scripts: scripts.seed,
    submission: seedFile,
    credit: seedAccuracy,
    score: flow(scoreSeed, right),
  }),
  choice(statedLetter, {
    name: "scienceqa",
    title: "ScienceQA",
    citation: "Lu et al., arXiv 2209.09513",
    annotations: ["scienceqa"],
    metric: "accuracy; IMG for questions with an image",
    scripts: scripts.scienceqa,
    submission: scienceQaFile,
    credit: scienceQaAccuracy,
    score: flow(scoreScienceQa, right),
  }),
  refCoco("refcoco", "RefCOCO", "Yu et al., arXiv 1608.00272", boxes),
  refCoco("refcoco+", "RefCOCO+", "Yu et al., arXiv 1608.00272", boxes),
  refCoco("refcocog", "RefCOCOg", "Mao et al., arXiv 1511.02283", boxes),
  captions({
    name: "coco",
    title: "COCO captions",
    citation: "Chen et al., arXiv 1504.00325",
    annotations: ["coco-captions", "karpathy"],
  }),
  captions({
    name: "flickr30k",
    title: "Flickr30k",
    citation: "Young et al., TACL 2014",
    annotations: ["flickr30k", "karpathy"],
  }),
  captions({
    name: "nocaps",
    title: "NoCaps",
    citation: "Agrawal et al., arXiv 1812.08658",
    annotations: ["nocaps"],
  }),
  captions({
    name: "textcaps",
    title: "TextCaps",
    citation: "Sidorov et al., arXiv 2003.12462",
    annotations: ["textcaps"],
  }),
  captions({
    name: "chair",
    title: "CHAIR",
    citation: "Rohrbach et al., arXiv 1809.02156",
    annotations: [],
    metric: "share of captions with an object that is not there (lower is better)",
    read: (_, answer) => objectsOf(answer).join(", "),
    scripts: scripts.chair,
    credit: chairCredit,
    score: scoreChair,
  }),
  official<ReadingRecord>({
    name: "reading",
    title: "Text reading",
    citation: "Biten et al., arXiv 1907.00490",
    kind: "reading",
    annotations: [],
    metric: "ANLS with threshold 0.5, and character error rate",
    prompt: shortly,
    read: (_, answer) => anlsText(answer),
    scripts: scripts.anls,
    submission: plainFile,
    credit: anlsCredit,
    score: flow(scoreReading, right),
  }),
];

/** All benchmarks, boxes being read by Qwen-VL's rule. */
export const benchmarks: readonly Benchmark[] = benchmarksWith();

/** The benchmark of a name; the error lists the names. */
export const benchmarkNamed = (
  name: string,
  among: readonly Benchmark[] = benchmarks,
): E.Either<EvalError, Benchmark> =>
  E.fromNullable(
    new EvalError({
      op: "benchmark",
      got: name,
      expected: among.map((b) => b.name).join(", "),
      hint: "name one of them",
      ids: [],
    }),
  )(among.find((b) => b.name === name));

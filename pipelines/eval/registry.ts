/** The benchmarks, by name. */
import * as E from "fp-ts/lib/Either.js";
import { chooseLetter, shortAnswer } from "../text/prompts.ts";
import { anlsCredit } from "./anls.ts";
import { type Benchmark, benchmark, type BenchmarkOf, scorer } from "./benchmark.ts";
import { captionCredit, scoreCaptions } from "./caption.ts";
import { chairCredit, scoreChair } from "./chair.ts";
import { choiceAccuracy, choiceText } from "./choice.ts";
import { exactAccuracy, scoreExact } from "./exact.ts";
import { gqaAccuracy, scoreGqa } from "./gqa.ts";
import { EvalError } from "./error.ts";
import { mmbenchAccuracy, scoreMmbench } from "./mmbench.ts";
import { mmeAccuracy, scoreMme } from "./mme.ts";
import { popeAccuracy, scorePope } from "./pope.ts";
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
} from "./records.ts";
import { scoreReading } from "./reading.ts";
import { firstQwenBox, type ReadBox, refCocoAccuracy, scoreRefCoco } from "./refcoco.ts";
import { mean, type ScoreReport } from "./report.ts";
import { scienceQaAccuracy, scoreScienceQa } from "./scienceqa.ts";
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

const SHORT = shortAnswer("");
const LETTER = `\n${chooseLetter("", ["", ""]).split("\n").at(-1)!}`;
const UNANSWERABLE = "\nWhen the provided information is insufficient, respond with 'Unanswerable'." + SHORT;

const always = <R extends BenchmarkRecord>(score: (answered: readonly Answered<R>[]) => ScoreReport) =>
  scorer<R>((answered) => E.right<EvalError, ScoreReport>(score(answered)));

type OpenParts = Pick<BenchmarkOf<OpenRecord>, "name" | "title" | "citation" | "script">;

const vqa = (rules: VqaRules, parts: OpenParts & Partial<BenchmarkOf<OpenRecord>>): Benchmark =>
  benchmark<OpenRecord>({
    kind: "open",
    metric: "VQA accuracy",
    promptSuffix: SHORT,
    submission: vqaFile,
    credit: vqaAccuracy(rules),
    score: always(scoreVqa(rules)),
    ...parts,
  });

const captions = (name: string, title: string, citation: string): Benchmark =>
  benchmark<CaptionRecord>({
    name,
    title,
    citation,
    kind: "caption",
    metric: "CIDEr-D, 0 to 10 (papers print it times 100)",
    promptSuffix: "",
    script: "tylin/coco-caption eval.py, without METEOR and SPICE (Java programs)",
    submission: captionFile,
    credit: captionCredit,
    score: scorer(scoreCaptions),
  });

const refCoco = (name: string, title: string, citation: string, read: ReadBox): Benchmark =>
  benchmark<BoxRecord>({
    name,
    title,
    citation,
    kind: "box",
    metric: "accuracy at IoU 0.5",
    promptSuffix: "",
    script: "QwenLM/Qwen-VL eval_mm/evaluate_grounding.py",
    submission: refCocoFile,
    credit: refCocoAccuracy(read),
    score: always(scoreRefCoco(read)),
  });

const scoreAokVqaChoice = (answered: readonly Answered<ChoiceRecord>[]): ScoreReport => ({
  n: answered.length,
  main: "accuracy",
  values: {
    accuracy: mean(answered.map(({ record, answer }) => choiceAccuracy(choiceText)(record, answer))),
  },
});

/**
 * All benchmarks, boxes being read by one rule.
 * @param read - how boxes are read from answers; Qwen-VL's rule unless said.
 */
export const benchmarksWith = (read: ReadBox = firstQwenBox): readonly Benchmark[] => [
  vqa(vqaRules, {
    name: "vqav2",
    title: "VQAv2",
    citation: "Goyal et al., arXiv 1612.00837",
    script: "GT-Vision-Lab/VQA vqaEval.py",
  }),
  vqa(vqaRules, {
    name: "okvqa",
    title: "OK-VQA",
    citation: "Marino et al., arXiv 1906.00067",
    script: "GT-Vision-Lab/VQA vqaEval.py",
  }),
  vqa(aokVqaRules, {
    name: "aokvqa",
    title: "A-OKVQA, direct answers",
    citation: "Schwenk et al., arXiv 2206.01718",
    script: "allenai/aokvqa eval_predictions.py",
    submission: aokVqaFile("direct_answer"),
  }),
  benchmark<ChoiceRecord>({
    name: "aokvqa-choice",
    title: "A-OKVQA, multiple choice",
    kind: "choice",
    metric: "accuracy",
    promptSuffix: LETTER,
    citation: "Schwenk et al., arXiv 2206.01718",
    script: "allenai/aokvqa eval_predictions.py",
    submission: aokVqaFile("multiple_choice"),
    credit: choiceAccuracy(choiceText),
    score: always(scoreAokVqaChoice),
  }),
  vqa(evalAiRules, {
    name: "textvqa",
    title: "TextVQA",
    citation: "Singh et al., arXiv 1904.08920",
    script: "haotian-liu/LLaVA m4c_evaluator.py",
  }),
  vqa(vizWizRules, {
    name: "vizwiz",
    title: "VizWiz",
    citation: "Gurari et al., arXiv 1802.08218",
    script: "VizWiz API vqaEval.py",
    promptSuffix: UNANSWERABLE,
    submission: vizWizFile,
    score: always(scoreVizWiz),
  }),
  benchmark<ExactRecord>({
    name: "gqa",
    title: "GQA",
    kind: "exact",
    metric: "accuracy on balanced questions",
    promptSuffix: SHORT,
    citation: "Hudson and Manning, arXiv 1902.09506",
    script: "GQA eval.py; LLaVA convert_gqa_for_eval.py",
    submission: gqaFile,
    credit: gqaAccuracy,
    score: always(scoreGqa),
  }),
  benchmark<ExactRecord>({
    name: "ocrvqa",
    title: "OCR-VQA",
    kind: "exact",
    metric: "accuracy",
    promptSuffix: SHORT,
    citation: "Mishra et al., ICDAR 2019",
    script: "QwenLM/Qwen-VL eval_mm/evaluate_vqa.py, exact match",
    submission: vqaFile,
    credit: exactAccuracy,
    score: always(scoreExact),
  }),
  benchmark<YesNoRecord>({
    name: "pope",
    title: "POPE",
    kind: "yes-no",
    metric: "mean F1 of the splits",
    promptSuffix: SHORT,
    citation: "Li et al., arXiv 2305.10355",
    script: "RUCAIBox/POPE evaluate.py; LLaVA eval_pope.py",
    submission: popeFiles,
    credit: popeAccuracy,
    score: always(scorePope),
  }),
  benchmark<YesNoRecord>({
    name: "mme",
    title: "MME",
    kind: "yes-no",
    metric: "points of perception (2,000) and cognition (800)",
    promptSuffix: SHORT,
    citation: "Fu et al., arXiv 2306.13394",
    script: "MME eval_tool calculation.py",
    submission: mmeFiles,
    credit: mmeAccuracy,
    score: scorer(scoreMme),
  }),
  benchmark<ChoiceRecord>({
    name: "mmbench",
    title: "MMBench",
    kind: "choice",
    metric: "CircularEval accuracy",
    promptSuffix: LETTER,
    citation: "Liu et al., arXiv 2307.06281",
    script: "open-compass/VLMEvalKit multiple_choice.py, exact_matching",
    submission: mmbenchTable,
    credit: mmbenchAccuracy,
    score: always(scoreMmbench),
  }),
  benchmark<ChoiceRecord>({
    name: "seed",
    title: "SEED-Bench",
    kind: "choice",
    metric: "accuracy over dimensions 1 to 9",
    promptSuffix: LETTER,
    citation: "Li et al., arXiv 2307.16125",
    script: "haotian-liu/LLaVA convert_seed_for_submission.py",
    submission: seedFile,
    credit: seedAccuracy,
    score: always(scoreSeed),
  }),
  benchmark<ChoiceRecord>({
    name: "scienceqa",
    title: "ScienceQA",
    kind: "choice",
    metric: "accuracy; IMG for questions with an image",
    promptSuffix: LETTER,
    citation: "Lu et al., arXiv 2209.09513",
    script: "haotian-liu/LLaVA eval_science_qa.py; lupantech/ScienceQA evaluate_acc.py",
    submission: scienceQaFile,
    credit: scienceQaAccuracy,
    score: always(scoreScienceQa),
  }),
  refCoco("refcoco", "RefCOCO", "Yu et al., arXiv 1608.00272", read),
  refCoco("refcoco+", "RefCOCO+", "Yu et al., arXiv 1608.00272", read),
  refCoco("refcocog", "RefCOCOg", "Mao et al., arXiv 1511.02283", read),
  captions("coco", "COCO captions", "Chen et al., arXiv 1504.00325"),
  captions("flickr30k", "Flickr30k", "Young et al., TACL 2014"),
  captions("nocaps", "NoCaps", "Agrawal et al., arXiv 1812.08658"),
  captions("textcaps", "TextCaps", "Sidorov et al., arXiv 2003.12462"),
  benchmark<CaptionRecord>({
    name: "chair",
    title: "CHAIR",
    kind: "caption",
    metric: "share of captions with an object that is not there (lower is better)",
    promptSuffix: "",
    citation: "Rohrbach et al., arXiv 1809.02156",
    script: "LisaAnne/Hallucination utils/chair.py",
    submission: captionFile,
    credit: chairCredit,
    score: scorer(scoreChair),
  }),
  benchmark<ReadingRecord>({
    name: "reading",
    title: "Text reading",
    kind: "reading",
    metric: "ANLS with threshold 0.5, and character error rate",
    promptSuffix: SHORT,
    citation: "Biten et al., arXiv 1907.00490",
    script: "ST-VQA and DocVQA evaluation (LLaVA m4c_evaluator.py)",
    submission: plainFile,
    credit: anlsCredit,
    score: always(scoreReading),
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
      mend: "name one of them",
      ids: [],
    }),
  )(among.find((b) => b.name === name));

/**
 * Scores that the official scripts gave, run on inputs of our own (`tests/golden/official/make.py`): every file names the
 * repository, the file and the commit of its script.
 */
import * as O from "fp-ts/lib/Option.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { anlsCredit } from "../../pipelines/eval/anls.ts";
import { bleu } from "../../pipelines/eval/bleu.ts";
import { objectsOf } from "../../pipelines/eval/chair.ts";
import { choiceText, inferredChoice, statedLetter } from "../../pipelines/eval/choice.ts";
import { ciderD } from "../../pipelines/eval/cider.ts";
import { exactAccuracy } from "../../pipelines/eval/exact.ts";
import { gqaAnswer } from "../../pipelines/eval/gqa.ts";
import { mmeAnswer, scoreMme } from "../../pipelines/eval/mme.ts";
import { scorePope } from "../../pipelines/eval/pope.ts";
import type { ChoiceRecord, YesNoRecord } from "../../pipelines/records/records.ts";
import { rougeL } from "../../pipelines/eval/rouge.ts";
import { scoreScienceQa } from "../../pipelines/eval/scienceqa.ts";
import { scripts } from "../../pipelines/eval/scripts.ts";
import { singularOf } from "../../pipelines/eval/singular.ts";
import { aokVqaRules, evalAiRules, vqaAccuracy, type VqaRules, vqaRules } from "../../pipelines/eval/vqa.ts";
import { saysYes } from "../../pipelines/eval/yes_no.ts";
import { evalAiNormal } from "../../pipelines/eval/vqa_normal.ts";
import { close } from "./support.ts";
import { right } from "../support/either.ts";

// deno-lint-ignore no-explicit-any
const golden = (name: string): any =>
  JSON.parse(Deno.readTextFileSync(new URL(`../golden/official/${name}.json`, import.meta.url)));

const official = suite("official scripts");

type PeopleCase = readonly [people: readonly string[], prediction: string, score: number];

/** The cases in which a rule gives another score than the script, for a message that names the first of them. */
const differing = (cases: readonly PeopleCase[], score: (one: PeopleCase) => number): readonly string[] =>
  cases.flatMap((one) =>
    Math.abs(score(one) - one[2]) < 1e-9 ? [] : [`${JSON.stringify(one)} scored ${score(one)}`]
  );

const vqaScore = (rules: VqaRules) => ([answers, prediction]: PeopleCase): number =>
  vqaAccuracy(rules)({ kind: "open", id: "1", question: "?", answers }, prediction);

official("every file names repository, file and commit, and has hundreds of cases in all", () => {
  let cases = 0;
  for (const { name } of Deno.readDirSync(new URL("../golden/official", import.meta.url))) {
    if (!name.endsWith(".json")) continue;
    const { made, ...lists } = golden(name.slice(0, -5));
    assert.ok(made.length > 0, name);
    for (const { repository, file, commit } of made) {
      assert.match(repository, /^[\w-]+\/[\w-]+$/);
      assert.ok(file.length > 0);
      assert.match(commit, /^[0-9a-f]{40}$/);
    }
    // every rule follows the commit that made its golden scores, and none is left behind
    for (const { repository, commit } of made) {
      const known = Object.values(scripts).flat().filter((script) => script.repository === repository);
      assert.ok(known.length > 0, repository);
      assert.ok(known.every((script) => "commit" in script && script.commit === commit), repository);
    }
    for (const list of Object.values(lists) as unknown[][]) cases += list.length;
  }
  assert.ok(cases > 3000, String(cases));
});

official("VQAv2 and OK-VQA: vqaEval.py", () => {
  assert.equal(differing(golden("vqa").cases, vqaScore(vqaRules)), []);
});

official("TextVQA: m4c_evaluator.py, accuracy and words", () => {
  const { accuracy, words } = golden("m4c");
  assert.equal(differing(accuracy, vqaScore(evalAiRules)), []);
  for (const [text, want] of words) assert.is(evalAiNormal(text), want, JSON.stringify(text));
});

official("ANLS: m4c_evaluator.py", () => {
  const score = ([answers, prediction]: PeopleCase): number =>
    anlsCredit({ kind: "reading", id: "1", question: "?", answers }, prediction);
  assert.equal(differing(golden("m4c").anls, score), []);
});

official("A-OKVQA: eval_predictions.py", () => {
  const { direct, choice } = golden("aokvqa");
  assert.equal(differing(direct, vqaScore(aokVqaRules)), []);
  for (const [choices, answer, prediction, score] of choice) {
    const record: ChoiceRecord = { kind: "choice", id: "1", question: "?", choices, answer };
    assert.is(Number(O.toUndefined(choiceText(record, prediction)) === answer), score);
  }
});

const choiceOf = (choices: readonly string[], more: Partial<ChoiceRecord> = {}): ChoiceRecord => ({
  kind: "choice",
  id: "1",
  question: "?",
  choices,
  answer: 0,
  ...more,
});

official("ScienceQA: eval_science_qa.py, answer by answer and in sum", () => {
  const { cases, totals: [totals] } = golden("scienceqa");
  const answered = cases.map(
    ([count, answer, image, text, want]: [number, number, boolean, string, number]) => {
      const record = choiceOf(Array<string>(count).fill("x"), { answer, ...(image ? { image: "i" } : {}) });
      assert.is(O.toUndefined(statedLetter(record, text)) ?? -1, want, JSON.stringify(text));
      return { record, answer: text };
    },
  );
  const { values } = scoreScienceQa(answered);
  close(values["accuracy"], totals.acc / 100, 1e-9);
  close(values["IMG"], totals.IMG / 100, 5e-5);
});

official("MMBench: can_infer of matching_util.py", () => {
  for (const [choices, answer, want] of golden("mmbench").cases) {
    const place = O.toUndefined(inferredChoice(choiceOf(choices), answer));
    const letter = place === undefined ? null : String.fromCharCode(65 + place);
    assert.is(letter, want === "Z" ? null : want, JSON.stringify([choices, answer]));
  }
});

const yesNo = (part: string, answer: boolean, id: string, image = id): YesNoRecord => ({
  kind: "yes-no",
  id,
  image,
  question: "?",
  part,
  answer,
});

official("POPE: eval_pope.py, answer by answer and in sum", () => {
  const { read, items, totals: [totals] } = golden("pope");
  for (const [text, want] of read) assert.is(saysYes(text), want, JSON.stringify(text));
  const { values } = scorePope(
    items.map(([answer, truth]: [string, boolean], i: number) => ({
      record: yesNo("random", truth, String(i)),
      answer,
    })),
  );
  const names = {
    accuracy: "Accuracy",
    precision: "Precision",
    recall: "Recall",
    f1: "F1 score",
    yes_ratio: "Yes ratio",
  };
  for (const [ours, theirs] of Object.entries(names)) close(values[`random/${ours}`], totals[theirs], 1e-9);
});

official("MME: calculation.py, answer by answer and in sum", () => {
  const { read, items, totals: [totals] } = golden("mme");
  const word = (predicted: boolean | undefined): string =>
    predicted === undefined ? "other" : predicted ? "yes" : "no";
  for (const [text, want] of read) assert.is(word(mmeAnswer(text)), want, JSON.stringify(text));
  const { values } = right(scoreMme(
    items.map(([part, image, truth, answer]: [string, string, string, string], i: number) => ({
      record: yesNo(part, truth === "Yes", String(i), image),
      answer,
    })),
  ));
  for (const [name, want] of Object.entries(totals)) close(values[name], want as number, 1e-6);
});

official("GQA: convert_gqa_for_eval.py", () => {
  for (const [text, want] of golden("gqa").read) assert.is(gqaAnswer(text), want, JSON.stringify(text));
});

official("OCR-VQA: the exact match of Qwen-VL's evaluate_vqa.py", () => {
  for (const [answer, prediction, score] of golden("qwen").exact) {
    const record = { kind: "exact", id: "1", question: "?", answer } as const;
    assert.is(exactAccuracy(record, prediction), score, JSON.stringify([answer, prediction]));
  }
});

const wordsOf = (text: string): readonly string[] => text.split(" ").filter((word) => word !== "");

official("captions: bleu_scorer.py, rouge.py and cider_scorer.py of coco-caption", () => {
  const { corpora, results } = golden("captions");
  corpora.forEach((corpus: readonly (readonly [string, readonly string[]])[], i: number) => {
    const captions = corpus.map(([caption, references]) => ({
      words: wordsOf(caption),
      references: references.map(wordsOf),
    }));
    const { Bleu, CIDEr, each, ROUGE_L } = results[i];
    bleu(captions).forEach((score, k) => close(score, Bleu[k], 1e-12));
    const cider = ciderD(captions);
    cider.forEach((score, k) => close(score, each[k], 1e-12));
    close(cider.reduce((a, b) => a + b, 0) / cider.length, CIDEr, 1e-12);
    captions.forEach((caption, k) => close(rougeL(caption), ROUGE_L[k], 1e-12));
  });
});

official("CHAIR: singular forms of clips/pattern, and the objects of chair.py", () => {
  const { singular, captions } = golden("chair");
  for (const [word, want] of singular) assert.is(singularOf(word), want, word);
  for (const [caption, want] of captions) assert.equal(objectsOf(caption), want, caption);
});

official.run();

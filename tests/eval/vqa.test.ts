/** VQA accuracy by the rules of vqaEval.py, the VizWiz API, m4c_evaluator.py and A-OKVQA's eval_predictions.py. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OpenRecord } from "../../pipelines/records/records.ts";
import { scoreVizWiz } from "../../pipelines/eval/vizwiz.ts";
import {
  aokVqaRules,
  evalAiRules,
  scoreVqa,
  vizWizRules,
  vqaAccuracy,
  vqaRules,
} from "../../pipelines/eval/vqa.ts";
import { evalAiNormal, plainWords, vqaNormal, withoutMarks } from "../../pipelines/eval/vqa_normal.ts";
import { articles, contractions, marks, numberWords } from "../../pipelines/eval/vqa_words.ts";
import { property } from "../support/property.ts";
import { close } from "./support.ts";

const vqa = suite("vqa accuracy");

const open = (answers: readonly string[], more: Partial<OpenRecord> = {}): OpenRecord => ({
  kind: "open",
  id: "1",
  question: "?",
  answers,
  ...more,
});

const people = (k: number, text = "cat", other = "dog"): readonly string[] =>
  Array.from({ length: 10 }, (_, i) => i < k ? text : other);

vqa("ten people: 0, 0.3, 0.6, 0.9, then 1", () => {
  // For k matches, k of the ten subsets have k - 1 left, the rest k: (k min(1,(k-1)/3) + (10-k) min(1,k/3)) / 10.
  [0, 0.3, 0.6, 0.9, 1, 1, 1, 1, 1, 1, 1].forEach((want, k) => {
    close(vqaAccuracy(vqaRules)(open(people(k)), "cat"), want);
  });
});

vqa("marks follow the two rules of the script", () => {
  // Beside a space a mark goes; elsewhere it becomes a space; a comma between digits makes all marks go.
  assert.is(withoutMarks("t-shirt"), "t shirt");
  assert.is(withoutMarks("black -white"), "black white");
  assert.is(withoutMarks("1,000-2"), "10002");
  assert.is(withoutMarks("yes, sir"), "yes sir");
  assert.is(withoutMarks("3.5 ft."), "3.5 ft");
  assert.is(withoutMarks("it's 5:30"), "it's 5:30");
  assert.is(withoutMarks(".".repeat(40)), ".".repeat(8));
});

vqa("words are made plain", () => {
  assert.is(plainWords("A man and an Apple on THE table"), "man and apple on table");
  assert.is(plainWords("ten  dont none"), "10 don't 0");
  assert.is(vqaNormal("Two.\n"), "2");
  assert.is(vqaNormal("What's\tthat?"), "what's that");
  assert.is(evalAiNormal("the dog's 1,000 bones"), "dog 's 1000 bones");
  assert.is(contractions.size, 114);
  assert.is(contractions.get("couldntve"), undefined);
  assert.is(contractions.get("couldnt've"), "couldn't've");
});

vqa("both sides are normalised where people's answers differ, and neither where they are the same", () => {
  close(vqaAccuracy(vqaRules)(open(people(10, "t-shirt")), "t-shirt"), 1);
  close(vqaAccuracy(vqaRules)(open(people(10, "two")), "two"), 1);
  close(vqaAccuracy(vqaRules)(open(people(10, "two")), "2"), 0);
  close(vqaAccuracy(vqaRules)(open(people(10, "dog")), "a dog"), 0);
  close(vqaAccuracy(vqaRules)(open(people(9, "a dog")), "dog"), 1);
  close(vqaAccuracy(vqaRules)(open(people(9, "two", "2")), "two"), 1);
  close(vqaAccuracy(vqaRules)(open(people(9, "Cat")), "cat"), 1);
  // Line ends, tabs and the ends are dealt with before the answers are found to differ.
  close(vqaAccuracy(vqaRules)(open(people(9, "Cat", " Cat\n")), "Cat"), 1);
  close(vqaAccuracy(vqaRules)(open(people(9, "Cat", " Cat\n")), "cat"), 0);
  // VizWiz normalises the prediction alone; TextVQA both sides, always.
  close(vqaAccuracy(vizWizRules)(open(people(9, "t-shirt")), "t-shirt"), 0);
  close(vqaAccuracy(vizWizRules)(open(people(9, "2")), "two"), 1);
  close(vqaAccuracy(evalAiRules)(open(people(10, "The T-Shirt")), "t-shirt"), 1);
  close(vqaAccuracy(evalAiRules)(open(people(3, "Two")), "2"), 0.9);
});

vqa("A-OKVQA compares texts as they are and needs three", () => {
  const credit = vqaAccuracy(aokVqaRules);
  close(credit(open(people(1)), "cat"), 1 / 3);
  close(credit(open(people(3)), "cat"), 1);
  close(credit(open(people(10)), "Cat"), 0);
});

vqa("degenerate questions have defined results", () => {
  for (const rules of [vqaRules, vizWizRules, evalAiRules, aokVqaRules]) {
    assert.is(vqaAccuracy(rules)(open([]), "cat"), 0);
    assert.is(vqaAccuracy(rules)(open(people(5)), ""), 0);
  }
});

vqa("is averaged over all, by answer type", () => {
  const report = scoreVqa(vqaRules)([
    { record: open(people(10), { answerType: "other" }), answer: "cat" },
    { record: open(people(2), { answerType: "other" }), answer: "cat" },
    { record: open(people(10, "yes"), { answerType: "yes/no" }), answer: "no" },
  ]);
  close(report.values["accuracy"]!, 1.6 / 3);
  close(report.values["accuracy/other"]!, 0.8);
  close(report.values["accuracy/yes/no"]!, 0);
});

const word = fc.constantFrom("cat", "dog", "red", "7", "2.5", "don't", "o'clock", "kitchen");
const phrase = fc.array(word, { minLength: 1, maxLength: 4 });

const noise = fc.constantFrom(
  (w: readonly string[]) => w.join(" ").toUpperCase(),
  (w: readonly string[]) => `The ${w.join(" a ")}`,
  (w: readonly string[]) => `  ${w.join("\t")} \n`,
  (w: readonly string[]) => `${w.join(", ")} !`,
  (w: readonly string[]) => `${w.join(" ")}.`,
  (w: readonly string[]) => w.join(" ").replace("7", "seven").replace("don't", "dont"),
);

property(vqa, "does not see case, articles, number words and marks alongside spaces", [
  phrase,
  noise,
  fc.integer({ min: 1, max: 9 }),
], (words, change, k) => {
  const record = open(people(k, words.join(" "), "nothing like it"));
  close(vqaAccuracy(vqaRules)(record, change(words)), vqaAccuracy(vqaRules)(record, words.join(" ")));
});

property(vqa, "sees another word, another order, another number", [phrase], (words) => {
  const record = open(people(9, words.join(" "), "else"));
  close(vqaAccuracy(vqaRules)(record, words.join(" ")), 1);
  close(vqaAccuracy(vqaRules)(record, [...words, "more"].join(" ")), 0);
  close(vqaAccuracy(vqaRules)(record, words.join("")), words.length === 1 ? 1 : 0);
});

property(
  vqa,
  "normalising twice is normalising once, but for points that lose what hid them",
  [fc.string()],
  (text) => {
    const once = vqaNormal(text.replaceAll(".", "")), twice = vqaNormal(once);
    const tame = once.split(" ").every((w) => !articles.has(w) && !Object.hasOwn(numberWords, w)) &&
      once.split(" ").every((w) => !contractions.has(w));
    if (tame) assert.is(twice, once);
  },
);

property(vqa, "no mark of the table is left", [fc.string()], (text) => {
  const out = vqaNormal(text);
  for (const mark of marks) assert.not.ok(out.includes(mark), mark);
});

vqa("VizWiz: unanswerable is found or not", () => {
  const item = (truth: boolean, answer: string, id: string) => ({
    record: open(people(10, truth ? "unanswerable" : "cat"), {
      id,
      answerType: truth ? "unanswerable" : "other",
    }),
    answer,
  });
  const report = scoreVizWiz([
    item(true, "Unanswerable.", "1"),
    item(true, "cat", "2"),
    item(false, "unanswerable", "3"),
    item(false, "cat", "4"),
    item(false, "cat", "5"),
  ]);
  // Precision 1/2, recall 1/2; average precision: 1/2 * 1/2 + (1 - 1/2) * 2/5.
  close(report.values["unanswerable/f1"]!, 0.5);
  close(report.values["unanswerable/average_precision"]!, 0.45);
  close(report.values["accuracy"]!, 3 / 5);
  close(report.values["accuracy/unanswerable"]!, 0.5);
});

vqa.run();

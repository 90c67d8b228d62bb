/** Questions with choices: MMBench, SEED-Bench, ScienceQA, A-OKVQA. */
import fc from "fast-check";
import * as O from "fp-ts/lib/Option.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  bareLetter,
  choiceAccuracy,
  choiceText,
  inferredChoice,
  statedLetter,
} from "../../pipelines/eval/choice.ts";
import { scoreMmbench } from "../../pipelines/eval/mmbench.ts";
import type { ChoiceRecord } from "../../pipelines/records/records.ts";
import { scoreScienceQa } from "../../pipelines/eval/scienceqa.ts";
import { scoreSeed } from "../../pipelines/eval/seed.ts";
import { letterOf } from "../../pipelines/text/prompts.ts";
import { property } from "../support/property.ts";
import { close } from "./support.ts";

const choice = suite("choices");

const record = (more: Partial<ChoiceRecord> = {}): ChoiceRecord => ({
  kind: "choice",
  id: "1",
  question: "What is it?",
  choices: ["teddy bear", "rabbit", "cat", "dog"],
  answer: 2,
  ...more,
});

const reads = (read: typeof bareLetter, answer: string, want: number | undefined): void =>
  assert.equal(read(record(), answer), want === undefined ? O.none : O.some(want), JSON.stringify(answer));

choice("SEED-Bench wants the letter and nothing else", () => {
  reads(bareLetter, "C", 2);
  for (const no of [" C", "C\n", "c", "C.", "(C)", "cat", "", "E", "CD", "The answer is C"]) {
    reads(bareLetter, no, undefined);
  }
});

choice("ScienceQA takes a letter, a start, or the only statement", () => {
  for (const yes of ["C", "C. cat", "The answer is C.", "I think. The answer is C, a cat"]) {
    reads(statedLetter, yes, 2);
  }
  reads(statedLetter, "A. The answer is C.", 0);
  for (
    const no of [
      "The answer is A. No, The answer is B.",
      "The answer is C. The answer is C.",
      "The answer is C",
      "The answer is C\n",
      "C\nbecause",
      " C ",
      "C. ".trim(),
      "c",
      "(C)",
      "cat",
      "",
      "E",
      "The answer is E.",
      "the answer is C.",
      "C cat",
    ]
  ) {
    reads(statedLetter, no, undefined);
  }
  reads(statedLetter, "C. ", 2);
});

choice("MMBench takes the only letter at the end, else the letter stated, else the only choice named", () => {
  for (
    const yes of [
      "C",
      "C.",
      "(C)",
      "Answer: C",
      "cat",
      "a CAT",
      "It is C, a dog",
      "A cat is on the mat over there",
      "The correct answer is **C**. Because A is wrong",
      "the answer is c, I think, as there is nothing else",
      "Failed to obtain answer via API: cat",
    ]
  ) {
    reads(inferredChoice, yes, 2);
  }
  reads(inferredChoice, "A cat", 0);
  reads(inferredChoice, "C is the best option here I think so yes", undefined);
  for (const no of ["", "c", "A or C", "cat and dog", "spider", "Z", "Cannot determine the answer"]) {
    reads(inferredChoice, no, undefined);
  }
  reads(inferredChoice, "Z cat", undefined);
  // Longer than twice the choices: their text no longer counts.
  reads(inferredChoice, `cat ${"so ".repeat(20)}`, undefined);
});

choice("A-OKVQA takes the choice's text, or its letter", () => {
  reads(choiceText, "cat", 2);
  reads(choiceText, "C", 2);
  reads(choiceText, "Cat", undefined);
});

const texts = fc.uniqueArray(fc.string({ unit: fc.constantFrom(..."bdfghjk"), minLength: 3 }), {
  minLength: 2,
  maxLength: 5,
});

property(
  choice,
  "every reader finds every letter, and the right one scores 1",
  [texts, fc.nat(), fc.nat()],
  (choices, right, predicted) => {
    const r = record({ choices, answer: right % choices.length }), place = predicted % choices.length;
    for (const read of [bareLetter, statedLetter, inferredChoice, choiceText]) {
      assert.equal(read(r, letterOf(place)), O.some(place));
      assert.is(choiceAccuracy(read)(r, letterOf(place)), place === r.answer ? 1 : 0);
    }
  },
);

/** The questions of one circle as MMBench's file has them: choices moved on by one, indexes by a million. */
const circleOf = (one: ChoiceRecord): readonly ChoiceRecord[] =>
  one.choices.map((_, k) => ({
    ...one,
    id: String(Number(one.id) + k * 1_000_000),
    circle: one.id,
    choices: one.choices.map((_, i) => one.choices[(i + k) % one.choices.length]!),
    answer: (one.answer - k + one.choices.length) % one.choices.length,
  }));

choice("MMBench: one wrong turn loses the circle", () => {
  const one = circleOf(record({ id: "1", category: "ocr", parent: "perception" }));
  const two = circleOf(record({ id: "2", category: "logic", parent: "reasoning" }));
  const right = (r: ChoiceRecord) => ({ record: r, answer: letterOf(r.answer) });
  const all = scoreMmbench([...one, ...two].map(right));
  assert.is(all.n, 2);
  close(all.values["accuracy"], 1);
  const lost = scoreMmbench([
    ...one.map(right),
    ...two.map((r, k) => k === 3 ? { record: r, answer: "A" } : right(r)),
  ]);
  close(lost.values["accuracy"], 0.5);
  close(lost.values["vanilla"], 1);
  close(lost.values["category/ocr"], 1);
  close(lost.values["l2-category/reasoning"], 0);
  // Always the same letter: a quarter of the questions, no circle.
  close(scoreMmbench(one.map((r) => ({ record: r, answer: "C" }))).values["accuracy"], 0);
});

choice("SEED-Bench: dimensions 1 to 9 are images", () => {
  const item = (category: string, answer: string) => ({ record: record({ category }), answer });
  const { values } = scoreSeed([item("1", "C"), item("1", "A"), item("9", "C"), item("10", "A")]);
  close(values["image"], 2 / 3);
  close(values["video"], 0);
  close(values["all"], 0.5);
  close(values["dimension/1"], 0.5);
});

choice("ScienceQA: images, hints, subjects, grades", () => {
  const item = (more: Partial<ChoiceRecord>, answer: string) => ({ record: record(more), answer });
  const { values } = scoreScienceQa([
    item({ image: "a", category: "natural science", grade: 3 }, "C"),
    item({ image: "b", hint: "look", category: "natural science", grade: 7 }, "A"),
    item({ hint: "read", category: "social science", grade: 6 }, "C. cat"),
    item({ hint: "", category: "language science", grade: 12 }, ""),
  ]);
  close(values["accuracy"], 0.5);
  close(values["IMG"], 0.5);
  close(values["TXT"], 0.5);
  close(values["NO"], 0);
  close(values["subject/natural science"], 0.5);
  close(values["subject/language science"], 0);
  close(values["G1-6"], 1);
  close(values["G7-12"], 0);
});

choice.run();

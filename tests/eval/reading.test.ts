/** Text reading, hallucinated objects, and paired tests. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { anlsCredit, scoreAnls } from "../../pipelines/eval/anls.ts";
import { scoreCer } from "../../pipelines/eval/cer.ts";
import { chairCredit, objectsOf, scoreChair } from "../../pipelines/eval/chair.ts";
import { chairObjects } from "../../pipelines/eval/chair_words.ts";
import { characters, editDistance } from "../../pipelines/eval/edit_distance.ts";
import { mcNemar } from "../../pipelines/eval/mcnemar.ts";
import type { CaptionRecord, ReadingRecord } from "../../pipelines/records/records.ts";
import { property } from "../support/property.ts";
import { close } from "./support.ts";
import { left, right } from "../support/either.ts";

const reading = suite("reading");

const record = (...answers: readonly string[]): ReadingRecord => ({
  kind: "reading",
  id: "1",
  question: "?",
  answers,
});

reading("ANLS: one minus the distance over the longer text, nothing below a half", () => {
  close(anlsCredit(record("STOP"), "stop"), 1);
  close(anlsCredit(record("kitten"), "sitting"), 1 - 3 / 7);
  close(anlsCredit(record("abcd"), "abxy"), 0.5);
  close(anlsCredit(record("abcd"), "axyz"), 0);
  close(anlsCredit(record("no", "exit only"), "  Exit only\n"), 1);
  close(anlsCredit(record("exit only"), "exit   only"), 1 - 2 / 11);
  close(anlsCredit(record("a"), ""), 0);
  close(anlsCredit(record(""), ""), 1);
  close(anlsCredit(record(), "a"), 0);
  close(
    scoreAnls([{ record: record("ab"), answer: "ab" }, { record: record("ab"), answer: "xy" }])
      .values["ANLS"],
    0.5,
  );
});

reading("CER: edits over characters, summed over the corpus", () => {
  const { values } = scoreCer([
    { record: record("kitten"), answer: "sitting" },
    { record: record("OPEN", "open now"), answer: "OPEN" },
    { record: record("abc"), answer: "" },
  ]);
  close(values["CER"], (3 + 0 + 3) / (6 + 4 + 3));
  close(values["exact"], 1 / 3);
  close(scoreCer([{ record: record("STOP"), answer: "stop" }]).values["CER"], 1);
  close(scoreCer([{ record: record("caf\u00e9 a"), answer: " cafe\u0301  a\n" }]).values["CER"], 0);
  close(scoreCer([{ record: record(), answer: "abc" }]).values["exact"], 0);
});

const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "🐕", "🐈"), maxLength: 12 });

property(reading, "distance is a metric over characters, emoji included", [text, text, text], (a, b, c) => {
  const d = editDistance(a, b);
  assert.is(d, editDistance(b, a));
  assert.is(d === 0, a === b);
  assert.ok(d <= Math.max(characters(a), characters(b)));
  assert.ok(d >= Math.abs(characters(a) - characters(b)));
  assert.ok(editDistance(a, c) <= d + editDistance(b, c));
});

reading("distance counts an emoji once", () => {
  assert.is(editDistance("a🐕b", "a🐈b"), 1);
});

const caption = (references: readonly string[], objects: readonly string[]): CaptionRecord => ({
  kind: "caption",
  id: "1",
  question: "",
  references,
  objects,
});

reading("CHAIR: objects by synonym, plural and pair of words", () => {
  assert.equal(objectsOf("Two puppies and a woman near a fire hydrant."), ["dog", "person", "fire hydrant"]);
  assert.equal(objectsOf("a baby elephant, a home plate, a passenger train"), ["elephant", "train"]);
  assert.equal(objectsOf("wine glasses and hot dogs"), ["wine glass", "hot dog"]);
  assert.equal(objectsOf("the seat of the toilet"), ["toilet"]);
  assert.equal(objectsOf("a seat"), ["chair"]);
  assert.equal(objectsOf("a man in a suit with a bow tie"), ["person", "tie"]);
  assert.equal(objectsOf("light, hope and air"), []);
  assert.is(new Set(chairObjects.values()).size, 80);
});

reading("CHAIR: shares of captions and of mentions, by hand", () => {
  const { values } = right(scoreChair([
    { record: caption(["a kitten sleeps"], ["couch"]), answer: "a cat on a sofa" },
    { record: caption(["a man"], []), answer: "a man with a dog and two dogs" },
    { record: caption([], []), answer: "something blue" },
  ]));
  close(values["CHAIRs"], 1 / 3);
  close(values["CHAIRi"], 2 / 5);
  close(values["mentions"], 5 / 3);
  assert.is(chairCredit(caption(["a man"], []), "a dog"), 0);
  assert.is(chairCredit(caption(["a man"], []), ""), 1);
});

reading("CHAIR: nothing said, nothing invented; without annotations it is refused", () => {
  close(right(scoreChair([{ record: caption([], []), answer: "" }])).values["CHAIRi"], 0);
  const { objects: _, ...bare } = caption(["a man"], []);
  assert.equal(left(scoreChair([{ record: { ...bare, id: "77" }, answer: "a man" }])).ids, ["77"]);
});

const pairs = (onlyFirst: number, onlySecond: number, both: number): readonly [boolean[], boolean[]] => [
  [...Array(onlyFirst).fill(true), ...Array(onlySecond).fill(false), ...Array(both).fill(true)],
  [...Array(onlyFirst).fill(false), ...Array(onlySecond).fill(true), ...Array(both).fill(true)],
];

reading("McNemar by hand", () => {
  // Exact: 2 (1 + 8 + 28) / 2^8 for 6 against 2; chi-square (|6 - 2| - 1)^2 / 8.
  const small = mcNemar(...pairs(6, 2, 5));
  assert.is(small.onlyFirst, 6);
  assert.is(small.onlySecond, 2);
  close(small.exact, 2 * 37 / 256);
  close(small.chiSquare, 9 / 8);
  // (|60 - 40| - 1)^2 / 100; its p is erfc(sqrt(3.61 / 2)), the exact one 2 P(X <= 40) of 100 fair coins.
  const large = mcNemar(...pairs(60, 40, 0));
  close(large.chiSquare, 3.61);
  close(large.approximate, 0.05743311, 1e-7);
  close(large.exact, 0.05688793, 1e-7);
  const none = mcNemar(...pairs(0, 0, 9));
  assert.equal([none.exact, none.chiSquare, none.approximate], [1, 0, 1]);
  assert.throws(() => mcNemar([true], []), RangeError);
});

property(reading, "McNemar: the order of the models does not matter, thousands of pairs neither", [
  fc.nat(40),
  fc.nat(40),
  fc.nat(9),
], (b, c, both) => {
  const [x, y] = pairs(b, c, both), there = mcNemar(x, y), back = mcNemar(y, x);
  close(there.exact, back.exact, 1e-9);
  close(there.approximate, back.approximate);
  assert.ok(there.exact > 0 && there.exact <= 1);
});

reading("McNemar: thousands of pairs have a p-value", () => {
  const many = mcNemar(...pairs(2100, 1900, 0));
  close(many.exact, many.approximate, 2e-4);
});

reading.run();

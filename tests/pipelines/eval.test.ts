import fc from "fast-check";
import * as O from "fp-ts/lib/Option.js";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { bootstrap, meanOf, pairedDifference } from "../../pipelines/base/bootstrap.ts";
import { parseCount, scoreCount } from "../../pipelines/eval/count.ts";
import { type PresenceItem, scorePresence } from "../../pipelines/eval/presence.ts";
import { scoreRefer } from "../../pipelines/eval/refer.ts";
import { saysYes } from "../../pipelines/eval/yes_no.ts";
import { property } from "../support/property.ts";

const close = (got: number, want: number, tolerance = 1e-12): void =>
  assert.ok(Math.abs(got - want) <= tolerance, `${got} instead of ${want}`);

test("answers are read by POPE's rule", () => {
  for (const yes of ["yes", "Yes, there is a cow.", "", "a cow", "Yes. No, wait", "nothing"]) {
    assert.ok(saysYes(yes), yes);
  }
  for (const no of ["no", "No, there is not.", "there is not a cow", "no."]) assert.not.ok(saysYes(no), no);
});

test("presence scores of a hand-worked table", () => {
  const items = (
    negative: PresenceItem["negative"],
    truth: boolean,
    answer: string,
    n: number,
  ): PresenceItem[] => Array.from({ length: n }, () => ({ negative, truth, answer }));
  // random: 3 tp, 1 fn, 1 fp, 3 tn; adversarial: 2 tp, 0 fn, 2 fp, 0 tn
  const report = scorePresence([
    ...items("random", true, "yes", 3),
    ...items("random", true, "no", 1),
    ...items("random", false, "yes", 1),
    ...items("random", false, "no", 3),
    ...items("adversarial", true, "yes", 2),
    ...items("adversarial", false, "yes", 2),
  ]);
  assert.is(report.n, 12);
  close(report.accuracy, 8 / 12);
  close(report.precision, 5 / 8);
  close(report.recall, 5 / 6);
  close(report.f1, 10 / 14); // 2 tp / (2 tp + fp + fn)
  close(report.yesRate, 8 / 12);
  close(report.byKind.random.accuracy, 6 / 8);
  close(report.byKind.random.f1, 6 / 8);
  close(report.byKind.random.yesRate, 0.5);
  close(report.byKind.adversarial.precision, 0.5);
  close(report.byKind.adversarial.recall, 1);
  assert.equal(report.byKind.popular, { n: 0, accuracy: 0, precision: 0, recall: 0, f1: 0, yesRate: 0 });
});

test("counts are read from digits and words", () => {
  const cases = [["3", 3], ["there are 2 cows", 2], ["four", 4], ["none", 0], ["no cows", 0], [
    "12",
    12,
  ]] as const;
  for (const [text, n] of cases) assert.equal(parseCount(text), O.some(n), text);
  for (const text of ["", "cows", "a cow"]) assert.ok(O.isNone(parseCount(text)), text);
});

test("count scores of a hand-worked table", () => {
  const score = scoreCount([
    { truth: 0, answer: "0" },
    { truth: 2, answer: "2" },
    { truth: 2, answer: "4" },
    { truth: 3, answer: "cows" },
  ]);
  assert.equal(score, {
    n: 4,
    accuracy: 0.5,
    meanError: 2 / 3,
    unparsable: 0.25,
    byCount: { 0: 1, 2: 0.5, 3: 0 },
  });
});

test("place scores of a hand-worked table", () => {
  const truth = [0.125, 0.125, 0.625, 0.625] as const; // <0> <0> <2> <2> on a grid of 4
  const score = scoreRefer([
    { truth, answer: "<0> <0> <2> <2>" }, // exact: IoU 1
    { truth, answer: "<0> <0> <1> <2>" }, // half as wide: IoU 0.5, middle inside
    { truth, answer: "<2> <2> <3> <3>" }, // touches a corner: IoU 0, middle outside
    { truth, answer: "<0> <0> <2>" }, // no box
  ], 4);
  assert.is(score.n, 4);
  close(score.accuracy, 0.5);
  close(score.meanIou, 1.5 / 4);
  close(score.centreHit, 0.5);
  close(score.unparsable, 0.25);
});

test("an interval holds its value, narrows with more items and repeats by seed", () => {
  const items = (n: number) => Array.from({ length: n }, (_, i) => i % 4 !== 0);
  const few = bootstrap(items(40), meanOf), many = bootstrap(items(4000), meanOf);
  close(few.value, 0.75);
  assert.ok(few.low < 0.75 && few.high > 0.75 && many.high - many.low < (few.high - few.low) / 5);
  // normal theory: 0.75 +- 1.96 sqrt(0.75 * 0.25 / 4000)
  close(many.low, 0.75 - 0.01342, 0.002);
  close(many.high, 0.75 + 0.01342, 0.002);
  assert.equal(bootstrap(items(40), meanOf, { seed: 3 }), bootstrap(items(40), meanOf, { seed: 3 }));
  assert.not.equal(bootstrap(items(400), meanOf, { seed: 3 }), bootstrap(items(400), meanOf, { seed: 4 }));
  assert.throws(() => bootstrap([], meanOf), /no items/);
});

property(test, "constants have no width", [fc.integer({ min: 1, max: 20 }), fc.integer()], (n, v) => {
  const interval = bootstrap(Array.from({ length: n }, () => v), meanOf, { resamples: 20 });
  close(interval.low, v, Math.abs(v) * 1e-9);
  close(interval.high, v, Math.abs(v) * 1e-9);
});

test("a paired difference sees what two separate intervals cannot", () => {
  const hard = Array.from({ length: 200 }, (_, i) => i % 2 === 0);
  const better = hard.map((right, i) => right || i % 10 === 1); // 20 more items right
  const paired = pairedDifference(better, hard, meanOf);
  close(paired.value, 0.1);
  assert.ok(paired.low > 0);
  assert.ok(bootstrap(better, meanOf).low < bootstrap(hard, meanOf).high);
  const none = pairedDifference(hard, hard, meanOf);
  assert.equal(none, { value: 0, low: 0, high: 0 });
  assert.throws(() => pairedDifference([true], [], meanOf), /1 and 0 items/);
});

test.run();

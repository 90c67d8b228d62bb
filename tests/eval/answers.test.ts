/** One right answer: POPE, MME, GQA, OCR-VQA, boxes. */
import fc from "fast-check";
import * as O from "fp-ts/lib/Option.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exactAccuracy, scoreExact } from "../../pipelines/eval/exact.ts";
import { gqaAccuracy, scoreGqa } from "../../pipelines/eval/gqa.ts";
import { mmeAnswer, mmeCognition, mmePerception, scoreMme } from "../../pipelines/eval/mme.ts";
import { scorePope } from "../../pipelines/eval/pope.ts";
import type { BoxRecord, ExactRecord, YesNoRecord } from "../../pipelines/records/records.ts";
import { boxReadingOf, firstQwenBox, refCocoAccuracy, scoreRefCoco } from "../../pipelines/eval/refcoco.ts";
import { benchmarkNamed, benchmarksWith } from "../../pipelines/eval/registry.ts";
import { saysYes } from "../../pipelines/eval/yes_no.ts";
import { decimalBoxes, locationBoxes, taggedBoxes, thousandBoxes } from "../../pipelines/text/boxes.ts";
import { answersOf } from "../../pipelines/text/record_turns.ts";
import { property } from "../support/property.ts";
import { close } from "./support.ts";
import { left, right } from "../support/either.ts";

const answers = suite("answers");

const yesNo = (part: string, answer: boolean, id: string, image = id): YesNoRecord => ({
  kind: "yes-no",
  id,
  image,
  question: `Is it ${id}?`,
  part,
  answer,
});

answers("POPE: only No, no and not, whole words before the first point, mean no", () => {
  for (const no of ["no", "No", "No, there is none", "there is not", "I say no. Yes."]) {
    assert.not.ok(saysYes(no), no);
  }
  for (const yes of ["", "yes", "NO", "Not", "nothing", "none", "Yes. No", "no!", "maybe no\n", "\tno"]) {
    assert.ok(saysYes(yes), yes);
  }
});

answers("POPE: three splits and the mean of their F1, by hand", () => {
  const items = (part: string, table: readonly (readonly [boolean, string])[]) =>
    table.map(([truth, answer], i) => ({ record: yesNo(part, truth, `${part}${i}`), answer }));
  const { n, main, values } = scorePope([
    ...items("random", [[true, "yes"], [true, "yes"], [false, "no"], [false, "no"]]),
    ...items("popular", [[true, "yes"], [true, "no"], [false, "yes"], [false, "no"]]),
    ...items("adversarial", [[true, "yes"], [true, "yes"], [false, "yes"], [false, "yes"]]),
  ]);
  assert.is(n, 12);
  assert.is(main, "mean_f1");
  close(values["random/f1"], 1);
  close(values["popular/precision"], 0.5);
  close(values["popular/recall"], 0.5);
  close(values["adversarial/f1"], 2 / 3);
  close(values["adversarial/yes_ratio"], 1);
  close(values["mean_f1"], (1 + 0.5 + 2 / 3) / 3);
  close(values["mean_accuracy"], (1 + 0.5 + 0.5) / 3);
  // Nobody says yes: the script divides by 0, here precision and F1 are 0.
  close(scorePope(items("random", [[true, "no"], [false, "no"]])).values["random/f1"], 0);
});

answers("MME: the first four letters decide, yes before no", () => {
  for (
    const [text, want] of [["yes", true], ["Yes, it is", true], ["NO", false], ["no.", false], [
      "a no",
      false,
    ]] as const
  ) {
    assert.is(mmeAnswer(text), want, text);
  }
  for (const text of ["", "maybe", "   yes", "I think yes", "oh yes", "he no", "nyes"]) {
    assert.is(mmeAnswer(text), text === "nyes" ? true : undefined, text);
  }
});

answers("MME: points by hand, and the most that can be had", () => {
  const pair = (part: string, image: string, first: string, second: string) => [
    { record: yesNo(part, true, `${part}-${image}-a`, image), answer: first },
    { record: yesNo(part, false, `${part}-${image}-b`, image), answer: second },
  ];
  const { values } = right(scoreMme([
    ...pair("count", "1", "Yes", "No"),
    ...pair("count", "2", "Yes", "Yes"),
    ...pair("code_reasoning", "1", "perhaps", "no"),
  ]));
  close(values["count"], 75 + 50);
  close(values["count/accuracy_plus"], 0.5);
  close(values["code_reasoning"], 50 + 0);
  close(values["perception"], 125);
  close(values["cognition"], 50);
  const all = [...mmePerception, ...mmeCognition].flatMap((part) => pair(part, "1", "yes", "no"));
  const best = right(scoreMme(all)).values;
  close(best["perception"], 2000);
  close(best["cognition"], 800);
});

answers("MME: an image with one question, or a subtask of another name, is refused by id", () => {
  const alone = left(scoreMme([{ record: yesNo("count", true, "7"), answer: "yes" }]));
  assert.equal(alone.ids, ["7"]);
  assert.equal(left(scoreMme([{ record: yesNo("counting", true, "8"), answer: "yes" }])).ids, ["8"]);
});

const exact = (answer: string, more: Partial<ExactRecord> = {}): ExactRecord => ({
  kind: "exact",
  id: "1",
  question: "?",
  answer,
  ...more,
});

answers("GQA: points at the end and case do not count, all else does", () => {
  for (const yes of ["white", "White", "WHITE.", "white..."]) {
    assert.is(gqaAccuracy(exact("white"), yes), 1, yes);
  }
  for (const no of ["", "the white", "white color", "whites", "white .", " white", "white\n"]) {
    assert.is(gqaAccuracy(exact("white"), no), 0, no);
  }
});

answers("GQA: kinds, consistency and the distance of distributions, by hand", () => {
  const item = (id: string, truth: string, predicted: string, more: Partial<ExactRecord>) => ({
    record: exact(truth, { id, ...more }),
    answer: predicted,
  });
  const { values } = scoreGqa([
    item("1", "yes", "yes", { structural: "verify", semantic: "obj", steps: 2, entailed: ["1", "2", "3"] }),
    item("2", "no", "no", { structural: "verify", semantic: "attr", entailed: ["2"] }),
    item("3", "red", "blue", { structural: "query", semantic: "attr", group: "color", entailed: ["1"] }),
    item("4", "blue", "blue", { structural: "query", group: "color", entailed: ["9"] }),
  ]);
  close(values["accuracy"], 0.75);
  close(values["accuracy/binary"], 1);
  close(values["accuracy/open"], 0.5);
  close(values["semantic/attr"], 0.5);
  close(values["steps/2"], 1);
  // Only question 1 is right and entails others that were asked: 2 right, 3 wrong.
  close(values["consistency"], 0.5);
  // Expected red 1, blue 1; said blue 2: (0 - 1)^2 / 1 + (2 - 1)^2 / 1 = 2, over 100.
  close(values["distribution"], 0.02);
});

answers("OCR-VQA: case and spaces at the ends do not count", () => {
  assert.is(exactAccuracy(exact("J. K. Rowling"), " j. k. rowling\n"), 1);
  assert.is(exactAccuracy(exact("J. K. Rowling"), "j k rowling"), 0);
  close(scoreExact([]).values["accuracy"], 0);
});

const box: BoxRecord = {
  kind: "box",
  id: "1",
  question: "left dog",
  box: [100, 50, 300, 250],
  width: 500,
  height: 400,
};

answers("boxes: at least half counts, in pixels of the original", () => {
  const say = (b: readonly [number, number, number, number]) =>
    `(${b[0] / 500 * 999},${b[1] / 400 * 999}),(${b[2] / 500 * 999},${b[3] / 400 * 999})`;
  const credit = refCocoAccuracy(boxReadingOf(thousandBoxes));
  assert.is(credit(box, say([100, 50, 300, 250])), 1);
  assert.is(credit(box, say([100, 50, 300, 151])), 1);
  assert.is(credit(box, say([100, 50, 300, 149])), 0);
  // Half of a box twice as large, centre outside of the true one.
  const { values } = scoreRefCoco(boxReadingOf(thousandBoxes))([
    { record: box, answer: say([100, 50, 300, 250]) },
    { record: box, answer: say([200, 150, 500, 400]) },
    { record: box, answer: "over there" },
  ]);
  close(values["accuracy"], 1 / 3);
  close(values["mean_iou"], (1 + 10_000 / (40_000 + 75_000 - 10_000)) / 3, 1e-9);
  close(values["centre_hit"], 1 / 3);
  close(values["unparsable"], 1 / 3);
});

answers("boxes: Qwen-VL's rule takes the first, and texts without one are none", () => {
  assert.equal(
    firstQwenBox("<ref>dog</ref><box>(0,0),(999,999)</box><box>(1,1),(2,2)</box>"),
    O.some([0, 0, 1, 1]),
  );
  for (
    const no of ["", "(1,2)", "(1),(2)", "(a,b),(c,d)", "(1,2,3),(4,5)", "(1,),(2,3)", "[0.1,0.2,0.3,0.4]"]
  ) {
    assert.equal(firstQwenBox(no), O.none, no);
  }
});

const side = fc.integer({ min: 1, max: 400 });

for (const format of [thousandBoxes, taggedBoxes, locationBoxes, decimalBoxes(2), decimalBoxes(3)]) {
  property(
    answers,
    `boxes: the true box, written as ${format.name}, has an IoU of 1; another box has its own`,
    [side, side, side, side],
    (x, y, w, h) => {
      const record: BoxRecord = { ...box, width: 800, height: 801, box: [x, y, x + w, y + h] };
      const written = format.print([x / 800, y / 801, (x + w) / 800, (y + h) / 801]);
      const reading = boxReadingOf(format);
      assert.is(refCocoAccuracy(reading)(record, written), 1);
      // which is what a mixture teaches, and what the benchmark of a training with this format reads
      assert.equal(answersOf(record, format), [written]);
      const of = right(benchmarkNamed("refcoco", benchmarksWith(format)));
      assert.is(right(of.score([{ record, answer: written }])).values["mean_iou"], 1);
      const { values } = scoreRefCoco(reading)([{ record, answer: written }]);
      assert.equal(values, { accuracy: 1, mean_iou: 1, centre_hit: 1, unparsable: 0 });
      // Without knowing how it is written, the box that is read is within half a step of the true one.
      const read = scoreRefCoco({ parse: reading.parse })([{ record, answer: written }])
        .values["mean_iou"]!;
      const shrunk = (size: number, whole: number): number => Math.max(0, size - whole / format.steps) / size;
      assert.ok(read >= shrunk(w, 800) * shrunk(h, 801) / 2, `${read}`);
      const other = format.print([0, 0, 0.05, 0.05]);
      if (x > 41 || y > 41) {
        assert.is(refCocoAccuracy(reading)(record, other), 0);
      }
    },
    { runs: 60 },
  );
}

answers.run();

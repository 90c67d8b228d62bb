/** Boxes as text: what is printed is parsed, and nothing else is; the words of tasks. */
import fc from "fast-check";
import * as O from "fp-ts/lib/Option.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Box } from "../../pipelines/records/box.ts";
import {
  type BoxFormat,
  decimalBoxes,
  gridBoxes,
  locationBoxes,
  rounded,
  taggedBoxes,
  thousandBoxes,
} from "../../pipelines/text/boxes.ts";
import { askPresence, chooseLetter, shortAnswer } from "../../pipelines/text/prompts.ts";
import { property } from "../support/property.ts";

const test = suite("boxes");

const formats: readonly BoxFormat[] = [
  decimalBoxes(2),
  decimalBoxes(3),
  thousandBoxes,
  taggedBoxes,
  locationBoxes,
  gridBoxes(16),
];

const span = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }))
  .map(([a, b]) => a <= b ? [a, b] as const : [b, a] as const);
const box: fc.Arbitrary<Box> = fc.tuple(span, span).map(([[x1, x2], [y1, y2]]) => [x1, y1, x2, y2]);

for (const format of formats) {
  property(test, `${format.name}: a printed box comes back, within half a step, and is printed alike again`, [
    box,
  ], (b) => {
    const back = rounded(format, b);
    assert.ok(O.isSome(back), format.print(b));
    // the grid keeps boxes at least a cell wide, and gives middles of cells
    const slack = format.name.startsWith("grid") ? 1.5 : 0.5;
    back.value.forEach((v, i) =>
      assert.ok(Math.abs(v - b[i]!) <= slack / format.steps + 1e-12, `${v} for ${b[i]}`)
    );
    assert.is(format.print(back.value), format.print(b));
    if (!format.name.startsWith("grid")) {
      assert.equal(format.parse(`It is at ${format.print(b)}.`), back, "inside a sentence");
      assert.ok(O.isNone(format.parse(`${format.print(b)} ${format.print(b)}`)), "not two");
    }
  });

  test(`${format.name}: other texts have no box`, () => {
    const good = format.print([0.25, 0.25, 0.75, 0.75]);
    const tokens = good.match(/\d+\.?\d*|[^\d]+/g)!;
    for (
      const bad of ["", "yes", "0.1 0.2 0.3", good.slice(0, -2), good.slice(1), tokens.slice(2).join("")]
    ) {
      assert.ok(O.isNone(format.parse(bad)), bad);
    }
    assert.ok(
      O.isNone(format.parse(format.print([0.75, 0.25, 0.25, 0.75]))) || format.name.startsWith("grid"),
    );
    assert.is(format.print([-1, -1, 2, 2]), format.print([0, 0, 1, 1]));
  });
}

test("formats look as the models write them", () => {
  const b: Box = [0.125, 0.25, 0.5, 0.75];
  assert.equal(formats.map((f) => f.print(b)), [
    "[0.13, 0.25, 0.50, 0.75]",
    "[0.125, 0.250, 0.500, 0.750]",
    "(125,250),(500,749)",
    "<box>125 250 500 749</box>",
    "<loc0256><loc0128><loc0767><loc0512>",
    "<2> <4> <8> <12>",
  ]);
  assert.ok(O.isNone(thousandBoxes.parse("(125,250),(500,1000)")));
  assert.ok(O.isNone(locationBoxes.parse("<loc0256><loc0128><loc0768><loc1024>")));
  assert.ok(O.isNone(decimalBoxes(2).parse("[0.1, 0.2, 0.3, 1.4]")));
});

test("the words of tasks", () => {
  assert.is(shortAnswer("What is it?"), "What is it?\nAnswer the question using a single word or phrase.");
  assert.is(askPresence("apple").split("\n")[0], "Is there an apple in the image?");
  assert.is(
    chooseLetter("Which?", ["one", "two"], "Look."),
    "Look.\nWhich?\nA. one\nB. two\nAnswer with the option's letter from the given choices directly.",
  );
  assert.throws(() => chooseLetter("Which?", ["one"]), /1 choices/);
});

test.run();

/** How commands print failures. */
import * as cs from "@chain-of-sight/core";
import { DeviceError } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { paragraph } from "../../pipelines/cli/main.ts";
import { here } from "../support/here.ts";

const test = suite("paragraphs");

test("an error of the language: its parts and the user's line", () => {
  const a = cs.input("a", [2, 3]), b = cs.input("b", [4]), next = here(2);
  try {
    cs.add(a, b);
    assert.unreachable();
  } catch (e) {
    const lines = paragraph(e).split("\n");
    assert.is(lines[0], "add");
    assert.match(lines[1]!, /^ {2}got: {6}.*\[4\]/);
    assert.ok(lines.at(-1)!.startsWith(`  at:       ${next}:`), lines.at(-1));
  }
});

test("a failure of a device: what happened, and a line for each operation", () => {
  const error = new DeviceError({
    fault: "lost",
    got: "gone",
    hint: "open it again",
    made: [{ ops: ["exp", "add"], result: "f32 [2]", at: "file:///m.ts:3:4" }],
  });
  assert.is(paragraph(error), "lost: gone; open it again\n  exp, add f32 [2] at file:///m.ts:3:4");
});

test.run();

/** Which accesses are proved in range, and that unchecked devices refuse the others. */
import * as cs from "@chain-of-sight/core";
import type { Tensor } from "@chain-of-sight/core";
import { compile, type DeviceError, portableProfile, theDevice, unproved } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dawnServices, endWithTests } from "../support/dawn.ts";

const test = suite("accesses in range");

const x = cs.input("x", [24, 40]), ids = cs.input("ids", [3], "i32");

const of = (y: Tensor) => unproved(compile({ outputs: { y } }, portableProfile), portableProfile);

const proved: Readonly<Record<string, Tensor>> = {
  map: cs.tanh(x),
  "views of views": cs.add(cs.transpose(cs.reshape([24, 40])(cs.transpose(x))), 1),
  softmax: cs.softmax(-1)(x),
  "slice, reversed": cs.mul(cs.flip([0])(cs.slice([3, 5], [20, 40])(x)), 2),
  "small product": cs.matmul(cs.transpose(x))(x),
  "ragged product": cs.matmul(cs.input("w", [7, 5]))(cs.input("v", [3, 7])),
  "large product": cs.matmul(cs.input("w", [64, 128]))(cs.input("v", [128, 64])),
};
for (const [name, y] of Object.entries(proved)) {
  test(`proved: ${name}`, () => assert.equal(of(y).map((u) => u.access), []));
}

test("an index from data is never proved", () => {
  const found = of(cs.gather(x)(ids));
  assert.is(found.length, 1);
  assert.match(found[0]!.access, /^read of input, element depends on data, of 960 elements$/);
});

test("what a guard hides is named with its range", () => {
  const found = of(cs.mul(cs.pad([2, 0], [0, 0])(x), 2));
  assert.is(found.length, 1);
  assert.match(found[0]!.access, /^read of input, element from -80 to 959, of 960 elements$/);
});

test("an unchecked device takes the proved and refuses the others by name", async () => {
  const { load, profile } = Context.get(
    await dawnServices({}, { backend: "null", unchecked: true }),
    theDevice(),
  );
  assert.is(profile.clamped, false);
  const on = (y: Tensor) => Effect.scoped(Effect.asVoid(load(compile({ outputs: { y } }, profile))));
  await Effect.runPromise(on(cs.softmax(-1)(x)));
  const e = await Effect.runPromise(Effect.flip(on(cs.gather(x)(ids)))) as DeviceError;
  assert.is(e.fault, "refused");
  assert.match(e.got, /1 accesses not proved in range.*read of input, element depends on data/);
  assert.ok(e.made!.some((m) => m.ops.includes("gather")));
});

test.run();
endWithTests();

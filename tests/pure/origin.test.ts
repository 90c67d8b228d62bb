/** Descriptions and errors know the line of the program that made them. */
import * as cs from "@chain-of-sight/core";
import { pipe } from "fp-ts/lib/function.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { here, lineOf } from "../support/here.ts";

const test = suite("origins");

/** The error of what throws. */
const thrown = <E>(kind: new (fault: cs.Fault) => E, f: () => unknown): E => {
  try {
    f();
  } catch (e) {
    assert.ok(e instanceof kind, String(e));
    return e as E;
  }
  throw new Error("nothing was thrown");
};

const lineOfTensor = (t: cs.Tensor): string => lineOf(t.origin.at);

test("a description knows its line, through layers and pipes", () => {
  const x = cs.input("x", [2, 3]), weight = cs.input("w", [4, 3]), above = here();
  const y = pipe(x, cs.linear({ weight }), cs.softmax()), line = here();
  const made = cs.topological([y]);
  assert.ok(made.length > 6);
  for (const t of made) assert.is(lineOfTensor(t), t.op === "input" ? above : line, t.op);
});

test("a shape error names the op and the line", () => {
  const a = cs.input("a", [2, 3]), b = cs.input("b", [4]), narrow = cs.input("w", [5, 7]), next = here(1);
  const error = thrown(cs.ShapeError, () => cs.add(a, b));
  assert.is(error.fault.op, "add");
  assert.is(lineOf(error.at), next);
  assert.ok(error.message.includes(error.at!), error.message);
  const layer = cs.linear({ weight: narrow }), below = here(1);
  const inner = thrown(cs.ShapeError, () => pipe(a, layer));
  assert.is(inner.fault.op, "matmul");
  assert.is(lineOf(inner.at), below);
});

test("an element type that an op does not take names the op and the line", () => {
  const a = cs.input("a", [2], "i32"), next = here(1);
  const error = thrown(cs.DTypeError, () => cs.exp(a));
  assert.is(error.fault.op, "exp");
  assert.is(lineOf(error.at), next);
});

test("what a transform makes comes from where its source came from", () => {
  const x = cs.input("x", [5]), w = cs.input("w", [5]), next = here(1);
  const f = (v: cs.Tensor) => cs.sum()(cs.sin(cs.mul(v, w)));
  const allFromThere = (roots: readonly cs.Tensor[], ops: readonly cs.OpName[]): void => {
    const found = cs.topological(roots).filter((t) => ops.includes(t.op));
    assert.ok(found.length >= ops.length, `${found.length} of ${ops.join()}`);
    for (const t of found) assert.is(lineOfTensor(t), next, t.op);
  };
  const g = cs.grad(f)(x);
  allFromThere([g], ["cos", "mul"]);
  allFromThere(cs.simplify([g]), ["cos", "mul"]);
  allFromThere([cs.vmap(f)(cs.input("xs", [3, 5]))], ["sin", "mul", "sum"]);
  allFromThere([cs.jvp(f)(x, cs.input("dx", [5])).tangent], ["cos", "mul"]);
});

test("an error inside a derivative is at the line of what is differentiated", () => {
  const x = cs.input("x", [3]), ct = cs.input("ct", [7]);
  const y = cs.sum()(cs.mul(x, x)), line = here();
  assert.is(lineOf(thrown(cs.ShapeError, () => cs.pullback([y], [ct], [x])).at), line);
});

test("the line is no part of what a description is: the first made keeps its own", () => {
  const first = cs.exp(cs.input("x", [2])), line = here();
  const second = cs.exp(cs.input("x", [2]));
  assert.is(first, second);
  assert.is(lineOfTensor(second), line);
});

test("places in stacks of several engines", () => {
  const file = "file:///home/u/model.js:12:5";
  assert.is(cs.placeOf(`Error\n    at f (${file})`), file);
  assert.is(cs.placeOf(`Error\n    at async ${file}`), file);
  assert.is(cs.placeOf(`f@${file}\n@file:///home/u/other.js:1:1`), file);
  assert.is(cs.placeOf("Error\n    at Array.map (<anonymous>)\n    at <anonymous>:3:7"), "<anonymous>:3:7");
  assert.is(cs.placeOf(`Error\n    at pipe (file:///x/node_modules/a/b.js:1:2)\n    at ${file}`), file);
  assert.is(cs.placeOf("Error\n    at node:internal/process:1:2"), undefined);
  assert.is(cs.placeOf(""), undefined);
});

test.run();

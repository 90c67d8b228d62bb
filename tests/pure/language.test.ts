/** Descriptions: sharing, errors that name the hint, trees, and the counter-based generator. */
import {
  add,
  constant,
  DTypeError,
  f32,
  foldKey,
  full,
  grad,
  input,
  interpret,
  is,
  matmul,
  mul,
  neg,
  permute,
  reshape,
  ShapeError,
  slice,
  sub,
  sum,
  tensors,
  threefry2x32,
  topological,
  transpose,
  TreeError,
  treeOf,
  under,
  unflatten,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";

const thrown = (f: () => unknown): Error => {
  try {
    f();
  } catch (e) {
    return e as Error;
  }
  throw new Error("expected a throw");
};

test("equal descriptions are one node", () => {
  const x = input("x", [2, 3]), y = input("y", [2, 3]);
  assert.is(add(x, y), add(x, y));
  assert.is(add(x, y), add(y, x));
  assert.is.not(sub(x, y), sub(y, x));
  assert.is.not(constant(0), constant(-0));
  assert.is.not(input("x", [2, 3], "i32"), x);
  assert.is(full([2], NaN), full([2], NaN));
});

test("topological order puts arguments first and every node once", () => {
  const x = input("x", [4]), y = mul(x, x), z = add(y, neg(y));
  const order = topological([z, y]);
  assert.is(order.length, new Set(order).size);
  for (const t of order) for (const a of t.args) assert.ok(order.indexOf(a) < order.indexOf(t));
});

test("a shape error names the operation, the shapes and the hint", () => {
  const error = thrown(() => matmul(input("w", [3, 4]))(input("x", [2, 4])));
  assert.instance(error, ShapeError);
  assert.match(error.message, /matmul.*\[2, 4\] x \[3, 4\].*transpose/);
  assert.instance(thrown(() => add(input("a", [2]), input("b", [3]))), ShapeError);
  assert.instance(thrown(() => reshape([5])(input("a", [6]))), ShapeError);
  assert.instance(thrown(() => slice([3], [7])(input("a", [6]))), ShapeError);
  assert.instance(thrown(() => permute([0, 0])(input("a", [2, 2]))), ShapeError);
});

test("element types do not mix by themselves", () => {
  assert.instance(thrown(() => add(input("a", [2]), input("b", [2], "i32"))), DTypeError);
  assert.instance(thrown(() => grad((x: ReturnType<typeof input>) => x)(input("n", [], "i32"))), DTypeError);
  assert.instance(thrown(() => grad((x: ReturnType<typeof input>) => x)(input("v", [2]))), ShapeError);
});

test("an unbound or misshapen input is a tree error that names it", () => {
  assert.match(thrown(() => interpret([input("a.b", [2])])).message, /a\.b/);
  assert.instance(thrown(() => interpret([input("a", [2])], { a: f32([3], [1, 2, 3]) })), TreeError);
});

test("reshapes of reshapes and permutations of permutations are one, identities are none", () => {
  const x = input("x", [2, 3]);
  assert.is(reshape([2, 3])(reshape([6])(x)), x);
  assert.is(permute([0, 1])(x), x);
  assert.is(transpose(transpose(x)), x);
  assert.ok(is("reshape", reshape([6])(x)));
});

test("gradients of what a result does not depend on are zeros", () => {
  const [value] = interpret(
    [
      grad((p: { a: ReturnType<typeof input>; b: ReturnType<typeof input> }) => sum()(p.a))({
        a: input("a", [2]),
        b: input("b", [2]),
      }).b,
    ],
    { a: f32([2], [1, 2]), b: f32([2], [3, 4]) },
  );
  assert.equal([...value!.data], [0, 0]);
});

test("trees keep order and paths; unflatten refuses missing ones", () => {
  const numbers = treeOf((x: unknown): x is number => typeof x === "number");
  const tree = { a: 1, list: [{ b: 2 }, { b: 3 }] };
  assert.equal(numbers.entries(tree), [["a", 1], ["list.0.b", 2], ["list.1.b", 3]]);
  assert.equal(numbers.map(tree, (n, path) => `${path}=${n}`), {
    a: "a=1",
    list: [{ b: "list.0.b=2" }, { b: "list.1.b=3" }],
  });
  assert.equal(unflatten(numbers, tree, numbers.flatten(tree)), tree);
  assert.match(thrown(() => unflatten(numbers, tree, { a: 1 })).message, /list\.0\.b/);
  assert.equal(tensors.leaves([]), []);
});

test("path predicates match whole names", () => {
  const inBridge = under("bridge");
  assert.ok(inBridge("bridge") && inBridge("bridge.ln.weight"));
  assert.not.ok(inBridge("bridges.x") || inBridge("model.bridge"));
});

test("Threefry gives the published vectors", () => {
  assert.equal(threefry2x32(0, 0, 0, 0), [0x6b200159, 0x99ba4efe]);
  const all = 0xffffffff;
  assert.equal(threefry2x32(all, all, all, all), [0x1cb996fc, 0xbb002be7]);
  assert.equal(threefry2x32(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3), [0xc4923a9c, 0x483df7a0]);
  assert.not.equal(foldKey([1, 2], "a"), foldKey([1, 2], "b"));
});

test.run();

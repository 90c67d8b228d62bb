/** Functions of the language for the device-generic suite: nested regions, derivatives by hand, dropout. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, OpName, Tensor } from "@chain-of-sight/core";
import { floats } from "../support/random.ts";
import type { DeviceCase } from "./cases.ts";

const unit = (name: string, ...shape: number[]): NdArray => floats(name, shape, -1, 1);
const key = cs.ndarray("u32", [2], Uint32Array.of(11, 0xfffffff0));

/** Results, and gradients of their weighted sum for the f32 arrays. */
const made = (
  name: string,
  ops: readonly OpName[],
  arrays: readonly NdArray[],
  build: (...xs: Tensor[]) => Tensor,
): DeviceCase => {
  const inputs = arrays.map((a, i) => cs.input(`x${i}`, a.shape, a.dtype)), y = build(...inputs);
  const wrt = inputs.filter((x) => x.dtype === "f32"), cot = cs.input("cot", y.shape);
  return {
    name,
    ops,
    roots: [y, ...cs.pullback([y], [cot], wrt)],
    bindings: {
      ...Object.fromEntries(arrays.map((a, i) => [`x${i}`, a])),
      cot: floats(name, y.shape, -1, 1),
    },
    exact: false,
    loose: false,
  };
};

const block = (x: Tensor, w: Tensor): Tensor => cs.add(x, cs.tanh(cs.matmul(w)(cs.softmax()(x))));
const clipped = cs.customVjp((x: Tensor) => cs.tanh(x), {
  forward: (x) => [cs.tanh(x), cs.less(cs.abs(x), 0.5)],
  backward: (near, ct) => [cs.select(near, ct, cs.mul(ct, 0.25))],
});
const fold = (k: Tensor, n: number): Tensor => cs.foldIn(k)(cs.constant(n, "i32"));

/** Cases of calls, marks and dropout. */
export const functionCases: readonly DeviceCase[] = [
  made(
    "a region in a region, over a table",
    ["call", "after", "parameter"],
    [unit("x", 9, 8), unit("w", 8, 8)],
    (x, w) => {
      const table = cs.cos(cs.cast("f32")(cs.iota([9, 8], 1)));
      return cs.remat((k: Tensor, y: Tensor) => cs.remat((z: Tensor) => block(cs.mul(z, k), w!))(y))(
        table,
        x!,
      );
    },
  ),
  made(
    "a derivative by hand, and constants to derivatives",
    ["stopGradient"],
    [unit("x", 5, 7)],
    (x) => cs.add(clipped(x!), cs.mul(x!, cs.stopGradient(cs.sin(x!)))),
  ),
  made(
    "one rule for tensors of several shapes, with a number that they share, and sums of their squares",
    ["foreach", "foreachSum"],
    [unit("a", 5, 7), unit("b", 3), unit("c", 2, 3, 4), unit("rate")],
    (a, b, c, rate) => {
      const tensors = [a!, b!, c!];
      const moved = cs.foreach(
        tensors.map((x) => ({ args: [x], rule: (t: Tensor) => [cs.sub(t, cs.mul(rate!, cs.tanh(t)))] })),
      ).map(([y]) => y!);
      return cs.concat([...moved, ...cs.squaredNorms(tensors)].map((y) => cs.reshape([-1])(y)), 0);
    },
  ),
  made("a copy", ["copy"], [unit("x", 4, 6)], (x) => cs.mul(cs.copy("it")(cs.exp(x!)), x!)),
  // the step is data: one program draws again in every step
  ...[0, 1, 1e6].map((n) =>
    made(
      `dropout, recomputed, in step ${n}`,
      ["randomBits"],
      [unit("x", 40, 13), key, cs.ndarray("i32", [], Int32Array.of(n))],
      (x, k, step) =>
        cs.remat((y: Tensor) => cs.mul(cs.dropout(cs.foldIn(k!)(step!), 0.25)(cs.sin(y)), y))(x!),
    )
  ),
  made("dropout with a key for each row", ["randomBits"], [unit("x", 6, 50), key], (x, k) => {
    const keys = cs.stack(Array.from({ length: 6 }, (_, i) => fold(k!, i)));
    return cs.vmap((own: Tensor, row: Tensor) => cs.dropout(own, 0.5)(row))(keys, x!);
  }),
  made(
    "dropout in turns of a loop",
    ["scan", "result"],
    [unit("x", 33), unit("w", 4, 33), key],
    (x, w, k) =>
      cs.scan((c: Tensor, { row, turn }: { readonly row: Tensor; readonly turn: Tensor }) => [
        cs.tanh(cs.add(cs.dropout(cs.foldIn(k!)(turn), 0.3)(cs.mul(c, row)), row)),
      ], { carry: x!, xs: { row: w!, turn: cs.iota([4]) } })[0],
  ),
];

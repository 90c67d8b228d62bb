/** Functions of numbers over the whole range of f32: the points at which they are tried, and the bounds of `core/ops/rules.md`. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import * as assert from "uvu/assert";
import type { Evaluate } from "../support/evaluate.ts";

/** A function of one number. */
export type Unary = (x: Tensor) => Tensor;
/** A function of two numbers. */
export type Binary = (a: Tensor, b: Tensor) => Tensor;

/** The functions of one number that the table of bounds has. */
export const unaryFunctions: Readonly<Record<string, Unary>> = {
  exp: cs.exp,
  exp2: cs.exp2,
  expm1: cs.expm1,
  log: cs.log,
  log2: cs.log2,
  log1p: cs.log1p,
  sin: cs.sin,
  cos: cs.cos,
  tan: cs.tan,
  sinh: cs.sinh,
  cosh: cs.cosh,
  tanh: cs.tanh,
  erf: cs.erf,
  sigmoid: cs.sigmoid,
  logSigmoid: (x) => cs.log(cs.sigmoid(x)),
  softplus: cs.softplus,
  sqrt: cs.sqrt,
  rsqrt: cs.rsqrt,
  reciprocal: cs.reciprocal,
  floor: cs.floor,
  ceil: cs.ceil,
  round: cs.round,
  abs: cs.abs,
  sign: cs.sign,
};

/** The functions of two numbers that the table of bounds has. */
export const binaryFunctions: Readonly<Record<string, Binary>> = {
  add: cs.add,
  sub: cs.sub,
  mul: cs.mul,
  div: cs.div,
  mod: cs.mod,
  pow: cs.pow,
  maximum: cs.maximum,
  minimum: cs.minimum,
};

/** The bounds of the table "Accuracy" in `core/ops/rules.md`, by the name of the function. */
export const bounds: ReadonlyMap<string, number> = (() => {
  const text = Deno.readTextFileSync(new URL("../../core/ops/rules.md", import.meta.url));
  const section = text.split("## Accuracy")[1]!.split("\n## ")[0]!;
  const rows = [...section.matchAll(/^\| ((?:`\w+`(?:, )?)+) +\| ([\de.-]+) /gm)];
  return new Map(
    rows.flatMap(([, names, bound]) =>
      [...names!.matchAll(/`(\w+)`/g)].map(([, name]) => [name!, Number(bound)] as const)
    ),
  );
})();

const word = new Uint32Array(1), float = new Float32Array(word.buffer);

const fromBits = (bits: number): number => {
  word[0] = bits >>> 0;
  return float[0]!;
};

/** Numbers of every exponent and both signs, with more where functions bend, and those at which they have edges. */
export const sweep: Float32Array = (() => {
  const out: number[] = [0, -0, Infinity, -Infinity, NaN, 1.00000012, 0.99999994, 16367173 * 2 ** 72];
  for (let exponent = 0; exponent < 255; exponent++) {
    const samples = exponent > 100 && exponent < 140 ? 48 : 10;
    for (let k = 0; k < samples; k++) {
      const significand = k === 0
        ? 0
        : k === 1
        ? 0x7fffff
        : Math.imul(k * 0x9e3779b1 + exponent * 40503, 0x85ebca77) >>> 9;
      out.push(fromBits(exponent << 23 | significand), fromBits(0x80000000 | exponent << 23 | significand));
    }
  }
  for (let k = -2200; k < 2200; k++) out.push(k / 20);
  for (let k = 1; k < 300; k++) out.push(k * Math.PI / 2, -k * Math.PI);
  for (const x of [88.72, 88.73, 89, 89.4, 89.5, -87.3, -87.4, -103, -104, -126.5]) out.push(x);
  return Float32Array.from(out);
})();

const edges = [
  ...[
    0,
    -0,
    1,
    -1,
    2,
    -2,
    3,
    -3,
    0.5,
    -0.5,
    1.5,
    -1.5,
    1e-45,
    -1e-45,
    2 ** -126,
    3.4028234e38,
    -3.4028234e38,
  ],
  ...[Infinity, -Infinity, NaN, 0.1, 5, 7, 2 ** 24 - 1, 2 ** 24, 2 ** 25, 1e10, 1.0000001, 0.9999999, 1e-20],
];

/** Pairs of numbers: all edges with all edges, any with any, and those whose powers and remainders are delicate. */
export const pairs: readonly [Float32Array, Float32Array] = (() => {
  const a: number[] = [], b: number[] = [];
  let state = 20240215;
  const next = (): number => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const put = (x: number, y: number) => void (a.push(x), b.push(y));
  edges.forEach((x) => edges.forEach((y) => put(x, y)));
  for (let i = 0; i < 4000; i++) {
    put(fromBits(next() * 2 ** 32), fromBits(next() * 2 ** 32));
    put(Math.exp(20 * next() - 10), 20 * next() - 10);
    put(1 + (next() - 0.5) * 2 ** -(20 * next()), (next() - 0.5) * 2 ** (27 * next()));
    put(-Math.exp(20 * next() - 10), Math.round(20 * next() - 10));
    const step = Math.fround(Math.exp(20 * next() - 10));
    put(Math.fround(step * Math.round(255 * next())), step);
  }
  return [Float32Array.from(a), Float32Array.from(b)];
})();

/** Smaller numbers may be read and written as 0. */
const MINIMUM = 2 ** -126;

/** The largest relative difference from the reference; edges must be the same. */
const largest = (
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  at: (i: number) => string,
  subnormal: (i: number) => boolean,
): readonly [number, string] => {
  let worst = 0, where = "";
  for (let i = 0; i < want.length; i++) {
    const w = want[i]!, x = Math.fround(w), g = got[i]!;
    if (subnormal(i)) continue;
    if (Number.isFinite(x) && Math.abs(w) < MINIMUM) {
      assert.ok(Math.abs(g) <= MINIMUM * 1.001, `${at(i)}: ${g} for ${w}`);
    } else if (!Number.isFinite(x) || !Number.isFinite(g)) {
      // at the very end of the range rounding decides
      const end = Math.abs(Math.abs(w) / 3.4028235677973366e38 - 1) < 1e-6;
      assert.ok(end || Object.is(g, x), `${at(i)}: ${g} for ${x}`);
    } else if (Math.abs(g - w) > worst * Math.abs(w)) {
      worst = Math.abs(g - w) / Math.abs(w);
      where = `${at(i)}: ${g} for ${w}`;
    }
  }
  return [worst, where];
};

const isSubnormal = (x: number): boolean => x !== 0 && Math.abs(x) < MINIMUM;

/** The largest relative error of a function of one number over the sweep; throws where an edge differs. */
export const errorOf = async (evaluate: Evaluate, f: Unary): Promise<readonly [number, string]> => {
  const x = cs.input("x", [sweep.length]), given = { x: cs.ndarray("f32", [sweep.length], sweep) };
  const [want] = cs.interpret([f(x)], given), [got] = await evaluate([f(x)], given);
  return largest(got!.data, want!.data, (i) => String(sweep[i]), (i) => isSubnormal(sweep[i]!));
};

/** The largest relative error of a function of two numbers over the pairs; throws where an edge differs. */
export const errorOfPair = async (evaluate: Evaluate, f: Binary): Promise<readonly [number, string]> => {
  const [p, q] = pairs, shape = [p.length];
  const a = cs.input("a", shape), b = cs.input("b", shape);
  const given = { a: cs.ndarray("f32", shape, p), b: cs.ndarray("f32", shape, q) };
  const [want] = cs.interpret([f(a, b)], given), [got] = await evaluate([f(a, b)], given);
  return largest(
    got!.data,
    want!.data,
    (i) => `${p[i]}, ${q[i]}`,
    (i) => isSubnormal(p[i]!) || isSubnormal(q[i]!),
  );
};

/** The reference as a device has it: rounded to f32. */
export const rounded: Evaluate = (roots, bindings) =>
  Promise.resolve(
    cs.interpret(roots, bindings).map((a): NdArray =>
      a.dtype === "f32" ? cs.ndarray("f32", a.shape, Float32Array.from(a.data)) : a
    ),
  );

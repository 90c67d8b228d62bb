/** WebAssembly instructions: literals, and one expression of four SIMD lanes per operator. A `bool` is a mask of all bits. */
import type { DType } from "@chain-of-sight/core";
import type { Operator, Value } from "../ir/value.ts";

const spell = (value: number, dtype: DType): string => {
  if (dtype === "bool") return value ? "-1" : "0";
  if (dtype !== "f32") return `${value | 0}`;
  const x = Math.fround(value);
  if (Number.isNaN(x)) return "nan";
  return x === Infinity ? "inf" : x === -Infinity ? "-inf" : Object.is(x, -0) ? "-0" : `${x}`;
};

/** A literal in every lane. */
export const literal = (value: number, dtype: DType): string => {
  const x = spell(value, dtype);
  return `(v128.const ${dtype === "f32" ? "f32x4" : "i32x4"} ${x} ${x} ${x} ${x})`;
};

/** Lanes below `count` set, the others clear. */
export const laneMask = (count: number): string =>
  `(v128.const i32x4 ${[0, 1, 2, 3].map((l) => l < count ? -1 : 0).join(" ")})`;

const ones = literal(1, "f32");

const castText = (a: string, from: DType, to: DType): string => {
  if (from === to) return a;
  if (to === "bool") {
    return from === "f32" ? `(f32x4.ne ${a} ${literal(0, from)})` : `(i32x4.ne ${a} ${literal(0, from)})`;
  }
  if (from === "bool") return `(v128.and ${a} ${to === "f32" ? ones : literal(1, "i32")})`;
  if (from === "f32") return `(i32x4.trunc_sat_f32x4_${to === "i32" ? "s" : "u"} ${a})`;
  if (to === "f32") return `(f32x4.convert_i32x4_${from === "i32" ? "s" : "u"} ${a})`;
  // integers saturate, too
  return to === "u32"
    ? `(i32x4.max_s ${a} ${literal(0, "i32")})`
    : `(i32x4.min_u ${a} ${literal(2147483647, "i32")})`;
};

const shape = (dtype: DType): string => dtype === "f32" ? "f32x4" : "i32x4";
const signed = (dtype: DType): string => dtype === "f32" ? "" : dtype === "u32" ? "_u" : "_s";
const arithmetic = (op: string) => ([a, b]: readonly string[], from: DType) =>
  `(${shape(from)}.${op} ${a} ${b})`;
const bitwise = (op: string) => ([a, b]: readonly string[]) => `(v128.${op} ${a} ${b})`;
const ordered = (op: string) => ([a, b]: readonly string[], from: DType) =>
  `(${shape(from)}.${op}${signed(from)} ${a} ${b})`;
const called = (name: string) => (x: readonly string[]) => `(call $${name} ${x.join(" ")})`;

/** Scopes write these out themselves. */
const inline = (): string => {
  throw new Error("a function that is written out where it is used");
};

/** The greater of two; NaN wins. */
export const maxText = (a: string, b: string, dtype: DType): string => ordered("max")([a, b], dtype);

/** a + b. */
export const sumText = (a: string, b: string, dtype: DType): string => arithmetic("add")([a, b], dtype);

/** Mask of lanes in which `a` comes before `b` in argmax: greater, or NaN against a number. */
export const beatsText = (a: string, b: string, dtype: DType): string =>
  dtype === "f32"
    ? `(v128.or (f32x4.gt ${a} ${b}) (v128.andnot (f32x4.ne ${a} ${a}) (f32x4.ne ${b} ${b})))`
    : ordered("gt")([a, b], dtype);

/** Text of each operator on rendered arguments. Their locals are read twice in places: they must be names. */
const operators: {
  readonly [P in Operator]: (x: readonly string[], from: DType, to: DType) => string;
} = {
  neg: ([a], from) => `(${shape(from)}.neg ${a})`,
  abs: ([a], from) => `(${shape(from)}.abs ${a})`,
  sign: ([a], from) =>
    from === "f32"
      ? `(v128.bitselect (v128.or (v128.and ${a} ${
        literal(-0, "f32")
      }) ${ones}) ${a} (v128.or (f32x4.lt ${a} ${literal(0, "f32")}) (f32x4.gt ${a} ${literal(0, "f32")})))`
      : `(i32x4.max_s (i32x4.min_s ${a} ${literal(1, "i32")}) ${literal(-1, "i32")})`,
  floor: ([a]) => `(f32x4.floor ${a})`,
  ceil: ([a]) => `(f32x4.ceil ${a})`,
  exp: inline,
  log: called("log"),
  sqrt: ([a]) => `(f32x4.sqrt ${a})`,
  rsqrt: ([a]) => `(f32x4.div ${ones} (f32x4.sqrt ${a}))`,
  sin: called("sin"),
  cos: called("cos"),
  tanh: inline,
  erf: inline,
  expm1: called("expm1"),
  log1p: called("log1p"),
  sigmoid: inline,
  not: ([a]) => `(v128.not ${a})`,
  cast: ([a], from, to) => castText(a!, from, to),
  add: arithmetic("add"),
  sub: arithmetic("sub"),
  mul: arithmetic("mul"),
  div: (x, from) =>
    from === "f32" ? `(f32x4.div ${x[0]} ${x[1]})` : called(from === "u32" ? "udiv4" : "idiv4")(x),
  mod: (x, from) => called(from === "f32" ? "mod" : from === "u32" ? "urem4" : "irem4")(x),
  pow: called("pow"),
  maximum: ordered("max"),
  minimum: ordered("min"),
  less: ordered("lt"),
  equal: arithmetic("eq"),
  and: bitwise("and"),
  or: bitwise("or"),
  select: ([c, a, b]) => `(v128.bitselect ${a} ${b} ${c})`,
  threefry: called("threefry"),
};

/** Text of an operator's application. */
export const applyText = (v: Extract<Value, { kind: "apply" }>, args: readonly string[]): string => {
  const from = v.args[v.op === "select" ? 1 : 0]!.dtype, divisor = v.args[1];
  if (v.op === "div" && from === "u32" && divisor?.kind === "literal") {
    const shift = Math.log2(divisor.value);
    if (Number.isInteger(shift)) return `(i32x4.shr_u ${args[0]} (i32.const ${shift}))`;
  }
  return operators[v.op](args, from, v.dtype);
};

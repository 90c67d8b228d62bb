/** WGSL syntax: types, literals, and one expression per operator. */
import type { DType } from "@chain-of-sight/core";
import type { Operator } from "../ir/value.ts";
import { helpers } from "./functions.ts";

/** The element type that a value has in registers: f16 is for memory, and computed with as f32. */
const widened = (dtype: DType): Exclude<DType, "f16"> => dtype === "f16" ? "f32" : dtype;

/** The type that holds a value in registers. */
export const typeOf = (dtype: DType): string => widened(dtype);

/** The type that holds a value in memory: `bool` is a word, 0 or 1; f16 needs the extension of that name. */
export const storedAs = (dtype: DType): string => dtype === "bool" ? "u32" : dtype;

/** A literal. Infinities and NaN come from their bits: WGSL has no words for them. */
export const literal = (value: number, dtype: DType): string => {
  if (dtype === "bool") return value ? "true" : "false";
  if (dtype === "i32") return value === -2147483648 ? "bitcast<i32>(0x80000000u)" : `${value}i`;
  if (dtype === "u32") return `${value >>> 0}u`;
  if (Number.isFinite(value)) return Object.is(value, -0) ? "-0f" : `${value}f`;
  return `bitcast<f32>(${Number.isNaN(value) ? "nan_bits" : value > 0 ? "inf_bits" : "neg_inf_bits"})`;
};

const castText = (a: string, from: DType, to: DType): string => {
  const [of, as] = [widened(from), widened(to)], x = of === as ? a : conversion(a, of, as);
  return to === "f16" && from !== "bool" ? `f16_of(${x})` : x;
};

const conversion = (a: string, from: DType, to: DType): string => {
  // not `!=`, which drivers take to be false for NaN
  if (to === "bool") return `!(${a} == ${literal(0, from)})`;
  if (from === "bool") return `select(${literal(0, to)}, ${literal(1, to)}, ${a})`;
  if (from === "f32") return `${to}_of(${a})`;
  // integers saturate, too
  if (from === "i32" && to === "u32") return `u32(max(${a}, 0i))`;
  return from === "u32" && to === "i32" ? `i32(min(${a}, 2147483647u))` : `${to}(${a})`;
};

/** The greater of two; NaN wins. */
export const maxText = (a: string, b: string, dtype: DType): string =>
  widened(dtype) === "f32" ? `max_of(${a}, ${b})` : `max(${a}, ${b})`;

/** Text of each operator on rendered arguments. */
export const operators: {
  readonly [P in Operator]: (x: readonly string[], from: DType, to: DType) => string;
} = {
  neg: ([a]) => `(-${a})`,
  abs: ([a]) => `abs(${a})`,
  sign: ([a], from) => widened(from) === "f32" ? `sign_of(${a})` : `sign(${a})`,
  floor: ([a]) => `floor(${a})`,
  ceil: ([a]) => `ceil(${a})`,
  exp: ([a]) => `exp_of(${a})`,
  log: ([a]) => `log_of(${a})`,
  sqrt: ([a]) => `sqrt(${a})`,
  rsqrt: ([a]) => `inverseSqrt(${a})`,
  sin: ([a]) => `sin_of(${a})`,
  cos: ([a]) => `cos_of(${a})`,
  tanh: ([a]) => `tanh_of(${a})`,
  erf: ([a]) => `erf_of(${a})`,
  expm1: ([a]) => `expm1_of(${a})`,
  log1p: ([a]) => `log1p_of(${a})`,
  sigmoid: ([a]) => `sigmoid_of(${a})`,
  not: ([a]) => `(!${a})`,
  cast: ([a], from, to) => castText(a!, from, to),
  add: ([a, b]) => `(${a} + ${b})`,
  sub: ([a, b]) => `(${a} - ${b})`,
  mul: ([a, b]) => `(${a} * ${b})`,
  // some drivers fold division by a literal zero to zero; x * inf has the right results
  div: ([a, b]) =>
    b === "0f"
      ? `(${a} * bitcast<f32>(inf_bits))`
      : b === "-0f"
      ? `(${a} * bitcast<f32>(neg_inf_bits))`
      : `(${a} / ${b})`,
  mod: ([a, b], from) => widened(from) === "f32" ? `mod_of(${a}, ${b})` : `(${a} % ${b})`,
  pow: ([a, b]) => `pow_of(${a}, ${b})`,
  maximum: ([a, b], from) => maxText(a!, b!, from),
  minimum: ([a, b], from) => widened(from) === "f32" ? `min_of(${a}, ${b})` : `min(${a}, ${b})`,
  less: ([a, b]) => `(${a} < ${b})`,
  equal: ([a, b]) => `(${a} == ${b})`,
  and: ([a, b]) => `(${a} && ${b})`,
  or: ([a, b]) => `(${a} || ${b})`,
  select: ([c, a, b]) => `select(${b}, ${a}, ${c})`,
  threefry: ([a, b, c]) => `threefry(${a}, ${b}, u32(${c}))`,
};

/** The helper functions that a body mentions. */
export const preludeOf = (body: string): string => {
  let text = body, out: string[] = [];
  for (const name of Object.keys(helpers).reverse()) {
    if (new RegExp(`\\b${name}\\b`).test(text)) {
      out = [helpers[name]!, ...out];
      text += helpers[name]!;
    }
  }
  return out.join("\n");
};

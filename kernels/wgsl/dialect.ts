/** Words of WGSL: types, literals, and one line for each operator. */
import type { DType } from "@chain-of-sight/core";
import type { Operator } from "../ir/value.ts";
import { PARITY, ROTATIONS } from "@chain-of-sight/core";

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
  return from === "f32" ? `${to}_of(${a})` : `${to}(${a})`;
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
  sign: ([a]) => `sign(${a})`,
  floor: ([a]) => `floor(${a})`,
  ceil: ([a]) => `ceil(${a})`,
  exp: ([a]) => `exp(${a})`,
  log: ([a]) => `log(${a})`,
  sqrt: ([a]) => `sqrt(${a})`,
  rsqrt: ([a]) => `inverseSqrt(${a})`,
  sin: ([a]) => `sin_of(${a})`,
  cos: ([a]) => `cos_of(${a})`,
  tanh: ([a]) => `tanh_of(${a})`,
  erf: ([a]) => `erf_of(${a})`,
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
  mod: ([a, b]) => `(${a} % ${b})`,
  pow: ([a, b]) => `pow_of(${a}, ${b})`,
  maximum: ([a, b], from) => maxText(a!, b!, from),
  minimum: ([a, b], from) => widened(from) === "f32" ? `min_of(${a}, ${b})` : `min(${a}, ${b})`,
  less: ([a, b]) => `(${a} < ${b})`,
  equal: ([a, b]) => `(${a} == ${b})`,
  and: ([a, b]) => `(${a} && ${b})`,
  or: ([a, b]) => `(${a} || ${b})`,
  select: ([c, a, b]) => `select(${b}, ${a}, ${c})`,
  threefry: ([a, b, c]) => `threefry(${a}, ${b}, ${c})`,
};

const rounds = Array.from({ length: 5 }, (_, block) =>
  [
    ...ROTATIONS[block % 2]!.map((r) => `  x += y; y = ((y << ${r}u) | (y >> ${32 - r}u)) ^ x;`),
    `  x += k${(block + 1) % 3}; y += k${(block + 2) % 3} + ${block + 1}u;`,
  ].join("\n")).join("\n");

/** Functions that operators call, by the word that shows they are needed. */
const helpers: Readonly<Record<string, string>> = {
  inf_bits: "var<private> inf_bits: u32 = 0x7f800000u;",
  neg_inf_bits: "var<private> neg_inf_bits: u32 = 0xff800000u;",
  nan_bits: "var<private> nan_bits: u32 = 0x7fc00000u;",
  // comparisons with NaN may be folded away: look at the bits
  is_nan: "fn is_nan(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }",
  max_of:
    "fn max_of(a: f32, b: f32) -> f32 { return select(select(max(a, b), b, is_nan(b)), a, is_nan(a)); }",
  min_of:
    "fn min_of(a: f32, b: f32) -> f32 { return select(select(min(a, b), b, is_nan(b)), a, is_nan(a)); }",
  beats: "fn beats(a: f32, b: f32) -> bool { return a > b || (is_nan(a) && !is_nan(b)); }",
  // a function, as drivers refuse to round literals beyond the range
  f16_of: "fn f16_of(x: f32) -> f32 { return f32(f16(x)); }",
  // out of range saturates, NaN is 0
  i32_of: `fn i32_of(x: f32) -> i32 {
  if (is_nan(x)) { return 0i; }
  if (x >= 2147483648f) { return 2147483647i; }
  if (x <= -2147483648f) { return bitcast<i32>(0x80000000u); }
  return i32(x);
}`,
  u32_of: `fn u32_of(x: f32) -> u32 {
  if (is_nan(x) || x <= 0f) { return 0u; }
  if (x >= 4294967296f) { return 0xffffffffu; }
  return u32(x);
}`,
  // beyond 9 the result rounds to 1; some drivers overflow there
  tanh_of: "fn tanh_of(x: f32) -> f32 { return select(tanh(x), sign(x), abs(x) > 9f); }",
  turned: `fn turned(x: f32) -> vec2f {
  let eighths = floor(x * 1.27323954473516f); let even = eighths + eighths % 2f;
  return vec2f(((x - even * 0.78515625f) - even * 2.4187564849853515625e-4f) - even * 3.77489497744594108e-8f, even % 8f);
}`,
  near_sin: `fn near_sin(x: f32) -> f32 {
  let s = x * x;
  return fma(fma(fma(-1.9515295891e-4f, s, 8.3321608736e-3f), s, -1.6666654611e-1f) * s, x, x);
}`,
  near_cos: `fn near_cos(x: f32) -> f32 {
  let s = x * x;
  return fma(fma(fma(2.443315711809948e-5f, s, -1.388731625493765e-3f), s, 4.166664568298827e-2f) * s, s, 1f - 0.5f * s);
}`,
  // drivers may be off by 2^-11: reduced to an eighth of a turn in three steps, then polynomials (Cephes' sinf, cosf)
  sin_of: `fn sin_of(x: f32) -> f32 {
  if (!(abs(x) < 8192f)) { return sin(x); }
  let turn = turned(abs(x));
  let y = select(near_sin(turn.x), near_cos(turn.x), turn.y == 2f || turn.y == 6f);
  return select(y, -y, (turn.y >= 4f) != (x < 0f));
}`,
  cos_of: `fn cos_of(x: f32) -> f32 {
  if (!(abs(x) < 8192f)) { return cos(x); }
  let turn = turned(abs(x));
  let y = select(near_cos(turn.x), near_sin(turn.x), turn.y == 2f || turn.y == 6f);
  return select(y, -y, turn.y == 2f || turn.y == 4f);
}`,
  // rational approximation on [-4, 4], about 1e-7 (the coefficients are those of Eigen's generic float erf)
  erf_of: `fn erf_of(v: f32) -> f32 {
  let x = clamp(v, -4f, 4f); let s = x * x;
  var p = fma(s, -2.72614225801306e-10f, 2.77068142495902e-08f);
  p = fma(s, p, -2.10102402082508e-06f); p = fma(s, p, -5.69250639462346e-05f);
  p = fma(s, p, -7.34990630326855e-04f); p = fma(s, p, -2.95459980854025e-03f);
  p = x * fma(s, p, -1.60960333262415e-02f);
  var q = fma(s, -1.45660718464996e-05f, -2.13374055278905e-04f);
  q = fma(s, q, -1.68282697438203e-03f); q = fma(s, q, -7.37332916720468e-03f);
  q = fma(s, q, -1.42647390514189e-02f);
  return p / q;
}`,
  // WGSL leaves negative bases undefined
  pow_of: `fn pow_of(a: f32, b: f32) -> f32 {
  if (b == 0f) { return 1f; }
  let r = pow(abs(a), b);
  if (a >= 0f) { return r; }
  if (floor(b) != b) { return bitcast<f32>(nan_bits); }
  return select(r, -r, abs(b % 2f) == 1f);
}`,
  threefry: `fn threefry(k0: u32, k1: u32, counter: u32) -> u32 {
  let k2 = k0 ^ k1 ^ ${PARITY >>> 0}u; var x = counter + k0; var y = k1;
${rounds}
  return x;
}`,
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

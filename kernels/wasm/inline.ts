/**
 * Functions that are written out where they are used: calls would keep loops from being laid out well, and read their
 * numbers from memory each time. Exponentials and tangents follow Cephes (S. Moshier, 1989), errors around 1e-7.
 */
import type { Operator } from "../ir/value.ts";

/** What the target machine's WebAssembly has beyond SIMD. */
export interface Dialect {
  /** Relaxed SIMD: multiplication and addition in one instruction. */
  readonly relaxed: boolean;
}

/** a b + c. */
export const madd = (a: string, b: string, c: string, dialect: Dialect): string =>
  dialect.relaxed ? `(f32x4.relaxed_madd ${a} ${b} ${c})` : `(f32x4.add (f32x4.mul ${a} ${b}) ${c})`;

/** What functions are written with. */
export interface Words {
  /** Text of a number in every lane. */
  readonly number: (x: number) => string;
  /** A local that may be overwritten: each name is one. */
  readonly spare: (name: string) => string;
  /** What the machine has. */
  readonly dialect: Dialect;
}

/** Statements and the expression that follows from them. */
export interface Computed {
  /** The statements. */
  readonly lines: readonly string[];
  /** The expression. */
  readonly result: string;
}

const get = (name: string): string => `(local.get $${name})`;
const set = (name: string, to: string): string => `(local.set $${name} ${to})`;

/** Coefficients from the highest power down. */
const polynomial = (x: string, coefficients: readonly number[], { number, dialect }: Words): string =>
  coefficients.slice(1).reduce((sum, c) => madd(sum, x, number(c), dialect), number(coefficients[0]!));

/** Adding it leaves the nearest integer, raised by the bias of exponents, in the last bits of a float. */
const MAGIC = 1.5 * 2 ** 23 + 127;
/** Below, results are 0: smaller than the least normal number, with which machines are slow. */
const MINIMUM = -87.3;

/**
 * e^x of a text that may be repeated: x = n ln 2 + r, a polynomial of r, and 2^n from bits. NaN stays NaN. Arguments
 * that are never above 0 save a bound.
 */
export const exponential = (x: string, words: Words, negative = false): Computed => {
  const { number, dialect } = words, t = words.spare("t"), r = words.spare("r");
  const n = `(f32x4.sub ${get(t)} ${number(MAGIC)})`, square = `(f32x4.mul ${get(r)} ${get(r)})`;
  const raised = madd(x, number(Math.LOG2E), number(MAGIC), dialect);
  const high = polynomial(get(r), [
    1.9875691500e-4,
    1.3981999507e-3,
    8.3334519073e-3,
    4.1665795894e-2,
    1.6666665459e-1,
    5.0000001201e-1,
  ], words);
  const power = `(i32x4.shl ${get(t)} (i32.const 23))`;
  return {
    lines: [
      // beyond the largest power of two the polynomial itself overflows
      set(t, negative ? raised : `(f32x4.pmin ${raised} ${number(MAGIC + 127)})`),
      set(r, madd(n, number(-0.693359375), x, dialect)),
      set(r, madd(n, number(2.12194440e-4), get(r), dialect)),
      set(r, `(f32x4.add ${madd(high, square, get(r), dialect)} ${number(1)})`),
    ],
    result: `(v128.andnot (f32x4.mul ${get(r)} ${power}) (f32x4.lt ${x} ${number(MINIMUM)}))`,
  };
};

const tangent = (x: string, words: Words): Computed => {
  const { number, spare, dialect } = words, a = spare("a"), s = spare("s"), b = spare("b");
  const exp = exponential(get(b), words),
    near = polynomial(get(s), [
      -5.70498872745e-3,
      2.06390887954e-2,
      -5.37397155531e-2,
      1.33314422036e-1,
      -3.33332819422e-1,
    ], words);
  const far = `(f32x4.sub ${number(1)} (f32x4.div ${number(2)} (f32x4.add ${exp.result} ${number(1)})))`;
  return {
    lines: [
      set(a, `(f32x4.abs ${x})`),
      set(s, `(f32x4.mul ${x} ${x})`),
      set(b, `(f32x4.add ${get(a)} ${get(a)})`),
      ...exp.lines,
      set(b, `(v128.or ${far} (v128.and ${x} ${number(-0)}))`),
    ],
    result: `(v128.bitselect ${madd(`(f32x4.mul ${near} ${get(s)})`, x, x, dialect)} ${get(b)} (f32x4.lt ${
      get(a)
    } ${number(0.625)}))`,
  };
};

/** The logistic function: an infinite exponential gives 0. */
const logistic = (x: string, words: Words): Computed => {
  const { number, spare } = words, b = spare("b"), exp = exponential(get(b), words);
  return {
    lines: [set(b, `(f32x4.neg ${x})`), ...exp.lines],
    result: `(f32x4.div ${number(1)} (f32x4.add ${exp.result} ${number(1)}))`,
  };
};

// N. Juffa's erff: errors below 1e-7; 1 - e^r never leaves [-1, 1]
const errorFunction = (x: string, words: Words): Computed => {
  const { number, spare, dialect } = words, a = spare("a"), s = spare("s"), b = spare("b");
  const near = polynomial(get(s), [
    -5.96761703e-4,
    4.99119423e-3,
    -2.67681349e-2,
    1.12819925e-1,
    -3.76125336e-1,
    1.28379166e-1,
  ], words);
  const high = madd(number(-1.72853470e-5), get(a), number(3.83197126e-4), dialect);
  const low = madd(number(-3.88396438e-3), get(a), number(2.42546219e-2), dialect);
  const rest = [-1.06777877e-1, -6.34846687e-1, -1.28717512e-1].reduce(
    (sum, c) => madd(sum, get(a), number(c), dialect),
    madd(high, get(b), low, dialect),
  );
  const exp = exponential(get(b), words, true);
  return {
    lines: [
      set(a, `(f32x4.pmin (f32x4.abs ${x}) ${number(4)})`),
      set(b, `(f32x4.mul ${get(a)} ${get(a)})`),
      set(b, madd(rest, get(a), `(f32x4.neg ${get(a)})`, dialect)),
      ...exp.lines,
      set(b, `(v128.or (f32x4.sub ${number(1)} ${exp.result}) (v128.and ${x} ${number(-0)}))`),
      set(s, `(f32x4.mul ${x} ${x})`),
    ],
    result: `(v128.bitselect ${madd(near, x, x, dialect)} ${get(b)} (f32x4.lt ${get(a)} ${
      number(0.927734375)
    }))`,
  };
};

/** The functions, on texts that may be repeated. */
export const inlined: { readonly [P in Operator]?: (x: string, words: Words) => Computed } = {
  exp: (x, words) => exponential(x, words),
  tanh: tangent,
  erf: errorFunction,
  sigmoid: logistic,
};

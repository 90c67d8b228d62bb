/** What exponentials are made of, wherever they are computed. */

/** What the target machine's WebAssembly has beyond SIMD. */
export interface Dialect {
  /** Relaxed SIMD: multiplication and addition in one instruction. */
  readonly relaxed: boolean;
}

/** a b + c. */
export const madd = (a: string, b: string, c: string, dialect: Dialect): string =>
  dialect.relaxed ? `(f32x4.relaxed_madd ${a} ${b} ${c})` : `(f32x4.add (f32x4.mul ${a} ${b}) ${c})`;

/** Adding it leaves the nearest integer, raised by the bias of exponents, in the last bits of a float. */
const MAGIC = 1.5 * 2 ** 23 + 127;
/** Below, results are 0: smaller than the least normal number, with which machines are slow. */
const LEAST = -87.3;

/** Statements and the expression that follows from them. */
export interface Computed {
  /** The statements. */
  readonly lines: readonly string[];
  /** The expression. */
  readonly result: string;
}

/**
 * e^x of a local, after Cephes (S. Moshier, 1989): x = n ln 2 + r, a polynomial of r, and 2^n from bits; errors around
 * 1e-7. `t` and `r` are overwritten. NaN stays NaN; arguments that are never above 0 save a bound.
 */
export const exponential = (
  x: string,
  t: string,
  r: string,
  number: (x: number) => string,
  dialect: Dialect,
  negative = false,
): Computed => {
  const v = (name: string): string => `(local.get $${name})`;
  const set = (name: string, to: string): string => `(local.set $${name} ${to})`;
  const n = `(f32x4.sub ${v(t)} ${number(MAGIC)})`,
    fma = (a: string, b: string, c: string) => madd(a, b, c, dialect);
  const raised = fma(v(x), number(1.44269504088896341), number(MAGIC));
  const polynomial = [1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1]
    .reduce((sum, c) => fma(sum, v(r), number(c)), number(1.9875691500e-4));
  return {
    lines: [
      // beyond the greatest power of two the polynomial itself overflows
      set(t, negative ? raised : `(f32x4.pmin ${raised} ${number(MAGIC + 127)})`),
      set(r, fma(n, number(-0.693359375), v(x))),
      set(r, fma(n, number(2.12194440e-4), v(r))),
      set(r, `(f32x4.add ${fma(polynomial, `(f32x4.mul ${v(r)} ${v(r)})`, v(r))} ${number(1)})`),
    ],
    result: `(v128.andnot (f32x4.mul ${v(r)} (i32x4.shl ${v(t)} (i32.const 23))) (f32x4.lt ${v(x)} ${
      number(LEAST)
    }))`,
  };
};

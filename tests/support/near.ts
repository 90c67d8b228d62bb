/** Comparison of arrays by `max|a - b| <= atol + rtol max|b|`, with a report that shows where they differ. */
import type { NdArray } from "@chain-of-sight/core";

/** How far two arrays may be apart. */
export interface Tolerance {
  /** Part relative to the largest finite magnitude of the expected array. */
  readonly rtol: number;
  /** Absolute part. */
  readonly atol: number;
}

/** Equal, element by element. */
export const exactly: Tolerance = { rtol: 0, atol: 0 };

/** Findings of a comparison. */
export interface Difference {
  /** Largest difference of finite elements. */
  readonly worst: number;
  /** Largest finite magnitude of the expected array. */
  readonly scale: number;
  /** Index of the worst element, or of the first that is finite in one array only; -1 for empty arrays. */
  readonly at: number;
  /** Whether NaN and infinities are in the same places. */
  readonly sameSpecials: boolean;
}

/** Compares the elements of two arrays of one length. */
export const difference = (a: ArrayLike<number>, b: ArrayLike<number>): Difference => {
  let worst = 0, scale = 0, at = b.length > 0 ? 0 : -1;
  for (let i = 0; i < b.length; i++) {
    const x = a[i]!, y = b[i]!;
    if (!Number.isFinite(x) || !Number.isFinite(y)) {
      if (!Object.is(x, y)) return { worst: Infinity, scale, at: i, sameSpecials: false };
      continue;
    }
    scale = Math.max(scale, Math.abs(y));
    const d = Math.abs(x - y);
    if (d > worst) [worst, at] = [d, i];
  }
  return { worst, scale, at, sameSpecials: true };
};

/** Tolerance times a factor, for devices whose own functions are less exact. */
export const times = ({ rtol, atol }: Tolerance, factor: number): Tolerance => ({
  rtol: rtol * factor,
  atol: atol * factor,
});

/** Asserts that an array is near another; returns the difference relative to the largest expected magnitude. */
export const near = (
  label: string,
  actual: NdArray,
  expected: Pick<NdArray, "shape" | "data">,
  { rtol, atol }: Tolerance,
): number => {
  if (actual.shape.join() !== expected.shape.join()) {
    throw new Error(`${label}: shape [${actual.shape}], expected [${expected.shape}]`);
  }
  if (actual.data.length !== expected.data.length) {
    throw new Error(`${label}: ${actual.data.length} elements, expected ${expected.data.length}`);
  }
  const { worst, scale, at } = difference(actual.data, expected.data);
  const allowed = atol + rtol * scale;
  if (!(worst <= allowed)) {
    const around = (x: ArrayLike<number>) =>
      Array.from({ length: Math.min(5, x.length) }, (_, k) => {
        const i = Math.max(0, Math.min(x.length - 5, at - 2)) + k;
        return `${i === at ? ">" : ""}${Number(x[i]).toPrecision(8)}`;
      }).join("  ");
    throw new Error(
      `${label}: off by ${worst.toExponential(2)} at element ${at} of [${actual.shape}], allowed ` +
        `${allowed.toExponential(2)} (atol ${atol}, rtol ${rtol}, largest ${scale.toPrecision(4)})\n` +
        `  actual    ${around(actual.data)}\n  expected  ${around(expected.data)}`,
    );
  }
  return scale === 0 ? worst : worst / scale;
};

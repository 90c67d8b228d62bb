/** Shapes: immutable lists of axis lengths, and the arithmetic on them. */
import { ShapeError } from "./errors.ts";

/** Lengths of the axes, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Number of elements. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** `[2, 3]`, as errors and listings print it. */
export const show = (shape: Shape): string => `[${shape.join(", ")}]`;

/** Whether two shapes are the same. */
export const equals = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((n, i) => n === b[i]);

/** Row-major strides in elements. */
export const stridesOf = (shape: Shape): number[] => {
  const out = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    out[i] = step;
    step *= shape[i]!;
  }
  return out;
};

/** An axis counted from the front; negative ones count from the back. */
export const axisOf = (op: string, axis: number, rank: number): number => {
  const at = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || at < 0 || at >= rank) {
    throw new ShapeError({
      op,
      got: `axis ${axis} of a tensor with ${rank} axes`,
      expected: `an integer from ${-rank} to ${rank - 1}`,
      hint: "name an axis that the tensor has",
    });
  }
  return at;
};

/** The shape that both broadcast to, aligned at the last axis (NumPy's rule). */
export const broadcast = (op: string, a: Shape, b: Shape): Shape => {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const m = a[i - rank + a.length] ?? 1, n = b[i - rank + b.length] ?? 1;
    if (m !== n && m !== 1 && n !== 1) {
      throw new ShapeError({
        op,
        got: `shapes ${show(a)} and ${show(b)}`,
        expected: "axes that are equal or 1, aligned at the last",
        hint: "reshape or broadcast one of them first",
      });
    }
    return m === 1 ? n : m;
  });
};

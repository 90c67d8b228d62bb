/** Comparisons and tests of single numbers that follow from `less` and `equal`. */
import type { Tensor } from "../tensor.ts";
import { abs, and, equal, less, lessEqual, not, type Operand, or } from "./elementwise.ts";

/** a >= b, as bool; false where either is NaN. */
export const greaterEqual = (a: Operand, b: Operand): Tensor => lessEqual(b, a);

/** Not a = b, as bool; true where either is NaN. */
export const notEqual = (a: Operand, b: Operand): Tensor => not(equal(a, b));

/** Whether exactly one of two bools is true. */
export const xor = (a: Tensor, b: Tensor): Tensor => and(or(a, b), not(and(a, b)));

/** Whether x is not a number, as bool. */
export const isNaN = (x: Tensor): Tensor => not(equal(x, x));

/** Whether x is neither NaN nor an infinity, as bool. */
export const isFinite = (x: Tensor): Tensor => less(abs(x), Infinity);

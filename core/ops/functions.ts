/** Functions of one number that follow from the primitives. */
import type { Tensor } from "../tensor.ts";
import {
  add,
  and,
  cos,
  div,
  equal,
  exp,
  expm1,
  floor,
  less,
  log,
  mul,
  neg,
  or,
  pow,
  select,
  sin,
  sub,
} from "./elementwise.ts";

/** x x. */
export const square = (x: Tensor): Tensor => mul(x, x);

/** Tangent of radians. */
export const tan = (x: Tensor): Tensor => div(sin(x), cos(x));

/** Twice the hyperbolic sine of half of x: terms of one sign, so that no digits are lost near 0. */
const twiceSinhOfHalf = (x: Tensor): Tensor => {
  const half = mul(x, 0.5);
  return sub(expm1(half), expm1(neg(half)));
};

/** Hyperbolic sine, as `2 sinh(x/2) cosh(x/2)`: overflows only where the result does. */
export const sinh = (x: Tensor): Tensor => {
  const half = mul(x, 0.5);
  return mul(twiceSinhOfHalf(x), mul(add(exp(half), exp(neg(half))), 0.5));
};

/** Hyperbolic cosine, as `1 + 2 sinh(x/2)^2`: overflows only where the result does. */
export const cosh = (x: Tensor): Tensor => {
  const s = twiceSinhOfHalf(x);
  return add(mul(mul(s, 0.5), s), 1);
};

/** 2 to the x. */
export const exp2 = (x: Tensor): Tensor => pow(2, x);

/** Logarithm to base 2. */
export const log2 = (x: Tensor): Tensor => mul(log(x), Math.LOG2E);

/** The nearest integer, halves to the even one (IEEE 754); no gradient. */
export const round = (x: Tensor): Tensor => {
  const below = floor(x), part = sub(x, below), half = mul(below, 0.5);
  const down = or(less(part, 0.5), and(equal(part, 0.5), equal(half, floor(half))));
  return select(down, below, add(below, 1));
};

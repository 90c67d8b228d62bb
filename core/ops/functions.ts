/** Functions of one number that follow from the primitives. */
import type { Tensor } from "../tensor.ts";
import {
  add,
  and,
  cos,
  div,
  equal,
  exp,
  floor,
  less,
  log,
  mul,
  neg,
  or,
  select,
  sin,
  sub,
} from "./elementwise.ts";

/** x x. */
export const square = (x: Tensor): Tensor => mul(x, x);

/** Tangent of radians. */
export const tan = (x: Tensor): Tensor => div(sin(x), cos(x));

/** Hyperbolic sine. */
export const sinh = (x: Tensor): Tensor => mul(sub(exp(x), exp(neg(x))), 0.5);

/** Hyperbolic cosine. */
export const cosh = (x: Tensor): Tensor => mul(add(exp(x), exp(neg(x))), 0.5);

/** 2 to the x. */
export const exp2 = (x: Tensor): Tensor => exp(mul(x, Math.LN2));

/** Logarithm to base 2. */
export const log2 = (x: Tensor): Tensor => mul(log(x), Math.LOG2E);

/** The nearest integer, halves to the even one (IEEE 754); no gradient. */
export const round = (x: Tensor): Tensor => {
  const below = floor(x), part = sub(x, below), half = mul(below, 0.5);
  const down = or(less(part, 0.5), and(equal(part, 0.5), equal(half, floor(half))));
  return select(down, below, add(below, 1));
};

/**
 * Dropout (Srivastava et al. 2014): each element is kept with probability `1 - rate` and scaled by `1 / (1 - rate)`,
 * or is zero. Which are kept is a function of the key alone (counter-based bits), so that forward pass, recomputation
 * and backward pass drop the same ones, on every device. The key is data: a compiled step draws again each step.
 */
import { ConfigError } from "../errors.ts";
import { add, cast, less, mul, select, zerosLike } from "../ops/elementwise.ts";
import { concat, reshape, sliceAxis } from "../ops/movement.ts";
import { randomBits, uniform } from "../ops/random.ts";
import { constant } from "../ops/source.ts";
import type { Tensor } from "../tensor.ts";

/**
 * A key (u32 `[2]`) made of a key and a number, an integer tensor of shape `[]`, not
 * negative: one for each step, layer or example.
 * Equal pairs give equal keys; different ones give keys that have nothing to do with each other, nor with the bits of
 * the first key. Data-last in the number.
 *
 * ```ts
 * import { foldIn, input, interpret, ndarray } from "@chain-of-sight/core";
 * const key = input("key", [2], "u32"), keys = foldIn(key)(input("step", [], "i32"));
 * const at = (step: number) =>
 *   interpret([keys], {
 *     key: ndarray("u32", [2], Uint32Array.of(1, 2)),
 *     step: ndarray("i32", [], Int32Array.of(step)),
 *   })[0]!.data.join();
 * if (at(7) !== at(7) || at(7) === at(8)) throw new Error("not so");
 * ```
 */
export const foldIn = (key: Tensor): (n: Tensor) => Tensor => (n: Tensor): Tensor => {
  const first = reshape([1])(cast("u32")(n)), none = reshape([1])(constant(0, "u32"));
  // the second pair of the key's stream: bits drawn with the key itself begin with the first
  const own = sliceAxis(0, 2, 4)(randomBits([4])(key));
  return randomBits([2])(add(own, concat([first, none], 0)));
};

/**
 * Drops elements with probability `rate`, 0 to 1, by the bits of a key (u32 `[2]`). Data-last.
 *
 * Under `vmap`, a key that is the same for all drops the same elements of every example, and keys of their own
 * (mapped, `[n, 2]`) drop as many calls would. In `scan`, fold the iteration's number or a slice into the key.
 *
 * ```ts
 * import { dropout, f32, foldIn, input, interpret, ndarray } from "@chain-of-sight/core";
 * const key = foldIn(input("key", [2], "u32"))(input("step", [], "i32")); // another mask in every step
 * const [y] = interpret([dropout(key, 0.5)(input("x", [4]))], {
 *   key: ndarray("u32", [2], Uint32Array.of(1, 2)),
 *   step: ndarray("i32", [], Int32Array.of(0)),
 *   x: f32([4], [1, 1, 1, 1]),
 * });
 * if (!y!.data.every((v) => v === 0 || v === 2)) throw new Error("not so");
 * ```
 * @throws {ConfigError} if the rate is no probability; {ShapeError} or {DTypeError} if the key is none.
 */
export const dropout = (key: Tensor, rate: number): (x: Tensor) => Tensor => (x: Tensor): Tensor => {
  if (!(rate >= 0 && rate <= 1)) {
    throw new ConfigError({
      op: "dropout",
      got: `a rate of ${rate}`,
      expected: "0 to 1, the probability that an element is dropped",
      hint: "0.1 drops a tenth of them",
    });
  }
  const kept = less(uniform(x.shape)(key), 1 - rate);
  return rate === 0 ? x : rate === 1 ? zerosLike(x) : select(kept, mul(x, 1 / (1 - rate)), zerosLike(x));
};

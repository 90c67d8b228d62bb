/** Randomness: bits from an explicit key. Element i is the first word of Threefry at counter (i, 0). */
import { ndarray } from "../array.ts";
import { ShapeError } from "../errors.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { threefry2x32 } from "../threefry.ts";
import { add, cast, cos, div, log, mul, sqrt } from "./elementwise.ts";
import { expectDType, make } from "./make.ts";
import { reshape, sliceAxis } from "./movement.ts";
import type { OpRecord } from "./record.ts";

/** The random record. */
export const randomRecord: OpRecord<"randomBits"> = {
  name: "randomBits",
  family: "random",
  arity: 1,
  summary: "Threefry-2x32 bits",
  infer: ([key], { shape }) => {
    expectDType("randomBits", key!, ["u32"]);
    if (key!.shape.length !== 1 || key!.shape[0] !== 2) {
      throw new ShapeError({
        op: "randomBits",
        got: `a key of shape ${show(key!.shape)}`,
        expected: "[2]",
        mend: "pass two u32 words",
      });
    }
    return { shape, dtype: "u32" };
  },
  reference: ([key], node) => {
    const [k0, k1] = key!.data as Uint32Array;
    return ndarray(
      "u32",
      node.shape,
      Uint32Array.from({ length: sizeOf(node.shape) }, (_, i) => threefry2x32(k0!, k1!, i, 0)[0]),
    );
  },
  vjp: () => [undefined],
  flops: () => 0,
  laws: [],
};

/** Random 32-bit words for a key of shape [2] (u32). Data-last. */
export const randomBits = (shape: Shape): (key: Tensor) => Tensor => (key: Tensor): Tensor =>
  make(randomRecord, [key], { shape: [...shape] });

/** Uniform numbers in [0, 1) with 24 random bits. Data-last. */
export const uniform = (shape: Shape): (key: Tensor) => Tensor => (key: Tensor): Tensor =>
  mul(cast("f32")(div(randomBits(shape)(key), 256)), 2 ** -24);

/** Standard normal numbers, by Box and Muller's transform of two uniforms. Data-last. */
export const normal = (shape: Shape): (key: Tensor) => Tensor => (key: Tensor): Tensor => {
  const n = sizeOf(shape), pair = uniform([2, n])(key);
  const half = (i: number) => reshape(shape)(sliceAxis(0, i, i + 1)(pair));
  // 2^-25 keeps the logarithm finite
  return mul(sqrt(mul(log(add(half(0), 2 ** -25)), -2)), cos(mul(half(1), 2 * Math.PI)));
};

/**
 * Randomness: bits from an explicit key. Element i is the first word of Threefry at counter (i, 0). Many keys at once,
 * as `vmap` makes them, are the axes before the last of the key.
 */
import { ndarray } from "../array.ts";
import { ShapeError } from "../errors.ts";
import { type Shape, show, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { threefry2x32 } from "../threefry.ts";
import { add, cast, cos, div, log, mul, sqrt } from "./elementwise.ts";
import { expectDType, make } from "./make.ts";
import { reshape, sliceAxis } from "./movement.ts";
import type { OpRecord } from "./record.ts";

const checkKey = (fits: boolean, key: Tensor): void => {
  if (fits) return;
  throw new ShapeError({
    op: "randomBits",
    got: `a key of shape ${show(key.shape)}`,
    expected: "[2]",
    hint: "pass two u32 words; map over many keys with vmap()",
  });
};

/** The random record. */
export const randomRecord: OpRecord<"randomBits"> = {
  name: "randomBits",
  family: "random",
  arity: 1,
  summary: "Threefry-2x32 bits",
  infer: ([key], { shape }) => {
    expectDType("randomBits", key!, ["u32"]);
    checkKey(key!.shape.at(-1) === 2, key!);
    return { shape: [...key!.shape.slice(0, -1), ...shape], dtype: "u32" };
  },
  reference: ([key], node) => {
    const words = key!.data as Uint32Array, each = sizeOf(node.attributes.shape);
    return ndarray(
      "u32",
      node.shape,
      Uint32Array.from({ length: sizeOf(node.shape) }, (_, i) => {
        const own = 2 * Math.floor(i / each);
        return threefry2x32(words[own]!, words[own + 1]!, i % each, 0)[0];
      }),
    );
  },
  vjp: () => [undefined],
  flops: () => 0,
  laws: [],
};

/** Random 32-bit words for a key of shape [2] (u32). Data-last. */
export const randomBits = (shape: Shape): (key: Tensor) => Tensor => (key: Tensor): Tensor => {
  checkKey(key.shape.length === 1, key);
  return make(randomRecord, [key], { shape: [...shape] });
};

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

/** Repeatable random arrays for tests. */
import { type NdArray, ndarray, type Shape, threefry2x32 } from "@chain-of-sight/core";

const hash = (text: string): number =>
  [...text].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 0x01000193) >>> 0, 7);

/** A source of uniform numbers in [0, 1), the same for the same name. */
export const stream = (name: string): () => number => {
  const key = hash(name);
  let i = 0;
  return () => threefry2x32(key, 1, i++, 0)[0] * 2 ** -32;
};

const count = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** `f32` numbers, uniform in `[low, high)`. */
export const floats = (name: string, shape: Shape, low = -2, high = 2): NdArray => {
  const next = stream(name);
  return ndarray(
    "f32",
    shape,
    Float32Array.from({ length: count(shape) }, () => low + (high - low) * next()),
  );
};

/** `i32` numbers from `low` to `high - 1`. */
export const integers = (name: string, shape: Shape, low: number, high: number): NdArray => {
  const next = stream(name);
  return ndarray(
    "i32",
    shape,
    Int32Array.from({ length: count(shape) }, () => Math.floor(low + (high - low) * next())),
  );
};

/** `bool` values, each with even odds. */
export const booleans = (name: string, shape: Shape): NdArray => {
  const next = stream(name);
  return ndarray("bool", shape, Uint8Array.from({ length: count(shape) }, () => next() < 0.5 ? 0 : 1));
};

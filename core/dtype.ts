/** Element types of tensors, and their host storage. */

/**
 * The element types that descriptions, the reference interpreter and devices know. `f16` is for memory: what is
 * computed from it is computed in f32 and rounded where it is stored.
 */
export type DType = "f32" | "f16" | "i32" | "u32" | "bool";

/** Every element type, in promotion order. */
export const dtypes: readonly DType[] = ["bool", "u32", "i32", "f16", "f32"];

/** Host storage of one element type: `bool` is one byte, 0 or 1. */
export type TypedArray = Float32Array | Float64Array | Float16Array | Int32Array | Uint32Array | Uint8Array;

/** Bytes of one element on a device (`bool` is stored as a 32-bit word, the least that every device can address). */
export const bytesOf = (dtype: DType): number => dtype === "f16" ? 2 : 4;

/** Names of the typed arrays that may hold an element type on the host; floats also in float64, as the reference has them. */
export const storageOf = (dtype: DType): readonly TypedArray[typeof Symbol.toStringTag][] =>
  dtype === "f32"
    ? ["Float32Array", "Float64Array"]
    : dtype === "f16"
    ? ["Float16Array", "Float64Array"]
    : dtype === "i32"
    ? ["Int32Array"]
    : dtype === "u32"
    ? ["Uint32Array"]
    : ["Uint8Array"];

/** Whether an element type holds real numbers: it has NaN, infinities and derivatives. */
export const isFloat = (dtype: DType): boolean => dtype === "f32" || dtype === "f16";

/** A number as an element type holds it: floats are rounded to the nearest, integers wrap, `bool` is 0 or 1. */
export const toDType = (dtype: DType, x: number): number =>
  dtype === "f32"
    ? Math.fround(x)
    : dtype === "f16"
    ? Math.f16round(x)
    : dtype === "i32"
    ? x | 0
    : dtype === "u32"
    ? x >>> 0
    : x !== 0
    ? 1
    : 0;

/** What an element type cannot hold of a number written in code: the words of an error, or undefined where it can. */
export const cannotHold = (dtype: DType, x: number): string | undefined => {
  const finite = Number.isFinite(x), held = toDType(dtype, x);
  switch (dtype) {
    case "f32":
    case "f16":
      if (finite && !Number.isFinite(held)) {
        return `numbers up to ${dtype === "f16" ? "65504" : "3.4028235e38"} in magnitude`;
      }
      return held === 0 && x !== 0 ? `numbers that do not round to 0 in ${dtype}` : undefined;
    case "i32":
      return held === x ? undefined : "whole numbers from -2147483648 to 2147483647";
    case "u32":
      return held === x ? undefined : "whole numbers from 0 to 4294967295";
    case "bool":
      return held === x ? undefined : "0 or 1";
  }
};

/** A zeroed host array of `n` elements. */
export const zeros = (
  dtype: DType,
  n: number,
): Float32Array | Float16Array | Int32Array | Uint32Array | Uint8Array =>
  dtype === "f32"
    ? new Float32Array(n)
    : dtype === "f16"
    ? new Float16Array(n)
    : dtype === "i32"
    ? new Int32Array(n)
    : dtype === "u32"
    ? new Uint32Array(n)
    : new Uint8Array(n);

/** Numbers as the reference interpreter holds them: floats in float64, f16 rounded, all else in its own type. */
export const referenceData = (dtype: DType, values: ArrayLike<number>): TypedArray =>
  dtype === "f32"
    ? values instanceof Float64Array ? values : Float64Array.from(values)
    : dtype === "f16"
    ? Float64Array.from(values, Math.f16round)
    : dtype === "i32"
    ? Int32Array.from(values)
    : dtype === "u32"
    ? Uint32Array.from(values)
    : Uint8Array.from(values);

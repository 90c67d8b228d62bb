/** Element types of tensors, and what a host array of each is made of. */

/** The element types that descriptions, the reference interpreter and devices know. */
export type DType = "f32" | "i32" | "u32" | "bool";

/** Every element type, in promotion order. */
export const dtypes: readonly DType[] = ["bool", "u32", "i32", "f32"];

/** Host storage of one element type: `bool` is one byte, 0 or 1. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint32Array | Uint8Array;

/** Bytes of one element on a device (`bool` is stored as a 32-bit word, the least that WGSL can address). */
export const bytesOf = (_dtype: DType): number => 4;

/** A zeroed host array of `n` elements. */
export const zeros = (dtype: DType, n: number): Float32Array | Int32Array | Uint32Array | Uint8Array =>
  dtype === "f32"
    ? new Float32Array(n)
    : dtype === "i32"
    ? new Int32Array(n)
    : dtype === "u32"
    ? new Uint32Array(n)
    : new Uint8Array(n);

/** Element types of safetensors files, and how each becomes a host array. */
import type { NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { refuse, type SafetensorsError } from "./fault.ts";

/** An element type as a header spells it. */
export type StoredType =
  | "F64"
  | "F32"
  | "F16"
  | "BF16"
  | "I64"
  | "I32"
  | "I16"
  | "I8"
  | "U64"
  | "U32"
  | "U16"
  | "U8"
  | "BOOL";

/** The element types that hold floating-point numbers. */
export type FloatType = "F64" | "F32" | "F16" | "BF16";

/** Whether a type holds floating-point numbers. */
export const isFloatType = (type: StoredType): type is FloatType => /^B?F\d+$/.test(type);

/** Bytes of one element of each type. */
export const storedBytes: Readonly<Record<StoredType, number>> = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U64: 8,
  U32: 4,
  U16: 2,
  U8: 1,
  BOOL: 1,
};

/** The element type under which an array is written: float64 data under `f32` keeps all its bits as `F64`. */
export const storedTypeOf = (array: NdArray): E.Either<string, StoredType> => {
  const { dtype, data } = array;
  if (dtype === "f32" && data instanceof Float64Array) return E.right("F64");
  if (dtype === "f32" && data instanceof Float32Array) return E.right("F32");
  if (dtype === "i32" && data instanceof Int32Array) return E.right("I32");
  if (dtype === "u32" && data instanceof Uint32Array) return E.right("U32");
  if (dtype === "bool" && data instanceof Uint8Array) return E.right("BOOL");
  return E.left(`${dtype} numbers held in a ${data.constructor.name}`);
};

/** What becomes of float64 numbers: `keep` holds them as they are, `narrow` rounds them to float32. */
export type Float64Policy = "keep" | "narrow";

/** Index of the first element that is NaN or infinite; -1 if all are finite. */
export const firstNonFinite = (values: Float32Array): number => {
  for (let i = 0; i < values.length; i++) if (values[i]! - values[i]! !== 0) return i;
  return -1;
};

// A view where the bytes are aligned, a copy where they do not.
const aligned = (bytes: Uint8Array, size: number): Uint8Array =>
  bytes.byteOffset % size === 0 ? bytes : bytes.slice();

type Maker<A> = new (buffer: ArrayBufferLike, offset: number, length: number) => A;

const viewAs = <A>(make: Maker<A>, bytes: Uint8Array, size: number): A => {
  const at = aligned(bytes, size);
  return new make(at.buffer, at.byteOffset, at.byteLength / size);
};

const widenBf16 = (words: Uint16Array, to: Float32Array): void => {
  const bits = new Uint32Array(to.buffer, to.byteOffset, to.length);
  for (let i = 0; i < words.length; i++) bits[i] = words[i]! << 16;
};

/** Writes stored floats into an array of as many elements. */
export const widen = (type: FloatType, bytes: Uint8Array, to: Float32Array): void => {
  const size = storedBytes[type];
  if (type === "BF16") widenBf16(viewAs(Uint16Array, bytes, size), to);
  else if (type === "F16") to.set(viewAs(Float16Array, bytes, size));
  else if (type === "F64") to.set(viewAs(Float64Array, bytes, size));
  else to.set(viewAs(Float32Array, bytes, size));
};

const widened = (type: FloatType, bytes: Uint8Array): Float32Array => {
  const out = new Float32Array(bytes.byteLength / storedBytes[type]);
  widen(type, bytes, out);
  return out;
};

const narrowBf16 = (values: Float32Array): Uint16Array => {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const out = new Uint16Array(values.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    // to the nearest, ties to the even one; a NaN keeps a bit of its payload, or it would become an infinity
    out[i] = (word & 0x7fffffff) > 0x7f800000
      ? (word >>> 16) | 0x40
      : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return out;
};

const bytesIn = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** Float32 numbers as bytes of a shorter type, rounded to the nearest, ties to even. */
export const narrow = (type: "F16" | "BF16", values: Float32Array): Uint8Array =>
  bytesIn(type === "F16" ? Float16Array.from(values) : narrowBf16(values));

const narrow64 = (
  name: string,
  words: BigInt64Array | BigUint64Array,
  least: bigint,
  most: bigint,
): E.Either<SafetensorsError, number[]> => {
  const out = new Array<number>(words.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (word < least || word > most) {
      return E.left(
        refuse(
          "value",
          `${word} at element ${i} of ${name}`,
          `64-bit integers between ${least} and ${most}`,
          "store the tensor with 32-bit integers or as floats",
        ),
      );
    }
    out[i] = Number(word);
  }
  return E.right(out);
};

const badBool = (bytes: Uint8Array): number => bytes.findIndex((byte) => byte > 1);

/**
 * The host array of stored bytes: floats become `f32`, signed integers `i32`, unsigned ones `u32`, `BOOL` `bool`.
 * Aligned 32-bit data is a view of `bytes`, not a copy.
 */
export const fromStored = (
  name: string,
  type: StoredType,
  shape: readonly number[],
  bytes: Uint8Array,
  float64: Float64Policy,
): E.Either<SafetensorsError, NdArray> => {
  const of = (dtype: NdArray["dtype"], data: NdArray["data"]): E.Either<SafetensorsError, NdArray> =>
    E.right({ dtype, shape, data });
  const size = storedBytes[type];
  switch (type) {
    case "F64": {
      const wide = viewAs(Float64Array, bytes, size);
      return of("f32", float64 === "keep" ? wide : Float32Array.from(wide));
    }
    case "F32":
      return of("f32", viewAs(Float32Array, bytes, size));
    case "F16":
      return of("f32", widened(type, bytes));
    case "BF16":
      return of("f32", widened(type, bytes));
    case "I32":
      return of("i32", viewAs(Int32Array, bytes, size));
    case "I16":
      return of("i32", Int32Array.from(viewAs(Int16Array, bytes, size)));
    case "I8":
      return of("i32", Int32Array.from(viewAs(Int8Array, bytes, size)));
    case "U32":
      return of("u32", viewAs(Uint32Array, bytes, size));
    case "U16":
      return of("u32", Uint32Array.from(viewAs(Uint16Array, bytes, size)));
    case "U8":
      return of("u32", Uint32Array.from(bytes));
    case "I64": {
      const words = narrow64(name, viewAs(BigInt64Array, bytes, size), -(2n ** 31n), 2n ** 31n - 1n);
      return E.isLeft(words) ? words : of("i32", Int32Array.from(words.right));
    }
    case "U64": {
      const words = narrow64(name, viewAs(BigUint64Array, bytes, size), 0n, 2n ** 32n - 1n);
      return E.isLeft(words) ? words : of("u32", Uint32Array.from(words.right));
    }
    case "BOOL": {
      const bad = badBool(bytes);
      return bad < 0 ? of("bool", bytes) : E.left(
        refuse("value", `byte ${bytes[bad]} at element ${bad} of ${name}`, "0 or 1 in a BOOL tensor"),
      );
    }
  }
};

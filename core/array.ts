/** Host arrays: typed arrays with a shape, read from files and uploaded to devices. */
import { type DType, storageOf, type TypedArray, zeros } from "./dtype.ts";
import { DTypeError, type Fault, ShapeError } from "./errors.ts";
import { type Shape, show, sizeOf } from "./shape.ts";

/** Row-major numbers with a shape. `f32` and `f16` data may be held as float64 by the reference interpreter. */
export interface NdArray {
  /** Element type. */
  readonly dtype: DType;
  /** Lengths of the axes; `[]` is a scalar. */
  readonly shape: Shape;
  /** The elements, row-major and contiguous. */
  readonly data: TypedArray;
}

/** The fault of a host array: its number of elements, or the type of what holds them; undefined if nothing is. */
export const arrayFault = ({ dtype, shape, data }: NdArray): Omit<Fault, "op"> | undefined => {
  const kind = data?.[Symbol.toStringTag], held = storageOf(dtype);
  if (!held.includes(kind)) {
    return {
      got: `${kind ?? typeof data} for ${dtype} ${show(shape)}`,
      expected: held.join(" or "),
      hint: `hold the elements in a ${held[0]}`,
    };
  }
  return data.length === sizeOf(shape) ? undefined : {
    got: `${data.length} elements for shape ${show(shape)}`,
    expected: `${sizeOf(shape)} elements`,
    hint: "pass data whose length is the product of the shape",
  };
};

/**
 * A host array from its parts.
 * @throws {ShapeError} if the number of elements is not the product of the shape.
 * @throws {DTypeError} if the elements are held in an array of another type.
 */
export const ndarray = (dtype: DType, shape: Shape, data: TypedArray): NdArray => {
  const array = { dtype, shape: [...shape], data }, fault = arrayFault(array);
  if (fault === undefined) return array;
  const Fails = data.length === sizeOf(shape) ? DTypeError : ShapeError;
  throw new Fails({ op: "ndarray", ...fault });
};

/** A zero-filled host array. */
export const zerosArray = (dtype: DType, shape: Shape): NdArray => ({
  dtype,
  shape: [...shape],
  data: zeros(dtype, sizeOf(shape)),
});

/** A `f32` host array from nested or flat numbers. */
export const f32 = (shape: Shape, values: Iterable<number>): NdArray =>
  ndarray("f32", shape, Float32Array.from(values));

/** An `f16` host array from nested or flat numbers, rounded to the nearest. */
export const f16 = (shape: Shape, values: Iterable<number>): NdArray =>
  ndarray("f16", shape, Float16Array.from(values));

/**
 * A host array rounded to f16; one of f16 as it is.
 * @throws {DTypeError} by its name, if it holds a number beyond the range of f16.
 */
export const halved = (name: string, { dtype, shape, data }: NdArray): NdArray => {
  if (dtype === "f16") return { dtype, shape, data };
  const half = Float16Array.from(data);
  const over = half.findIndex((x, i) => !Number.isFinite(x) && Number.isFinite(data[i]!));
  if (over < 0) return { dtype: "f16", shape, data: half };
  throw new DTypeError({
    op: "f16",
    got: `${data[over]} in ${name}`,
    expected: "numbers up to 65504 in magnitude, the range of f16",
    hint: "store this parameter as f32, or train in f32",
  });
};

/** An `i32` host array from flat numbers. */
export const i32 = (shape: Shape, values: Iterable<number>): NdArray =>
  ndarray("i32", shape, Int32Array.from(values));

/** A `u32` host array from flat numbers. */
export const u32 = (shape: Shape, values: Iterable<number>): NdArray =>
  ndarray("u32", shape, Uint32Array.from(values));

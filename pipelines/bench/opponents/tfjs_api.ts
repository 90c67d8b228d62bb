/** What is used of TensorFlow.js, as its documentation describes it. */

/** A tensor on the current back end. */
export interface TfTensor {
  /** Lengths of its axes. */
  readonly shape: number[];
  /** Its numbers, once they are there. */
  readonly data: () => Promise<ArrayLike<number>>;
  /** Frees it. */
  readonly dispose: () => void;
}

type Unary = (x: TfTensor) => TfTensor;
type Binary = (a: TfTensor, b: TfTensor | number) => TfTensor;
type Reduction = (x: TfTensor, axis?: number, keepDims?: boolean) => TfTensor;

/** Its functions. */
export interface Tf {
  /** Elementwise. */
  readonly add: Binary;
  /** Elementwise. */
  readonly sub: Binary;
  /** Elementwise. */
  readonly mul: Binary;
  /** Elementwise. */
  readonly div: Binary;
  /** Elementwise. */
  readonly sqrt: Unary;
  /** Elementwise. */
  readonly square: Unary;
  /** Elementwise. */
  readonly sigmoid: Unary;
  /** Elementwise. */
  readonly cos: Unary;
  /** Elementwise. */
  readonly sin: Unary;
  /** Sum over an axis, or all. */
  readonly sum: Reduction;
  /** Mean over an axis, or all. */
  readonly mean: Reduction;
  /** Mean and variance over an axis. */
  readonly moments: (
    x: TfTensor,
    axis: number,
    keepDims: boolean,
  ) => { readonly mean: TfTensor; readonly variance: TfTensor };
  /** Softmax over an axis. */
  readonly softmax: (x: TfTensor, axis: number) => TfTensor;
  /** Product of matrices, either of them transposed. */
  readonly matMul: (a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean) => TfTensor;
  /** Another shape. */
  readonly reshape: (x: TfTensor, shape: number[]) => TfTensor;
  /** Another order of axes. */
  readonly transpose: (x: TfTensor, order: number[]) => TfTensor;
  /** Equal parts along an axis. */
  readonly split: (x: TfTensor, parts: number, axis: number) => TfTensor[];
  /** Joined along an axis. */
  readonly concat: (xs: TfTensor[], axis: number) => TfTensor;
  /** Numbers `begin` to `begin + size` of a vector. */
  readonly slice: (x: TfTensor, begin: number, size: number) => TfTensor;
  /** Whole numbers in order. */
  readonly range: (start: number, stop: number) => TfTensor;
  /** Ones. */
  readonly ones: (shape: number[]) => TfTensor;
  /** A tensor of numbers. */
  readonly tensor: (data: Float32Array | Int32Array, shape: number[], dtype: "float32" | "int32") => TfTensor;
  /** Linear algebra. */
  readonly linalg: { readonly bandPart: (x: TfTensor, lower: number, upper: number) => TfTensor };
  /** Gradients of a scalar function for all its arguments. */
  readonly grads: (f: (...xs: TfTensor[]) => TfTensor) => (xs: TfTensor[]) => TfTensor[];
  /** Frees what a function made and did not give back. */
  readonly tidy: (f: () => TfTensor[]) => TfTensor[];
  /** Chooses a back end; false where it does not start. */
  readonly setBackend: (name: string) => Promise<boolean>;
  /** Waits for the back end. */
  readonly ready: () => Promise<void>;
  /** Its flags. */
  readonly env: () => { readonly getAsync: (flag: string) => Promise<unknown> };
}

/** The WebAssembly back end. */
export interface TfWasm {
  /** Asks for threads, before the back end starts. */
  readonly setThreadsCount: (threads: number) => void;
  /** Threads that it has. */
  readonly getThreadsCount: () => number;
}

/** What is measured: the same work as a description of ours and as a function of a rival. */
import {
  attention,
  constant,
  input,
  layerNorm,
  matmul,
  mul,
  type NdArray,
  ndarray,
  pullback,
  type Shape,
  sizeOf,
  softmax,
  sum,
  type Tensor,
} from "@chain-of-sight/core";

/** One case. */
export interface BenchCase {
  /** Name in tables. */
  readonly name: string;
  /** Floating-point operations of one evaluation; 0 where bytes are what counts. */
  readonly flops: number;
  /** Shapes of the inputs. */
  readonly shapes: readonly Shape[];
  /** Our description. */
  readonly ours: (...inputs: Tensor[]) => readonly Tensor[];
  /** Key of the rival's function. */
  readonly rival: RivalOp;
}

/** What rivals can be asked for. */
export type RivalOp = "matmul" | "softmax" | "layerNorm" | "attentionGrad";

/** Repeatable numbers in [-1, 1). */
export const numbers = (shape: Shape, seed: number): NdArray =>
  ndarray("f32", shape, Float32Array.from({ length: sizeOf(shape) }, (_, i) => Math.sin(i * 1.618 + seed)));

const products = (n: number): BenchCase => ({
  name: `matmul ${n}`,
  flops: 2 * n ** 3,
  shapes: [[n, n], [n, n]],
  ours: (a, b) => [matmul(b!)(a!)],
  rival: "matmul",
});

/** Attention forward and backward over `t` positions: the gradient of the sum of its squared values. */
const attentionGrad = (b: number, h: number, t: number, d: number): BenchCase => ({
  name: `attention forward + backward ${b}x${h}x${t}x${d}`,
  flops: 7 * 2 * b * h * t * t * d,
  shapes: [[b, h, t, d], [b, h, t, d], [b, h, t, d]],
  ours: (q, k, v) => {
    const y = attention(q!, k!, v!);
    return pullback([sum()(mul(y, y))], [constant(1)], [q!, k!, v!]);
  },
  rival: "attentionGrad",
});

/** All cases of a size. */
export const cases = (sizes: readonly number[]): readonly BenchCase[] => [
  ...sizes.map(products),
  {
    name: "softmax 2048x1024",
    flops: 0,
    shapes: [[2048, 1024]],
    ours: (x) => [softmax()(x!)],
    rival: "softmax",
  },
  {
    name: "layer norm 2048x1024",
    flops: 0,
    shapes: [[2048, 1024], [1024], [1024]],
    ours: (x, weight, bias) => [layerNorm({ weight: weight!, bias: bias! })(x!)],
    rival: "layerNorm",
  },
  attentionGrad(4, 4, 256, 64),
];

/** An input description per shape. */
export const inputsOf = (c: BenchCase): Tensor[] => c.shapes.map((s, i) => input(`x${i}`, s));

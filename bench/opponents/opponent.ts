/** What an opponent is: a library that does the same work on the same back end in the same process. */
import type { NdArray } from "@chain-of-sight/core";
import type { BenchPreset } from "../../pipelines/tune/presets.ts";

/** The work of a case. `inputs` come in the order of the case's description. */
export type Work =
  /** `a b`. */
  | { readonly kind: "matmul"; readonly inputs: readonly NdArray[] }
  /** Over the last axis. */
  | { readonly kind: "softmax"; readonly inputs: readonly NdArray[] }
  /** Over the last axis, eps 1e-5; then weight and bias. */
  | { readonly kind: "layerNorm"; readonly inputs: readonly NdArray[] }
  /** Of q, k, v, `[b, h, t, d]`, no mask. */
  | { readonly kind: "attention"; readonly inputs: readonly NdArray[] }
  /** Gradients of the sum of squares of attention for q, k, v. */
  | { readonly kind: "attentionGrad"; readonly inputs: readonly NdArray[] }
  /**
   * Gradients of a decoder block with the normalisation after it: inputs are x `[b, t, d]`, the cotangent of the
   * result, then parameters by name; results are the gradients of x and of the parameters.
   */
  | {
    readonly kind: "decoderGrad";
    readonly inputs: readonly NdArray[];
    readonly names: readonly string[];
    readonly heads: number;
  }
  /** A whole training step. Its results are the losses of its first three steps. */
  | {
    readonly kind: "step";
    readonly preset: BenchPreset;
    readonly tokens: number;
    readonly batch: Readonly<Record<string, NdArray>>;
    readonly parameters: readonly (readonly [path: string, NdArray])[];
  };

/** Steps whose losses must agree before a training step is timed. */
export const CHECKED_STEPS = 3;

/** Work that is ready to be timed. */
export interface Prepared {
  /** Does it once (a step: three times) and gives the results. */
  readonly check: () => Promise<readonly ArrayLike<number>[]>;
  /** Does it `n` times without waiting in between, then waits for the device. */
  readonly run: (n: number) => Promise<void>;
  /** Frees what it holds. */
  readonly close: () => void;
}

/** Where the work runs. */
export type Backend = "wasm" | "webgpu";

/** A library that was loaded on a back end. */
export interface Opponent {
  /** Its name. */
  readonly name: OpponentName;
  /** Version and back end, and in how many threads where it is the CPU. */
  readonly version: string;
  /** Prepares work, or throws why it cannot. */
  readonly prepare: (work: Work) => Promise<Prepared>;
}

/** Every opponent's name. */
export const opponentNames = ["jax-js", "onnxruntime-web"] as const;

/** An opponent's name. */
export type OpponentName = typeof opponentNames[number];

/** A reason why an opponent cannot do a piece of work, said by us and not by its own error. */
export class CannotDo extends Error {
  /** The class name shown in stack traces. */
  override readonly name = "CannotDo";
}

/** Replaces primitives that a device has no kernel for by what they are made of. */
import { isAttention, recordOf, sizeOf, type Tensor } from "@chain-of-sight/core";
import { rewrite } from "./rewrite.ts";

/** The roots with every node that `unsupported` names rebuilt from simpler primitives. */
export const decompose = (roots: readonly Tensor[], unsupported: (t: Tensor) => boolean): Tensor[] =>
  rewrite((node) => (unsupported(node) ? recordOf(node.op).decompose?.(node) : undefined) ?? node)(roots);

/** Attention, for devices without its kernels. */
export const attentionOnly = (t: Tensor): boolean => isAttention(t.op);

/** Attention of fewer queries than some, or of nothing at all. */
export const fewQueries = (fewest: number) => (t: Tensor): boolean =>
  isAttention(t.op) && (t.args[0]!.shape[2]! < fewest || sizeOf(t.args[0]!.shape) === 0);

/** Joins the two gradients of one attention into one kernel, for devices that compute them together. */
import { equals } from "@chain-of-sight/core";
import type { AttentionKernel, Kernel } from "./kernel.ts";

/** How much longer the last of several threads may work than all would on average. */
const UNEVEN = 1.2;

/**
 * Whether the gradients of attention of a size are better computed together: scores are computed once for both, but
 * only heads of keys run side by side, so there must be enough of them for the threads.
 */
export const together = ({ batch, groups }: AttentionKernel["size"], threads: number): boolean => {
  const heads = batch * groups;
  return Math.ceil(heads / threads) * threads <= UNEVEN * heads;
};

const isPair = (a: Kernel, b: Kernel): b is AttentionKernel =>
  a.kind === "attention" && b.kind === "attention" && a.back !== undefined && b.back !== undefined &&
  a.node.op !== b.node.op && equals(a.node.args.map((t) => t.id), b.node.args.map((t) => t.id)) &&
  a.node.attributes.causal === b.node.attributes.causal &&
  a.node.attributes.scale === b.node.attributes.scale;

/** Kernels in order, the gradients that `together` names joined where the first of them stands. */
export const pairGradients = (kernels: readonly Kernel[], threads: number): Kernel[] => {
  const gone = new Set<Kernel>();
  return kernels.flatMap((kernel, i): Kernel[] => {
    if (gone.has(kernel)) return [];
    if (kernel.kind !== "attention" || kernel.back === undefined || !together(kernel.size, threads)) {
      return [kernel];
    }
    // what the second needs is there as soon as what the first needs: it is the same
    const other = kernels.slice(i + 1).find((k) => isPair(kernel, k));
    if (other === undefined) return [kernel];
    gone.add(other);
    return [{ ...kernel, outputs: [...kernel.outputs, ...other.outputs] }];
  });
};

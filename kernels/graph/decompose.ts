/** Replaces primitives that a device has no kernel for by what they are made of. */
import {
  cameFrom,
  intern,
  is,
  isAttention,
  mapBody,
  recordOf,
  sizeOf,
  type Tensor,
  topological,
} from "@chain-of-sight/core";

/** The roots with every node that `unsupported` names rebuilt from simpler primitives. */
export const decompose = (roots: readonly Tensor[], unsupported: (t: Tensor) => boolean): Tensor[] => {
  const becomes = new Map<Tensor, Tensor>();
  for (const t of topological(roots)) {
    const args = t.args.map((a) => becomes.get(a)!);
    const same = args.every((a, i) => a === t.args[i]);
    becomes.set(
      t,
      cameFrom(t.origin, () => {
        const node = same ? t : intern(t.op, args, t.attributes, t.shape, t.dtype);
        if (is("scan", node)) return mapBody(node, (results) => decompose(results, unsupported));
        const parts = unsupported(t) ? recordOf(t.op).decompose : undefined;
        return parts === undefined ? node : parts(node);
      }),
    );
  }
  return roots.map((t) => becomes.get(t)!);
};

/** Attention, for devices without its kernels. */
export const attentionOnly = (t: Tensor): boolean => isAttention(t.op);

/** Attention of fewer queries than some, or of nothing at all. */
export const fewQueries = (fewest: number) => (t: Tensor): boolean =>
  isAttention(t.op) && (t.args[0]!.shape[2]! < fewest || sizeOf(t.args[0]!.shape) === 0);

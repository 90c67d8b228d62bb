/** Rewriting of descriptions from the arguments up, bodies of scans included. */
import { cameFrom, is, mapBody, recordOf, remade, type Tensor, topological } from "@chain-of-sight/core";

/** What a node becomes, once its arguments have: another of the same shape and element type, or itself. */
export type Rule = (node: Tensor) => Tensor;

/** The roots with a rule applied to every node. New nodes have the origin of what they stand for. */
export const rewrite = (rule: Rule) => (roots: readonly Tensor[]): Tensor[] => {
  const becomes = new Map<Tensor, Tensor>();
  for (const t of topological(roots)) {
    const args = t.args.map((a) => becomes.get(a)!);
    becomes.set(
      t,
      cameFrom(t.origin, () => {
        const node = remade(recordOf(t.op), t, args);
        return is("scan", node) ? mapBody(node, rewrite(rule)) : rule(node);
      }),
    );
  }
  return roots.map((t) => becomes.get(t)!);
};

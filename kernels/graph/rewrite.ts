/** Rewriting of descriptions from the arguments up. New nodes have the origin of what they represent. */
import { is, mapBody, recordOf, remade, type Tensor, topological, withOrigin } from "@chain-of-sight/core";

/** What a node becomes, once its arguments have: another of the same shape and element type, or itself. */
export type Rule = (node: Tensor) => Tensor;

/** What a node of a description becomes, when all of it is rewritten. */
export type Become = (t: Tensor) => Tensor;

/** A node over what its arguments become. */
export const remadeWith = (t: Tensor, become: Become): Tensor =>
  remade(recordOf(t.op), t, t.args.map(become));

/** The roots with what `made` gives in place of a node, from what others become; undefined leaves it as it is. */
export const replaced = (
  roots: readonly Tensor[],
  made: (t: Tensor, become: Become) => Tensor | undefined,
): Tensor[] => {
  const becomes = new Map<Tensor, Tensor>();
  const become = (t: Tensor): Tensor => {
    const node = becomes.get(t) ?? withOrigin(t.origin, () => made(t, become) ?? remadeWith(t, become));
    becomes.set(t, node);
    return node;
  };
  // in order, so that no recursion is deep
  for (const t of topological(roots)) become(t);
  return roots.map(become);
};

/** The roots with a rule applied to every node, bodies of scans included. */
export const rewrite = (rule: Rule) => (roots: readonly Tensor[]): Tensor[] =>
  replaced(roots, (t, become) => {
    const node = remadeWith(t, become);
    return is("scan", node) ? mapBody(node, rewrite(rule)) : rule(node);
  });

/** Substitution: a graph with some of its nodes replaced by others of the same shape and element type. */
import { withOrigin } from "./origin.ts";
import { remade } from "./ops/make.ts";
import { recordOf } from "./ops/table.ts";
import { type Tensor, topological } from "./tensor.ts";

/** The roots with every key of `by` replaced by its value; nodes above are built again, others stay as they are. */
export const substitute = (roots: readonly Tensor[], by: ReadonlyMap<Tensor, Tensor>): Tensor[] => {
  const becomes = new Map(by);
  for (const t of topological(roots, { stop: by })) {
    if (by.has(t)) continue;
    const args = t.args.map((a) => becomes.get(a)!);
    becomes.set(t, withOrigin(t.origin, () => remade(recordOf(t.op), t, args)));
  }
  return roots.map((t) => becomes.get(t)!);
};

/**
 * Mixed precision (Micikevicius et al. 2018, arXiv 1710.03740) as a rewriting of graphs: products and attention read
 * and give f16, all else stays f32: norms, softmax, losses, sums, and the parameters. What goes from product to
 * product is stored as f16, and so are its cotangents; gradients of parameters are f32.
 */
import { withOrigin } from "../origin.ts";
import { cast } from "../ops/elementwise.ts";
import { callOf } from "../ops/call.ts";
import { type ClosedFunction, functionOf } from "../ops/closed.ts";
import { make } from "../ops/make.ts";
import { recordOf, tupleRecordOf } from "../ops/table.ts";
import { is, isTensor, type Tensor, topological } from "../tensor.ts";
import { type PathPredicate, type Tree, treeOf } from "../tree.ts";
import type { Traceable } from "./remat.ts";
import { mapBody } from "./scan_body.ts";
import { rewriteIn } from "./trace.ts";

/** Which products are done in f16. */
export interface MixedPolicy {
  /** Parameters whose products stay f32, by path; none by default. */
  readonly keep?: PathPredicate;
}

/** The node whose elements a view shows. */
const baseOf = (t: Tensor): Tensor =>
  ["reshape", "permute", "expand", "slice", "flip", "copy", "stopGradient"].includes(t.op)
    ? baseOf(t.args[0]!)
    : t;

const half = cast("f16"), whole = cast("f32");

/** The roots, each of its shape and element type, with the products of all but the kept tensors in f16. */
const halved = (roots: readonly Tensor[], kept: ReadonlySet<Tensor>): Tensor[] => {
  const becomes = new Map<Tensor, Tensor>();
  for (const t of topological(roots)) {
    const args = t.args.map((a) => becomes.get(a)!), keeps = t.args.map((a) => kept.has(baseOf(a)));
    const rebuilt = (): Tensor => {
      if (is("matmul", t) && t.dtype === "f32" && !keeps.includes(true)) {
        return whole(make(recordOf("matmul"), args.map(half), t.attributes));
      }
      if (is("attention", t) && !keeps.includes(true)) {
        return make(
          tupleRecordOf(t),
          args.map((a) => a.dtype === "f32" ? half(a) : a),
          t.attributes,
        );
      }
      const same = args.every((a, i) => a === t.args[i]);
      const node = same ? t : make(recordOf(t.op), args, t.attributes);
      if (!is("scan", node) && !is("call", node)) return node;
      const { body } = node.attributes, inner = new Set(body.parameters.filter((_, i) => keeps[i]));
      if (is("scan", node)) return mapBody(node, (results) => halved(results, inner));
      const { rule } = node.attributes;
      const inside = (f: ClosedFunction, some: ReadonlySet<Tensor>): ClosedFunction =>
        functionOf(f.parameters, halved(f.results, some));
      return callOf(node.args, {
        ...node.attributes,
        body: inside(body, inner),
        ...(rule === undefined ? {} : {
          rule: { ...rule, forward: inside(rule.forward, inner), backward: inside(rule.backward, new Set()) },
        }),
      });
    };
    becomes.set(t, withOrigin(t.origin, rebuilt));
  }
  return roots.map((t) => becomes.get(t)!);
};

const trees = treeOf(isTensor);

/**
 * The same function of parameters and more, in mixed precision: `valueAndGrad(mixed({})(loss))`. Its results keep
 * their element types. Casts are explicit in the description, so that interpreters agree on what is rounded.
 */
export const mixed =
  ({ keep = () => false }: MixedPolicy): <F extends Traceable>(f: F) => F => <F extends Traceable>(f: F): F =>
    ((...args: Parameters<F>): unknown => {
      const params = trees.entries(args[0] as Tree<Tensor>);
      const kept = new Set(params.filter(([path]) => keep(path)).map(([, t]) => t));
      return rewriteIn(f(...args), (roots) => halved(roots, kept));
    }) as F;

/**
 * Recomputation (activation checkpointing, Chen et al. 2016, arXiv 1604.06174): the backward pass computes the inside
 * of a region again from what went into it, instead of keeping it. Values and gradients are the same; memory falls
 * from the sum of all regions to the largest of them, for one more forward pass.
 */
import { capturedBy, closed } from "../close.ts";
import { callOf, resultsOf } from "../ops/call.ts";
import { functionOf } from "../ops/closed.ts";
import { withOrigin } from "../origin.ts";
import { substitute } from "../substitute.ts";
import { is, type Tensor, topological } from "../tensor.ts";
import type { PathPredicate } from "../tree.ts";
import { dependents, mapBody } from "./scan_body.ts";
import { mapTensors, replaceIn, rewriteIn, tensorsIn, tracing } from "./trace.ts";

/** A function of descriptions: arguments and result hold tensors in lists and plain records. */
// deno-lint-ignore no-explicit-any
export type Traceable = (...args: any[]) => unknown;

const marked = <F extends Traceable>(op: string, f: F, attributes: { name: string; recompute: boolean }): F =>
  ((...args: Parameters<F>): unknown => {
    const leaves = [...new Set(tensorsIn(args))];
    return tracing(op, leaves, (parameters) => {
      const substitutes = new Map(leaves.map((t, i) => [t, parameters[i]!]));
      const result = f(...mapTensors(args, (t) => substitutes.get(t)!));
      const found = [...new Set(tensorsIn(result))], captured = capturedBy(found, parameters);
      const over = [...parameters, ...captured], inside = dependents(found, over), own = new Set(over);
      // what is an argument, or made of nothing that is given, is no part of the region
      const computed = found.filter((t) => inside.has(t) && !own.has(t));
      const actual = new Map(parameters.map((p, i) => [p, leaves[i]!]));
      if (computed.length === 0) return replaceIn(result, actual);
      const read = new Set(topological(computed)), used = over.filter((t) => read.has(t));
      const call = callOf(used.map((t) => actual.get(t) ?? t), {
        body: closed(used, computed),
        ...attributes,
      });
      const results = resultsOf(call);
      computed.forEach((t, i) => actual.set(t, results[i]!));
      return replaceIn(result, actual);
    });
  }) as F;

/**
 * The same function, whose inside the backward pass computes again from its arguments and what it closes over:
 * `blocks.reduce((x, p) => remat(block)(x, p), x)`. Regions may hold regions and loops: what an inner one leaves out is
 * recomputed while the outer one is.
 */
export const remat = <F extends Traceable>(f: F): F => marked("remat", f, { name: "", recompute: true });

/** The same function, whose results are marked as the region of a name: `rematWhere` chooses among such names. */
export const scope = (name: string): <F extends Traceable>(f: F) => F => <F extends Traceable>(f: F): F =>
  marked("scope", f, { name, recompute: false });

/**
 * The same function, with recomputation of every region inside whose name is chosen:
 * `valueAndGrad(rematWhere(under("model.layers"))(loss))`. Regions inside a chosen one are parts of it.
 */
export const rematWhere =
  (chosen: PathPredicate): <F extends Traceable>(f: F) => F => <F extends Traceable>(f: F): F =>
    ((...args: Parameters<F>): unknown => rewriteIn(f(...args), (roots) => recomputed(roots, chosen))) as F;

/** The roots with the chosen regions to be recomputed, those inside of loops and of other regions too. */
const recomputed = (roots: readonly Tensor[], chosen: PathPredicate): Tensor[] => {
  const by = new Map<Tensor, Tensor>();
  for (const t of topological(roots)) {
    if (!is("scan", t) && !is("call", t)) continue;
    const [node] = substitute([t], by) as [typeof t];
    const becomes = withOrigin(t.origin, () => {
      if (is("scan", node)) return mapBody(node, (results) => recomputed(results, chosen));
      const { body, name, recompute } = node.attributes;
      if (recompute || chosen(name)) return callOf(node.args, { ...node.attributes, recompute: true });
      const inside = functionOf(body.parameters, recomputed(body.results, chosen));
      return callOf(node.args, { ...node.attributes, body: inside });
    });
    if (becomes !== t) resultsOf(becomes).forEach((x, i) => by.set(resultsOf(t)[i]!, x));
  }
  return substitute(roots, by);
};

/** Inlining: replaces calls by the graphs of their functions, before simplification and compilation. */
import { applied } from "../close.ts";
import { is, type Tensor, topological } from "../tensor.ts";
import { type ClosedFunction, functionOf } from "../ops/closed.ts";
import { remade } from "../ops/make.ts";
import { recordOf } from "../ops/table.ts";
import { withOrigin } from "../origin.ts";
import { mapBody } from "./scan_body.ts";

const opened = new WeakMap<ClosedFunction, ClosedFunction>();

/** The function without calls in its body. */
const open = (body: ClosedFunction): ClosedFunction => {
  const before = opened.get(body);
  if (before !== undefined) return before;
  const results = inlined(body.results);
  const made = results.every((t, i) => t === body.results[i]) ? body : functionOf(body.parameters, results);
  opened.set(body, made);
  return made;
};

/** The roots without calls, in the bodies of scans neither: every result of a call is that of its function. */
export const inlined = (roots: readonly Tensor[]): Tensor[] => {
  const order = topological(roots);
  if (!order.some((t) => is("call", t) || is("scan", t))) return [...roots];
  const becomes = new Map<Tensor, Tensor>(), results = new Map<Tensor, readonly Tensor[]>();
  for (const t of order) {
    const of = is("result", t) ? results.get(t.args[0]!) : undefined;
    if (of !== undefined) {
      becomes.set(t, of[(t as Tensor<"result">).attributes.index]!);
      continue;
    }
    const args = t.args.map((a) => becomes.get(a) ?? a);
    if (is("call", t)) {
      results.set(t, applied(open(t.attributes.body), args));
      continue;
    }
    const node = withOrigin(t.origin, () => remade(recordOf(t.op), t, args));
    becomes.set(t, is("scan", node) ? mapBody(node, inlined) : node);
  }
  return roots.map((t) => becomes.get(t)!);
};

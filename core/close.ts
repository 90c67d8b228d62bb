/** Closure conversion: graphs to closed functions, and functions back to graphs. */
import { type ClosedFunction, functionOf } from "./ops/closed.ts";
import { parameterOf } from "./ops/source.ts";
import { substitute } from "./substitute.ts";
import { isGiven, type Tensor, topological } from "./tensor.ts";

/** Parameters of a closed function in the forms of some tensors. */
export const numbered = (of: string, like: readonly Tensor[]): Tensor[] =>
  like.map(({ shape, dtype }, i) => parameterOf({ of, index: i }, shape, dtype));

/** The function of results over any nodes as parameters. They must depend on nothing else from outside. */
export const closed = (over: readonly Tensor[], results: readonly Tensor[]): ClosedFunction => {
  const parameters = numbered("argument", over);
  return functionOf(parameters, substitute(results, new Map(over.map((t, i) => [t, parameters[i]!]))));
};

/** A function's results with arguments in the place of its parameters. */
export const applied = ({ parameters, results }: ClosedFunction, args: readonly Tensor[]): Tensor[] =>
  substitute(results, new Map(parameters.map((p, i) => [p, args[i]!])));

/**
 * What results read from outside of a function with these parameters: the last nodes that depend on something given
 * and on no parameter. What depends on nothing given (constants, indices) is no part of it: a function may hold it.
 */
export const capturedBy = (results: readonly Tensor[], parameters: readonly Tensor[]): Tensor[] => {
  const cut = new Set(parameters), order = topological(results, { stop: cut });
  const inner = new Set<Tensor>(), given = new Set<Tensor>(), outside = new Set<Tensor>();
  for (const t of order) {
    if (cut.has(t) || t.args.some((a) => inner.has(a))) inner.add(t);
    if (isGiven(t) || t.args.some((a) => given.has(a))) given.add(t);
  }
  for (const t of order) {
    if (!inner.has(t) || cut.has(t)) continue;
    for (const a of t.args) if (!inner.has(a) && given.has(a)) outside.add(a);
  }
  for (const t of results) if (!inner.has(t) && given.has(t)) outside.add(t);
  return order.filter((t) => outside.has(t));
};

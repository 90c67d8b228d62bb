/** Derivatives and vectorisation of functions with a user-defined derivative (`customVjp`). */
import { applied, closed } from "../close.ts";
import { TreeError } from "../errors.ts";
import { pullback } from "../grad.ts";
import { zerosLike } from "../ops/elementwise.ts";
import { callOf, type CustomRule, resultsOf } from "../ops/call.ts";
import type { ClosedFunction } from "../ops/closed.ts";
import { broadcastTo } from "../ops/movement.ts";
import { remade } from "../ops/make.ts";
import { sum } from "../ops/reduce.ts";
import { recordOf } from "../ops/table.ts";
import { pruneScans } from "../scan_dce.ts";
import { substitute } from "../substitute.ts";
import { is, type Tensor, topological } from "../tensor.ts";
import type { Batched } from "./batching.ts";
import { inlined } from "./inline.ts";
import { dependents, mapBody } from "./scan_body.ts";
import type { Vectorise } from "./scan_vmap.ts";
import { parametersLike } from "./trace.ts";

const refuse = (got: string, expected: string, hint: string): never => {
  throw new TreeError({ op: "customVjp", got, expected, hint });
};

/** The rule says nothing about what its functions close over: derivatives must not go there. */
const refuseCaptured = (call: Tensor<"call">, rule: CustomRule, moves: (i: number) => boolean): void => {
  const first = call.args.length - rule.captured;
  call.args.forEach((t, i) => {
    if (i >= first && moves(i)) {
      refuse(
        `a derivative for a ${t.dtype} [${t.shape.join(", ")}] that the function closes over`,
        "derivatives for its arguments alone, as the rule gives them",
        "pass the tensor as an argument, or through stopGradient()",
      );
    }
  });
};

/** The cotangents that the rule gives. */
export const customCotangents = (
  call: Tensor<"call">,
  rule: CustomRule,
  cotangents: readonly (Tensor | undefined)[],
  wanted: readonly boolean[],
): readonly (Tensor | undefined)[] => {
  refuseCaptured(call, rule, (i) => wanted[i]!);
  const { results } = call.attributes.body;
  const residuals = applied(rule.forward, call.args).slice(results.length);
  const found = applied(rule.backward, [
    ...residuals,
    ...cotangents.map((ct, i) => ct ?? zerosLike(results[i]!)),
    ...call.args.slice(call.args.length - rule.captured),
  ]);
  return call.args.map((_, i) => (rule.gives[i] ?? -1) < 0 ? undefined : found[rule.gives[i]!]);
};

/** The roots without what only bounds the time of a computation. */
const untimed = (roots: readonly Tensor[]): Tensor[] => {
  const becomes = new Map<Tensor, Tensor>();
  for (const t of topological(roots)) {
    const args = t.args.map((a) => becomes.get(a)!), node = remade(recordOf(t.op), t, args);
    becomes.set(t, is("after", t) ? args[0]! : is("scan", node) ? mapBody(node, untimed) : node);
  }
  return roots.map((t) => becomes.get(t)!);
};

/**
 * Tangents of the results: cotangents of arguments are linear in those of results, so that their transpose, which is
 * the pullback of the backward function, takes tangents of arguments to tangents of results.
 */
export const customTangents = (
  call: Tensor<"call">,
  rule: CustomRule,
  given: readonly (Tensor | undefined)[],
): readonly (Tensor | undefined)[] => {
  refuseCaptured(call, rule, (i) => given[i] !== undefined);
  const { results } = call.attributes.body, { parameters } = rule.backward;
  const residuals = applied(rule.forward, call.args).slice(results.length);
  const cotangents = parameters.slice(residuals.length, residuals.length + results.length);
  const moving = given.flatMap((t, i) => t !== undefined && (rule.gives[i] ?? -1) >= 0 ? [i] : []);
  const outputs = moving.map((i) => rule.backward.results[rule.gives[i]!]!), moves = parametersLike(outputs);
  const moved = pullback(outputs, moves, cotangents);
  const values = pruneScans(untimed(inlined(moved))), bent = dependents(values, cotangents);
  if (values.some((t) => bent.has(t))) {
    refuse(
      "a forward derivative (jvp) of a function whose backward rule is not linear in the cotangent",
      "a backward rule that only scales and adds cotangents, or reverse mode alone",
      "differentiate with grad(), or write the rule linearly",
    );
  }
  const by = new Map(moves.map((m, k) => [m, given[moving[k]!]!]));
  residuals.forEach((t, i) => by.set(parameters[i]!, t));
  cotangents.forEach((ct) => by.set(ct, zerosLike(ct)));
  const captured = residuals.length + results.length, first = call.args.length - rule.captured;
  parameters.slice(captured).forEach((p, i) => by.set(p, call.args[first + i]!));
  return substitute(moved, by).map((t, i) => t === zerosLike(results[i]!) ? undefined : t);
};

/** All results with a new axis in front: the three functions do the work of all examples. */
export const customBatched = (
  vectorise: Vectorise,
  call: Tensor<"call">,
  rule: CustomRule,
  args: readonly Batched[],
  n: number,
): readonly Tensor[] => {
  const widened = (x: Tensor): Tensor => broadcastTo([n, ...x.shape])(x);
  const many = (f: ClosedFunction, mapped: (i: number) => boolean, last = (t: Tensor, _: number) => t) => {
    const wide = parametersLike(f.parameters.map(({ shape, dtype }) => ({ shape: [n, ...shape], dtype })));
    const over = f.parameters.map((p, i) => mapped(i) ? wide[i]! : p);
    const by = new Map(f.parameters.flatMap((p, i) => mapped(i) ? [[p, wide[i]!] as const] : []));
    const reached = vectorise(f.results, by, n);
    return closed(over, f.results.map((t, i) => last(reached[i] ?? widened(t), i)));
  };
  const { body, ...region } = call.attributes, isMapped = (i: number): boolean => args[i]!.mapped;
  const residuals = rule.forward.results.length - body.results.length;
  const first = args.length - rule.captured, own = residuals + body.results.length;
  // the cotangent of what is the same for all examples is the sum of theirs
  const shared = (t: Tensor, k: number): Tensor =>
    isMapped(rule.gives.indexOf(k)) ? t : sum({ axes: [0] })(t);
  const wide = {
    ...region,
    body: many(body, isMapped),
    rule: {
      ...rule,
      forward: many(rule.forward, isMapped),
      backward: many(rule.backward, (i) => i < own || isMapped(first + i - own), shared),
    },
  };
  return resultsOf(callOf(args.map(({ x }) => x), wide));
};

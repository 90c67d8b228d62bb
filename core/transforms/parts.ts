/** Decomposition of nodes to calls of closed functions, whose parameters separate arguments that depend on each other. */
import { numbered } from "../close.ts";
import { callOf } from "../ops/call.ts";
import { type ClosedFunction, functionOf } from "../ops/closed.ts";
import { remade } from "../ops/make.ts";
import { recordOf, tupleRecordOf } from "../ops/table.ts";
import type { Tensor } from "../tensor.ts";

const decomposed = new WeakMap<Tensor, ClosedFunction>();

/** The results of a node from simpler primitives; undefined where its record has none. */
const partsOf = (t: Tensor): readonly Tensor[] | undefined => {
  if (t.results !== undefined) return tupleRecordOf(t).decompose?.(t);
  const part = recordOf(t.op).decompose?.(t);
  return part === undefined ? undefined : [part];
};

/** A call of the function that a node is decomposed to, one for all nodes of a form; undefined where there is none. */
export const callOfParts = (t: Tensor): Tensor<"call"> | undefined => {
  const parameters = numbered("argument", t.args), form = remade(recordOf(t.op), t, parameters);
  const parts = decomposed.has(form) ? undefined : partsOf(form);
  if (parts !== undefined) decomposed.set(form, functionOf(parameters, parts));
  const body = decomposed.get(form);
  return body === undefined ? undefined : callOf(t.args, { body, name: "", recompute: false });
};

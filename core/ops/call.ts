/**
 * Calls: a closed function applied to arguments, as one node with several results. Regions that the backward pass
 * computes again, named parts of a graph, and functions with a derivative of the user's are calls. Derivatives and
 * vectorisation rewrite the function; `inlined` puts its results in the place of the call before anything is compiled.
 */
import { ShapeError } from "../errors.ts";
import { equals, show } from "../shape.ts";
import type { OpAttributes, Tensor, TupleOp } from "../tensor.ts";
import type { ClosedFunction } from "./closed.ts";
import { make } from "./make.ts";
import type { OpRecord, RecordOf, TupleRecord } from "./record.ts";

/** Names of the primitives of calls: `result` is one result of a node with several. */
export type CallOp = "call" | "result";

/**
 * A derivative of the user's for a function of n parameters with m results, of which the last `captured` parameters are
 * what the three functions close over.
 */
export interface CustomRule {
  /** From the n parameters: the m results, then residuals. */
  readonly forward: ClosedFunction;
  /** From residuals, m cotangents and what is captured: cotangents of the parameters named in `gives`. */
  readonly backward: ClosedFunction;
  /** For every parameter but the captured ones: the result of `backward` that is its cotangent, or -1. */
  readonly gives: readonly number[];
  /** Number of captured parameters. */
  readonly captured: number;
}

const refuse = (got: string, expected: string): never => {
  throw new ShapeError({ op: "call", got, expected, hint: "give every parameter an argument of its form" });
};

/** The record of calls. Its values and derivatives concern all results at once: the transforms treat it by name. */
const callRecord: TupleRecord<"call"> = {
  name: "call",
  family: "call",
  arity: -1,
  summary: "a closed function applied to arguments: a region, or a function with a derivative of its own",
  infer: (args, { body: { parameters, results } }) => {
    if (args.length !== parameters.length) refuse(`${args.length} arguments`, String(parameters.length));
    args.forEach((a, i) => {
      const { shape, dtype } = parameters[i]!;
      if (!equals(a.shape, shape) || a.dtype !== dtype) {
        refuse(`${a.dtype} ${show(a.shape)} as argument ${i}`, `${dtype} ${show(shape)}`);
      }
    });
    return results.map(({ shape, dtype }) => ({ shape, dtype }));
  },
  // its body's, which whatever counts adds
  flops: () => 0,
  laws: [],
};

/** The record of `result`, whose value and derivative are those of the node that it is a result of. */
const resultRecord: OpRecord<"result"> = {
  name: "result",
  family: "call",
  arity: 1,
  summary:
    "one result of a node with several: a scan's carries after the last iteration, then its stacked results",
  infer: ([of], { index }) =>
    of!.results?.[index] ?? refuse(`result ${index} of ${of!.op}`, "a result of a node with several"),
  reference: () => refuse("a result by itself", "the node that it is a result of"),
  flops: () => 0,
  laws: [],
};

/** The records of calls and of results. */
export const callRecords: { readonly [P in CallOp]: RecordOf<P> } = {
  call: callRecord,
  result: resultRecord,
};

/** Whether a node has several results, which `result` nodes name. */
export const isTuple = (t: Tensor): t is Tensor<TupleOp> => t.results !== undefined;

/** A call of a closed function. */
export const callOf = (args: readonly Tensor[], attributes: OpAttributes["call"]): Tensor<"call"> =>
  make(callRecord, args, attributes);

/** One result of a node with several. */
export const resultAt = (of: Tensor, index: number): Tensor => make(resultRecord, [of], { index });

/** All results of a node with several. */
export const resultsOf = (of: Tensor): Tensor[] => (of.results ?? []).map((_, i) => resultAt(of, i));

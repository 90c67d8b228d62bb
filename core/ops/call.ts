/**
 * Calls: a closed function applied to arguments, as one node with several results. Regions that the backward pass
 * computes again, named parts of a graph, and functions with a derivative of the user's are calls. Derivatives and
 * vectorisation rewrite the function; `inlined` puts its results in the place of the call before anything is compiled.
 */
import { ShapeError } from "../errors.ts";
import { equals, show } from "../shape.ts";
import { is, type OpAttributes, type Tensor } from "../tensor.ts";
import type { ClosedFunction } from "./closed.ts";
import { make } from "./make.ts";
import type { OpRecord } from "./record.ts";

/** Names of the primitives of calls: `result` is one result of a call or a scan. */
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
  throw new ShapeError({ op: "call", got, expected, mend: "give every parameter an argument of its form" });
};

/** The call records. Their values and derivatives concern all results at once: the transforms treat them by name. */
export const callRecords: { readonly [P in CallOp]: OpRecord<P> } = {
  call: {
    name: "call",
    family: "call",
    arity: -1,
    summary: "a closed function applied to arguments: a region, or a function with a derivative of its own",
    infer: (args, { body: { parameters } }) => {
      if (args.length !== parameters.length) refuse(`${args.length} arguments`, String(parameters.length));
      args.forEach((a, i) => {
        const { shape, dtype } = parameters[i]!;
        if (!equals(a.shape, shape) || a.dtype !== dtype) {
          refuse(`${a.dtype} ${show(a.shape)} as argument ${i}`, `${dtype} ${show(shape)}`);
        }
      });
      return { shape: [], dtype: "f32" };
    },
    reference: () => refuse("a call evaluated by itself", "one of its results"),
    // its body's, which whoever counts adds
    flops: () => 0,
    laws: [],
  },
  result: {
    name: "result",
    family: "call",
    arity: 1,
    summary:
      "one result of a call or a scan: a scan's carries after the last turn, then results of all turns stacked",
    infer: ([of], { index }) => {
      if (is("scan", of!)) {
        const { body, length } = of.attributes, result = body.results[index];
        if (result === undefined) return refuse(`result ${index}`, "a result of the scan");
        const stacked = index >= body.next.length;
        return { shape: stacked ? [length, ...result.shape] : result.shape, dtype: result.dtype };
      }
      const result = is("call", of!) ? of.attributes.body.results[index] : undefined;
      if (result === undefined) return refuse(`result ${index} of ${of!.op}`, "a result of a call or a scan");
      return { shape: result.shape, dtype: result.dtype };
    },
    reference: () => refuse("a result by itself", "both"),
    flops: () => 0,
    laws: [],
  },
};

/** Whether a node has several results, which `result` nodes name. */
export const isTuple = (t: Tensor): t is Tensor<"call"> | Tensor<"scan"> => is("call", t) || is("scan", t);

/** A call of a closed function. */
export const callOf = (args: readonly Tensor[], attributes: OpAttributes["call"]): Tensor<"call"> =>
  make(callRecords.call, args, attributes);

/** One result of a call or a scan. */
export const resultAt = (of: Tensor<"call"> | Tensor<"scan">, index: number): Tensor =>
  make(callRecords.result, [of], { index });

/** All results of a call or a scan. */
export const resultsOf = (of: Tensor<"call"> | Tensor<"scan">): Tensor[] =>
  of.attributes.body.results.map((_, i) => resultAt(of, i));

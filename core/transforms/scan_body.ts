/** Bodies of scans: closure conversion and dependence analysis. */
import { withOrigin } from "../origin.ts";
import { bodyOf, type ScanBody, scanOf, type ScanParts } from "../ops/scan.ts";
import { numbered } from "../close.ts";
import { substitute } from "../substitute.ts";
import { type Tensor, topological } from "../tensor.ts";

/** The closed body of parts over any parameters. The results must depend on nothing else from outside. */
export const closeBody = (open: ScanParts): ScanBody => {
  const carries = numbered("carry", open.carries), slices = numbered("slice", open.slices);
  const constants = numbered("constant", open.constants), closed = [...carries, ...slices, ...constants];
  const by = new Map([...open.carries, ...open.slices, ...open.constants].map((t, i) => [t, closed[i]!]));
  const results = substitute([...open.next, ...open.ys], by), n = open.next.length;
  return bodyOf({ carries, slices, constants, next: results.slice(0, n), ys: results.slice(n) });
};

/** A scan over operands in the order of the parameters of an open body. */
export const scanWith = (
  open: ScanParts,
  operands: readonly Tensor[],
  { length, reverse, recompute }: {
    readonly length: number;
    readonly reverse: boolean;
    readonly recompute: boolean;
  },
): Tensor<"scan"> => scanOf(operands, { body: closeBody(open), length, reverse, recompute });

/** The body with its results replaced, one for one, by others over the same parameters. */
export const withResults = (body: ScanBody, results: readonly Tensor[]): ScanBody => {
  const n = body.next.length;
  return results.every((t, i) => t === body.results[i])
    ? body
    : bodyOf({ ...partsOf(body), next: results.slice(0, n), ys: results.slice(n) });
};

/** A scan whose body's results are rewritten. */
export const mapBody = (
  loop: Tensor<"scan">,
  f: (results: readonly Tensor[]) => readonly Tensor[],
): Tensor<"scan"> => {
  const body = withResults(loop.attributes.body, f(loop.attributes.body.results));
  return body === loop.attributes.body
    ? loop
    : withOrigin(loop.origin, () => scanOf(loop.args, { ...loop.attributes, body }));
};

/** The parts of a body alone. */
export const partsOf = ({ carries, slices, constants, next, ys }: ScanBody): ScanParts => ({
  carries,
  slices,
  constants,
  next,
  ys,
});

/** The nodes below some results that depend on any of the seeds, seeds included. */
export const dependents = (results: readonly Tensor[], seeds: Iterable<Tensor>): Set<Tensor> => {
  const found = new Set(seeds);
  for (const t of topological(results)) if (t.args.some((a) => found.has(a))) found.add(t);
  return found;
};

/**
 * Which carries a property of operands reaches: those that have it, and those whose next value `reached` says to have
 * it when the carries so far do. Grows until nothing is added.
 */
export const spread = (
  body: ScanBody,
  first: (carry: number) => boolean,
  reached: (carries: readonly boolean[]) => readonly boolean[],
): boolean[] => {
  let now = body.carries.map((_, i) => first(i));
  for (;;) {
    const next = reached(now), grown = now.map((is, i) => is || next[i]!);
    if (grown.every((is, i) => is === now[i])) return now;
    now = grown;
  }
};

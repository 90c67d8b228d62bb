/**
 * Recomputation (activation checkpointing, Chen et al. 2016, arXiv 1604.06174): the backward pass computes the inside
 * of a region again from what went into it, instead of keeping it. Values and gradients are the same; memory falls
 * from the sum of all regions to the greatest of them, for one more forward pass.
 */
import { cameFrom } from "../origin.ts";
import { region } from "../ops/region.ts";
import { scannedAll, scannedAt } from "../ops/scan.ts";
import { input } from "../ops/source.ts";
import { substitute } from "../substitute.ts";
import { is, isTensor, type Tensor, topological } from "../tensor.ts";
import type { PathPredicate } from "../tree.ts";
import { mapBody } from "./scan_body.ts";
import { mapTensors, rewriteIn } from "./stand_in.ts";

/** A function of descriptions: arguments and result hold tensors in lists and plain records. */
// deno-lint-ignore no-explicit-any
export type Traceable = (...args: any[]) => unknown;

const leavesOf = (values: unknown): Tensor[] => {
  const found = new Set<Tensor>();
  mapTensors(values, (t) => (found.add(t), t));
  return [...found];
};

/**
 * What a value is made from: the given leaves that it depends on, then what it reads from elsewhere that depends on
 * inputs. Constants and indices are not named: whoever computes the value again may share them.
 */
const sourcesOf = (value: Tensor, leaves: readonly Tensor[]): readonly Tensor[] => {
  const cut = new Set(leaves), order = topological([value], { stop: cut });
  const inner = new Set<Tensor>(), given = new Set<Tensor>(), elsewhere = new Set<Tensor>();
  for (const t of order) {
    if (cut.has(t) || t.args.some((a) => inner.has(a))) inner.add(t);
    if (is("input", t) || t.args.some((a) => given.has(a))) given.add(t);
  }
  if (!inner.has(value)) return order.filter((t) => is("input", t));
  for (const t of order) {
    if (!inner.has(t) || cut.has(t)) continue;
    for (const a of t.args) if (!inner.has(a) && given.has(a)) elsewhere.add(a);
  }
  return [...order.filter((t) => cut.has(t)), ...elsewhere];
};

const marked = <F extends Traceable>(f: F, attributes: { name: string; recompute: boolean }): F =>
  ((...args: Parameters<F>): unknown => {
    const leaves = leavesOf(args);
    return mapTensors(f(...args), (value) => {
      const from = leaves.includes(value) ? [] : sourcesOf(value, leaves);
      return from.length === 0 ? value : region(value, from, attributes);
    });
  }) as F;

/**
 * The same function, whose inside the backward pass computes again from its arguments and what it closes over:
 * `blocks.reduce((x, p) => remat(block)(x, p), x)`. A function of several tensors is computed again for each of them
 * that the derivative needs, so that one result to a function is best.
 */
export const remat = <F extends Traceable>(f: F): F => marked(f, { name: "", recompute: true });

/** The same function, whose results are marked as the region of a name: `rematWhere` chooses among such names. */
export const scope = (name: string): <F extends Traceable>(f: F) => F => <F extends Traceable>(f: F): F =>
  marked(f, { name, recompute: false });

/**
 * The same function, with recomputation of every region inside whose name is chosen:
 * `valueAndGrad(rematWhere(under("model.layers"))(loss))`. Regions inside a chosen one are parts of it.
 */
export const rematWhere =
  (chosen: PathPredicate): <F extends Traceable>(f: F) => F => <F extends Traceable>(f: F): F =>
    ((...args: Parameters<F>): unknown => {
      return rewriteIn(f(...args), (roots) => recomputed(roots, chosen));
    }) as F;

/** The roots with the chosen regions to be computed again, those in the bodies of scans too. */
const recomputed = (roots: readonly Tensor[], chosen: PathPredicate): Tensor[] => {
  const by = new Map<Tensor, Tensor>();
  for (const t of topological(roots)) {
    if (is("scan", t)) {
      const [loop] = substitute([t], by) as [Tensor<"scan">];
      const inside = mapBody(loop, (results) => recomputed(results, chosen));
      if (inside !== t) scannedAll(inside).forEach((x, i) => by.set(scannedAt(t, i), x));
      continue;
    }
    if (!is("region", t) || t.attributes.recompute || !chosen(t.attributes.name)) continue;
    const [value, ...from] = substitute(t.args, by) as [Tensor, ...Tensor[]];
    by.set(t, cameFrom(t.origin, () => region(value, from, { ...t.attributes, recompute: true })));
  }
  return substitute(roots, by);
};

/** A region's inside over stand-ins, which are the same for regions of one form: equal layers are one graph. */
export interface Inside {
  /** The value over the stand-ins. */
  readonly value: Tensor;
  /** One for each source of the region. */
  readonly stands: readonly Tensor[];
}

/** The inside of a region. */
export const insideOf = (t: Tensor<"region">): Inside => {
  const [value, ...from] = t.args as [Tensor, ...Tensor[]];
  const stands = from.map((x, i) => input(`source ${i} of region`, x.shape, x.dtype));
  return { value: substitute([value], new Map(from.map((x, i) => [x, stands[i]!])))[0]!, stands };
};

/** Whether a value is a region to be computed again. */
export const isRecomputed = (t: unknown): t is Tensor<"region"> =>
  isTensor(t) && is("region", t) && t.attributes.recompute;

/**
 * The loss of an output map by blocks of its classes, in the manner of online softmax (Milakov and Gimelshein 2018, arXiv
 * 1805.02867) and cut cross entropy (Wijmans et al. 2024, arXiv 2411.09009): forward keeps running maxima and sums, backward
 * recomputes the logits of each block.
 * Shapes: n labels, d channels, v classes, b classes of a block.
 */
import { pullback } from "../grad.ts";
import { add, cast, equal, exp, less, log, maximum, minimum, mul, select, sub } from "../ops/elementwise.ts";
import { concat, reshape, sliceAxis } from "../ops/movement.ts";
import { argmax, max, sum } from "../ops/reduce.ts";
import { constant, full, iota } from "../ops/source.ts";
import type { Tensor } from "../tensor.ts";
import { customVjp } from "../transforms/custom_vjp.ts";
import { scan } from "../transforms/scan.ts";
import { linear, type LinearParams } from "./linear.ts";

type Leaves = Readonly<Record<string, Tensor>>;

/** The leaves of a map that have a row for each class; the others are the same for all. */
const byClass = ["weight", "bias", "lora_B"];

const leavesOf = (map: LinearParams<Tensor>): Leaves =>
  Object.fromEntries(Object.entries(map).filter(([, t]) => t !== undefined));

const partition = (map: LinearParams<Tensor>): readonly [rows: Leaves, whole: Leaves] => {
  const leaves = Object.entries(leavesOf(map));
  const [rows, whole] = [true, false].map((own) =>
    Object.fromEntries(leaves.filter(([name]) => byClass.includes(name) === own))
  );
  return [rows!, whole!];
};

const mapLeaves = (leaves: Leaves, f: (t: Tensor, name: string) => Tensor): Leaves =>
  Object.fromEntries(Object.entries(leaves).map(([name, t]) => [name, f(t, name)]));

/** The logits of the classes whose rows are given. */
const logitsOf = (rows: Leaves, whole: Leaves, x_nd: Tensor): Tensor =>
  linear({ ...rows, ...whole } as unknown as LinearParams<Tensor>)(x_nd);

/** Blocks of equal size as a stack, and the rest. */
interface Blocks {
  readonly stack: Leaves;
  readonly rest: Leaves | undefined;
  /** The first class of the rest. */
  readonly end: number;
  readonly size: number;
}

const blocksOf = (rows: Leaves, count: number): Blocks => {
  const classes = rows.weight!.shape[0]!, size = Math.floor(classes / count), end = count * size;
  return {
    stack: mapLeaves(rows, (t) => reshape([count, size, ...t.shape.slice(1)])(sliceAxis(0, 0, end)(t))),
    rest: end === classes ? undefined : mapLeaves(rows, sliceAxis(0, end, classes)),
    end,
    size,
  };
};

/** Facts about the logits so far, each `[n]`. */
type Running = {
  /** Largest logit, or the least number where none is greater. */
  readonly shift: Tensor;
  /** Sum of the exponentials of logits less `shift`. */
  readonly total: Tensor;
  /** The label's logit, 0 before its block. */
  readonly picked: Tensor;
  /** Largest logit. */
  readonly top: Tensor;
  /** Its class. */
  readonly best: Tensor;
};

/** The least shift: a finite one, as infinities less infinities are no numbers. */
const MINIMUM = -1e38;

/** Where among classes from `at` on the label is, `[n, b]`. */
const hitsOf = (labels_n: Tensor, at: Tensor, classes: number): Tensor =>
  equal(reshape([-1, 1])(sub(labels_n, at)), iota([1, classes], 1));

const withBlock = (so: Running, x_nb: Tensor, labels_n: Tensor, at: Tensor): Running => {
  const column = reshape([-1, 1]), own = max({ axes: [-1] })(x_nb), better = less(so.top, own);
  const shift = maximum(so.shift, minimum(own, -MINIMUM));
  const here = sum({ axes: [-1] })(exp(sub(x_nb, column(shift))));
  const hit = hitsOf(labels_n, at, x_nb.shape[1]!);
  return {
    shift,
    total: add(mul(so.total, exp(sub(so.shift, shift))), here),
    picked: add(so.picked, sum({ axes: [-1] })(select(hit, x_nb, 0))),
    top: maximum(so.top, own),
    best: select(better, add(argmax()(x_nb), at), so.best),
  };
};

const forward = (map: LinearParams<Tensor>, x_nd: Tensor, labels_n: Tensor, count: number) => {
  const [rows, whole] = partition(map), { stack, rest, end, size } = blocksOf(rows, count);
  const n = labels_n.shape;
  const start: Running = {
    shift: full(n, MINIMUM),
    total: full(n, 0),
    picked: full(n, 0),
    top: full(n, -Infinity),
    best: full(n, 0, "i32"),
  };
  const [{ so: most }] = scan(
    ({ so, at }: { readonly so: Running; readonly at: Tensor }, block: Leaves) => [{
      so: withBlock(so, logitsOf(block, whole, x_nd), labels_n, at),
      at: add(at, size),
    }],
    { carry: { so: start, at: constant(0, "i32") }, xs: stack },
  );
  const all = rest === undefined
    ? most
    : withBlock(most, logitsOf(rest, whole, x_nd), labels_n, constant(end, "i32"));
  const some = cast("bool")(all.total);
  const normaliser = select(some, add(log(select(some, all.total, 1)), all.shift), -Infinity);
  return { loss: sub(normaliser, all.picked), best: all.best, normaliser };
};

/** What backward needs of forward. */
type Residuals = {
  readonly map: LinearParams<Tensor>;
  readonly x_nd: Tensor;
  readonly labels_n: Tensor;
  readonly normaliser: Tensor;
};

const backward = ({ map, x_nd, labels_n, normaliser }: Residuals, ct_n: Tensor, count: number) => {
  const [rows, whole] = partition(map), { stack, rest, end, size } = blocksOf(rows, count);
  const column = reshape([-1, 1]), finite = column(maximum(normaliser, MINIMUM));
  const names = Object.keys(rows), shared = Object.keys(whole);
  /** Cotangents of the states, of what is the same for all classes, and of the rows of a block. */
  const ofBlock = (block: Leaves, at: Tensor) => {
    const x_nb = logitsOf(block, whole, x_nd), share = exp(sub(x_nb, finite));
    const hit = hitsOf(labels_n, at, x_nb.shape[1]!), cotangent = select(hit, sub(share, 1), share);
    const [x, ...others] = pullback([x_nb], [mul(cotangent, column(ct_n))], [
      x_nd,
      ...shared.map((name) => whole[name]!),
      ...names.map((name) => block[name]!),
    ]);
    const named = (some: readonly string[], from: number): Leaves =>
      Object.fromEntries(some.map((name, i) => [name, others[from + i]!]));
    return { x: x!, whole: named(shared, 0), rows: named(names, shared.length) };
  };
  type Sums = { readonly x: Tensor; readonly whole: Leaves; readonly at: Tensor };
  const plus = (sums: Omit<Sums, "at">, { x, whole: own }: Omit<Sums, "at">): Omit<Sums, "at"> => ({
    x: add(sums.x, x),
    whole: mapLeaves(own, (t, name) => add(sums.whole[name]!, t)),
  });
  const zero = { x: full(x_nd.shape, 0), whole: mapLeaves(whole, (t) => full(t.shape, 0)) };
  const [sums, stacked] = scan(({ at, ...sums }: Sums, block: Leaves) => {
    const own = ofBlock(block, at);
    return [{ ...plus(sums, own), at: add(at, size) }, own.rows];
  }, { carry: { ...zero, at: constant(0, "i32") }, xs: stack });
  const flat = mapLeaves(rows, (t, name) => reshape([end, ...t.shape.slice(1)])(stacked[name]!));
  // cotangents go by position: the leaves come in the order of the map
  const ordered = (found: Leaves): Leaves => mapLeaves(leavesOf(map), (_, name) => found[name]!);
  if (rest === undefined) return { x: sums.x, map: ordered({ ...sums.whole, ...flat }) };
  const own = ofBlock(rest, constant(end, "i32")), both = plus(sums, own);
  return {
    x: both.x,
    map: ordered({ ...both.whole, ...mapLeaves(flat, (t, name) => concat([t, own.rows[name]!], 0)) }),
  };
};

/**
 * For states `[n, d]` and labels `[n]`: `log(sum(e^logits)) - logits[label]`, `[n]`, and the first class whose logit is
 * largest, i32 `[n]`, by `count` blocks of classes. A label outside the classes has a logit of 0.
 */
export const blockwiseLoss = (
  map: LinearParams<Tensor>,
  x_nd: Tensor,
  labels_n: Tensor,
  count: number,
): readonly [loss: Tensor, best: Tensor] => {
  const run = customVjp(
    (given: LinearParams<Tensor>, x: Tensor, labels: Tensor): readonly Tensor[] => {
      const { loss, best } = forward(given, x, labels, count);
      return [loss, best];
    },
    {
      forward: (given, x, labels) => {
        const { loss, best, normaliser } = forward(given, x, labels, count);
        return [[loss, best], { map: given, x_nd: x, labels_n: labels, normaliser }];
      },
      backward: (residuals: Residuals, [ct]) => {
        const { x, map: own } = backward(residuals, ct!, count);
        return [own, x, undefined];
      },
    },
  );
  const [loss, best] = run(map, x_nd, labels_n);
  return [loss!, best!];
};

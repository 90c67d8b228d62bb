/** Cost of a graph, from the records alone: nothing is allocated and no device is asked. */
import { bytesOf } from "./dtype.ts";
import { isMovement } from "./ops/movement.ts";
import type { Family } from "./ops/record.ts";
import { isMark } from "./ops/mark.ts";
import { isTuple } from "./ops/call.ts";
import { recordOf, tupleRecordOf } from "./ops/table.ts";
import { sizeOf } from "./shape.ts";
import { byHeight, is, isGiven, operandsOf, type Tensor } from "./tensor.ts";
import { inlined } from "./transforms/inline.ts";

/** The cost of evaluating a graph once, each node once. */
export interface Cost {
  /** Number of nodes; those of a scan's body once. */
  readonly nodes: number;
  /** FLOPs altogether; a multiplication with an addition counts as two. */
  readonly flops: number;
  /** FLOPs by family of primitives. */
  readonly byFamily: { readonly [F in Family]: number };
  /** Number of elements of all inputs. */
  readonly inputElements: number;
  /** Bytes of all inputs. */
  readonly inputBytes: number;
  /** Bytes of the roots. */
  readonly outputBytes: number;
  /** Bytes read and written if every computing node were a kernel of its own and movement were free. */
  readonly trafficBytes: number;
  /** Maximum number of bytes of intermediate results alive at once in order of height, inputs not counted. */
  readonly peakBytes: number;
}

/** Bytes of the value of a tensor. */
export const tensorBytes = (t: Tensor): number => sizeOf(t.shape) * bytesOf(t.dtype);

/** Movement, marks and generated numbers take no memory of their own: a kernel computes them as it reads. */
const isView = (t: Tensor): boolean => isMovement(t.op) || isMark(t.op) || is("constant", t) || is("iota", t);

/** The nodes whose memory a node reads: itself, or what its views lead to. */
const owners = (order: readonly Tensor[]): Map<Tensor, readonly Tensor[]> => {
  const out = new Map<Tensor, readonly Tensor[]>();
  for (const t of order) {
    out.set(
      t,
      isTuple(t) ? [] : isView(t) ? [...new Set(operandsOf(t).flatMap((a) => out.get(a)!))] : [t],
    );
  }
  return out;
};

/** Maximum number of bytes alive at once. */
const peak = (
  order: readonly Tensor[],
  roots: readonly Tensor[],
  own: Map<Tensor, readonly Tensor[]>,
  inside: (t: Tensor) => number,
): number => {
  const last = new Map<Tensor, number>();
  order.forEach((t, i) => operandsOf(t).forEach((a) => own.get(a)!.forEach((o) => last.set(o, i))));
  roots.forEach((r) => own.get(r)!.forEach((o) => last.set(o, order.length)));
  const ends = new Map<number, number>();
  let alive = 0, most = 0;
  order.forEach((t, i) => {
    if (!isView(t) && !isGiven(t) && !isTuple(t)) {
      const end = last.get(t) ?? i;
      alive += tensorBytes(t);
      ends.set(end, (ends.get(end) ?? 0) + tensorBytes(t));
    }
    most = Math.max(most, alive + inside(t));
    alive -= ends.get(i) ?? 0;
  });
  return most;
};

/**
 * The cost of the roots together: what they share counts once, the body of a scan once for every iteration, and calls as
 * what they compute.
 */
export const costOf = (described: readonly Tensor[]): Cost => {
  const roots = inlined(described), order = byHeight(roots), own = owners(order);
  const bodies = new Map<Tensor, Cost>();
  for (const t of order) if (is("scan", t)) bodies.set(t, costOf(t.attributes.body.results));
  const byFamily: { [F in Family]: number } = {
    source: 0,
    elementwise: 0,
    reduce: 0,
    movement: 0,
    contraction: 0,
    attention: 0,
    foreach: 0,
    index: 0,
    mark: 0,
    call: 0,
    scan: 0,
    random: 0,
  };
  let trafficBytes = 0, inner = 0;
  for (const t of order) {
    if (is("scan", t)) {
      const body = bodies.get(t)!;
      for (const family of Object.keys(byFamily) as Family[]) {
        byFamily[family] += t.attributes.length * body.byFamily[family];
      }
      trafficBytes += t.attributes.length * body.trafficBytes;
      inner += body.nodes;
      continue;
    }
    const { family, flops } = isTuple(t) ? tupleRecordOf(t) : recordOf(t.op);
    byFamily[family] += flops(t);
    if (isView(t) || isGiven(t)) continue;
    trafficBytes += (isTuple(t) ? 0 : tensorBytes(t)) +
      t.args.flatMap((a) => own.get(a)!).reduce((n, o) => n + tensorBytes(o), 0);
  }
  const inputs = order.filter(isGiven),
    sum = (ts: readonly Tensor[]) => ts.reduce((n, t) => n + tensorBytes(t), 0);
  return {
    nodes: order.length + inner,
    flops: Object.values(byFamily).reduce((a, b) => a + b, 0),
    byFamily,
    inputElements: inputs.reduce((n, t) => n + sizeOf(t.shape), 0),
    inputBytes: sum(inputs),
    outputBytes: sum([...new Set(roots)]),
    trafficBytes,
    peakBytes: peak(order, roots, own, (t) => bodies.get(t)?.peakBytes ?? 0),
  };
};

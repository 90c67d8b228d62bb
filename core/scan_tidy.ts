/** Scans without what nobody needs: scans that are parts of others, and results, carries and operands without a reader. */
import { cameFrom } from "./origin.ts";
import { make } from "./ops/make.ts";
import { type ScanBody, scannedAt } from "./ops/scan.ts";
import { recordOf } from "./ops/table.ts";
import { is, type Tensor, topological } from "./tensor.ts";
import { mapBody, scanWith } from "./transforms/scan_body.ts";

const startsWith = <A>(xs: readonly A[], start: readonly A[]): boolean => start.every((x, i) => x === xs[i]);

/** The operands by kind. */
const operands = ({ args, attributes: { body } }: Tensor<"scan">) => {
  const n = body.carries.length, m = n + body.slices.length;
  return [args.slice(0, n), args.slice(n, m), args.slice(m)] as const;
};

/** The place among the results of `whole` of each result of `part`, if all that `part` computes is there. */
const placesIn = (part: Tensor<"scan">, whole: Tensor<"scan">): readonly number[] | undefined => {
  const [a, b] = [part.attributes, whole.attributes];
  if (part === whole || a.length !== b.length || a.reverse !== b.reverse) return undefined;
  const theirs = operands(whole);
  if (!operands(part).every((xs, kind) => startsWith(theirs[kind]!, xs))) return undefined;
  // stand-ins are named by kind and place, so equal computations are equal nodes
  if (!startsWith(b.body.next, a.body.next)) return undefined;
  const stacked = a.body.ys.map((y) => b.body.ys.indexOf(y));
  return stacked.includes(-1) ? undefined : [
    ...a.body.next.map((_, i) => i),
    ...stacked.map((i) => b.body.next.length + i),
  ];
};

/**
 * The roots with every scan that another one contains replaced by it, at every depth: a derivative's scan computes the
 * values too.
 */
export const mergeScans = (roots: readonly Tensor[]): Tensor[] => {
  const order = topological(roots), loops = order.filter((t) => is("scan", t));
  if (loops.length === 0) return [...roots];
  const within = new Map<Tensor, readonly [Tensor<"scan">, readonly number[]]>();
  // the last first: what contains others is made after them
  for (const part of [...loops].reverse()) {
    const whole = loops.findLast((l) =>
      placesIn(part, l) !== undefined && !within.has(l) && !topological([l]).includes(part)
    );
    if (whole !== undefined) within.set(part, [whole, placesIn(part, whole)!]);
  }
  const becomes = new Map<Tensor, Tensor>();
  const settle = (t: Tensor): Tensor => {
    const known = becomes.get(t);
    if (known !== undefined) return known;
    const stand = is("scanned", t) ? within.get(t.args[0]!) : undefined;
    const made = stand !== undefined
      ? scannedAt(settle(stand[0]) as Tensor<"scan">, stand[1][(t as Tensor<"scanned">).attributes.index]!)
      : rebuilt(t, t.args.map(settle));
    becomes.set(t, made);
    return made;
  };
  const rebuilt = (t: Tensor, args: readonly Tensor[]): Tensor => {
    const node = startsWith(args, t.args)
      ? t
      : cameFrom(t.origin, () => make(recordOf(t.op), args, t.attributes));
    return is("scan", node) ? mapBody(node, mergeScans) : node;
  };
  // arguments first, so that recursion stays shallow
  for (const t of order) if (!is("scan", t) || !within.has(t)) settle(t);
  return roots.map(settle);
};

/** What of a scan has a reader: results by index, and the operands that they need. */
interface Needed {
  readonly results: ReadonlySet<number>;
  readonly operands: ReadonlySet<number>;
}

/** A carry is needed if it is read at the end, or by what else is needed in any turn. */
const neededOf = (body: ScanBody, read: ReadonlySet<number>): Needed => {
  const { inputs, carries, results } = body, wanted = new Set(read);
  for (;;) {
    const below = new Set(topological([...wanted].map((i) => results[i]!)));
    const found = carries.flatMap((c, i) => below.has(c) && !wanted.has(i) ? [i] : []);
    if (found.length === 0) {
      const operand = (i: number): boolean => i < carries.length ? wanted.has(i) : below.has(inputs[i]!);
      return { results: wanted, operands: new Set(inputs.flatMap((_, i) => operand(i) ? [i] : [])) };
    }
    for (const i of found) wanted.add(i);
  }
};

/** The scan of what is needed alone. */
const pruned = (loop: Tensor<"scan">, { results, operands }: Needed): Tensor<"scan"> => {
  const { body } = loop.attributes, { carries, slices, next, inputs } = body;
  if (results.size === body.results.length && operands.size === inputs.length) return loop;
  const n = carries.length, m = n + slices.length;
  const kept = (ts: readonly Tensor[], from: number) => ts.filter((_, i) => operands.has(from + i));
  return scanWith(
    {
      carries: kept(carries, 0),
      slices: kept(slices, n),
      constants: kept(body.constants, m),
      next: next.filter((_, i) => results.has(i)),
      ys: body.ys.filter((_, i) => results.has(next.length + i)),
    },
    loop.args.filter((_, i) => operands.has(i)),
    loop.attributes,
  );
};

/** The roots with every scan's results that have no reader left out, and the carries and operands that only those need. */
export const pruneScans = (roots: readonly Tensor[]): Tensor[] => {
  const order = topological(roots), live = new Set(roots);
  if (!order.some((t) => is("scan", t))) return [...roots];
  const read = new Map<Tensor, Set<number>>(), needs = new Map<Tensor, Needed>();
  for (const t of [...order].reverse()) {
    if (!live.has(t)) continue;
    if (is("scanned", t)) {
      const loop = t.args[0]!;
      read.set(loop, (read.get(loop) ?? new Set()).add(t.attributes.index));
    }
    const needed = is("scan", t) ? neededOf(t.attributes.body, read.get(t) ?? new Set()) : undefined;
    if (needed !== undefined) needs.set(t, needed);
    t.args.forEach((a, i) => {
      if (needed === undefined || needed.operands.has(i)) live.add(a);
    });
  }
  const becomes = new Map<Tensor, Tensor>();
  for (const t of order) {
    if (!live.has(t)) continue;
    // operands without a reader stay as they are until the scan drops them
    const args = t.args.map((a) => becomes.get(a) ?? a), same = startsWith(args, t.args);
    becomes.set(
      t,
      cameFrom(t.origin, () => {
        if (is("scanned", t)) {
          const { results } = needs.get(t.args[0]!)!, { index } = t.attributes;
          return scannedAt(args[0] as Tensor<"scan">, [...results].filter((i) => i < index).length);
        }
        const node = same ? t : make(recordOf(t.op), args, t.attributes);
        return is("scan", node) ? pruned(node, needs.get(t)!) : node;
      }),
    );
  }
  return roots.map((t) => becomes.get(t)!);
};

/** Dead-code elimination and merging of scans: drops duplicate scans and unread results, carries and operands. */
import { withOrigin } from "./origin.ts";
import { cast } from "./ops/elementwise.ts";
import { remade } from "./ops/make.ts";
import { broadcastTo, reshape } from "./ops/movement.ts";
import { resultAt } from "./ops/call.ts";
import type { ScanBody } from "./ops/scan.ts";
import { recordOf } from "./ops/table.ts";
import { is, type OpAttributes, type Tensor, topological } from "./tensor.ts";
import { substitute } from "./substitute.ts";
import { mapBody, scanWith } from "./transforms/scan_body.ts";
import { parametersLike } from "./transforms/trace.ts";

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
  // parameters are numbered by role, so equal computations are equal nodes
  if (!startsWith(b.body.next, a.body.next)) return undefined;
  const stacked = a.body.ys.map((y) => b.body.ys.indexOf(y));
  return stacked.includes(-1) ? undefined : [
    ...a.body.next.map((_, i) => i),
    ...stacked.map((i) => b.body.next.length + i),
  ];
};

/** A scan that takes the place of another, and where it has the other's results. */
interface Whole {
  readonly loop: Tensor<"scan">;
  readonly places: readonly number[];
}

/** The scan that is left of a scan, through those that took its place. */
const remaining = (within: ReadonlyMap<Tensor, Whole>, loop: Tensor<"scan">): Whole => {
  let now: Whole = { loop, places: loop.attributes.body.results.map((_, i) => i) };
  for (;;) {
    const next = within.get(now.loop);
    if (next === undefined) return now;
    now = { loop: next.loop, places: now.places.map((i) => next.places[i]!) };
  }
};

/** Whether `from` needs `to` once scans have taken the places of others. */
const needs = (from: Tensor<"scan">, to: Tensor, within: ReadonlyMap<Tensor, Whole>): boolean => {
  const seen = new Set<Tensor>(), stack = [...from.args];
  while (stack.length > 0) {
    const given = stack.pop()!, t = is("scan", given) ? remaining(within, given).loop : given;
    if (t === to) return true;
    if (seen.has(t)) continue;
    seen.add(t);
    stack.push(...t.args);
  }
  return false;
};

/** For scans that others contain: those others. No two of them need each other. */
const wholesOf = (loops: readonly Tensor<"scan">[]): ReadonlyMap<Tensor, Whole> => {
  const within = new Map<Tensor, Whole>();
  // the last first: what contains others is made after them
  for (const part of [...loops].reverse()) {
    for (const loop of [...loops].reverse()) {
      const places = within.has(loop) ? undefined : placesIn(part, loop);
      if (places === undefined || needs(loop, part, within)) continue;
      within.set(part, { loop, places });
      break;
    }
  }
  return within;
};

/**
 * The roots with every scan that another one contains replaced by it, at every depth: a derivative's scan computes the
 * values too.
 */
export const mergeScans = (roots: readonly Tensor[]): Tensor[] => {
  const order = topological(roots), loops = order.filter((t) => is("scan", t));
  if (loops.length === 0) return [...roots];
  const within = wholesOf(loops), becomes = new Map<Tensor, Tensor>();
  const wholeOf = (t: Tensor): Whole | undefined =>
    is("result", t) && within.has(t.args[0]!) ? remaining(within, t.args[0] as Tensor<"scan">) : undefined;
  const rebuilt = (t: Tensor): Tensor => {
    const node = withOrigin(t.origin, () => remade(recordOf(t.op), t, t.args.map((a) => becomes.get(a)!)));
    return is("scan", node) ? mapBody(node, mergeScans) : node;
  };
  // a whole may have been made after what reads its part: a node waits on the stack until its arguments are done
  const stack = [...order].reverse().filter((t) => !within.has(t));
  while (stack.length > 0) {
    const t = stack.at(-1)!, whole = wholeOf(t);
    const waiting = becomes.has(t)
      ? []
      : (whole === undefined ? t.args : [whole.loop]).filter((a) => !becomes.has(a));
    if (waiting.length > 0) {
      stack.push(...waiting);
      continue;
    }
    stack.pop();
    if (becomes.has(t)) continue;
    becomes.set(
      t,
      whole === undefined ? rebuilt(t) : resultAt(
        becomes.get(whole.loop) as Tensor<"scan">,
        whole.places[(t as Tensor<"result">).attributes.index]!,
      ),
    );
  }
  return roots.map((t) => becomes.get(t)!);
};

/** What of a scan has a reader: results by index, and the operands that they need. */
interface Needed {
  readonly results: ReadonlySet<number>;
  readonly operands: ReadonlySet<number>;
}

/** A carry is needed if it is read at the end, or by what else is needed in any iteration. */
const neededOf = (body: ScanBody, read: ReadonlySet<number>): Needed => {
  const { parameters, carries, results } = body, wanted = new Set(read);
  for (;;) {
    const below = new Set(topological([...wanted].map((i) => results[i]!)));
    const found = carries.flatMap((c, i) => below.has(c) && !wanted.has(i) ? [i] : []);
    if (found.length === 0) {
      const operand = (i: number): boolean => i < carries.length ? wanted.has(i) : below.has(parameters[i]!);
      return { results: wanted, operands: new Set(parameters.flatMap((_, i) => operand(i) ? [i] : [])) };
    }
    for (const i of found) wanted.add(i);
  }
};

/** The scan of what is needed alone. */
const pruned = (loop: Tensor<"scan">, { results, operands }: Needed): Tensor<"scan"> => {
  const { body } = loop.attributes, { carries, slices, next, parameters } = body;
  if (results.size === body.results.length && operands.size === parameters.length) return loop;
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

/** A stacked result of iterations that read nothing: the same in each. */
const repeated = ({ body: { results }, length }: OpAttributes["scan"], index: number): Tensor => {
  const { shape } = results[index]!;
  return broadcastTo([length, ...shape])(reshape([1, ...shape])(results[index]!));
};

/** The roots with every scan's results that have no reader left out, and the carries and operands that only those need. */
export const pruneScans = (roots: readonly Tensor[]): Tensor[] => {
  const order = topological(roots), live = new Set(roots);
  if (!order.some((t) => is("scan", t))) return [...roots];
  const read = new Map<Tensor, Set<number>>(), wanted = new Map<Tensor, Needed>();
  for (const t of [...order].reverse()) {
    if (!live.has(t)) continue;
    if (is("result", t) && is("scan", t.args[0]!)) {
      const loop = t.args[0];
      read.set(loop, (read.get(loop) ?? new Set()).add(t.attributes.index));
    }
    const needed = is("scan", t) ? neededOf(t.attributes.body, read.get(t) ?? new Set()) : undefined;
    if (needed !== undefined) wanted.set(t, needed);
    t.args.forEach((a, i) => {
      if (needed === undefined || needed.operands.has(i)) live.add(a);
    });
  }
  const becomes = new Map<Tensor, Tensor>();
  for (const t of order) {
    if (!live.has(t)) continue;
    // operands without a reader stay as they are until the scan drops them
    const args = t.args.map((a) => becomes.get(a) ?? a);
    becomes.set(
      t,
      withOrigin(t.origin, () => {
        if (is("result", t) && is("scan", t.args[0]!)) {
          const loop = t.args[0], { results, operands } = wanted.get(loop)!, { index } = t.attributes;
          if (operands.size === 0) return repeated(loop.attributes, index);
          return resultAt(args[0] as Tensor<"scan">, [...results].filter((i) => i < index).length);
        }
        const node = remade(recordOf(t.op), t, args);
        return is("scan", node) && wanted.get(t)!.operands.size > 0 ? pruned(node, wanted.get(t)!) : node;
      }),
    );
  }
  return roots.map((t) => becomes.get(t)!);
};

const isWidened = (t: Tensor): boolean => is("cast", t) && t.dtype === "f32" && t.args[0]!.dtype === "f16";

/**
 * A scan whose iterations read f16 and widen it themselves, where it was given slices or constants that were widened for it:
 * no wider copy of a whole stack is stored.
 */
export const narrowScan = (loop: Tensor<"scan">): Tensor<"scan"> => {
  const { body } = loop.attributes, n = body.carries.length, m = n + body.slices.length;
  if (!loop.args.some((t, i) => i >= n && isWidened(t))) return loop;
  const by = new Map<Tensor, Tensor>();
  const parameters = body.parameters.map((p, i) => {
    if (i < n || !isWidened(loop.args[i]!)) return p;
    const [half] = parametersLike([{ shape: p.shape, dtype: "f16" }]) as [Tensor];
    by.set(p, cast("f32")(half));
    return half;
  });
  const results = substitute(body.results, by);
  return scanWith(
    {
      carries: body.carries,
      slices: parameters.slice(n, m),
      constants: parameters.slice(m),
      next: results.slice(0, n),
      ys: results.slice(n),
    },
    loop.args.map((t, i) => i >= n && isWidened(t) ? t.args[0]! : t),
    loop.attributes,
  );
};

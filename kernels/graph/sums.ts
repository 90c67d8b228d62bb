/**
 * Whole sums: many scalars that each sum the same expression over a tensor of their own, such as the squares of every
 * gradient. All are computed together: tensors are cut into pieces of one length, one dispatch sums the pieces, another
 * the pieces of each tensor. Which piece lies where is a table in memory.
 */
import {
  intern,
  is,
  isElementwise,
  isGiven,
  isMark,
  operandsOf,
  parameterOf,
  sizeOf,
  type Tensor,
  topological,
} from "@chain-of-sight/core";
import { fromValue, type Index, int, plus, scale, variable } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import type { Pack } from "../plan/memory.ts";
import { type Batched, packedTogether, type Run } from "./batch.ts";
import { columnName, type LoopKernel, type Reduction } from "./kernel.ts";

/** Fewer sums than this are not worth two dispatches and tables. */
const FEWEST = 8;
/** Least and greatest length of a piece; in between, there are about this many pieces. */
const SHORTEST = 256, LONGEST = 16384, PIECES = 1024;

/** Sums of one expression. */
export interface SumFamily {
  /** All results, side by side: f32 `[sums]`. */
  readonly totals: Tensor;
  /** The scalars, in order of their results. */
  readonly sums: readonly Tensor[];
  /** What each sums over. */
  readonly leaves: readonly Tensor[];
}

const isBijection = (t: Tensor): boolean =>
  is("reshape", t) || is("permute", t) || is("flip", t) || isMark(t.op);

/** Whether a node is a part of the summed expression rather than a tensor that it is computed from. */
const isInner = (t: Tensor, users: ReadonlyMap<Tensor, number>): boolean =>
  isElementwise(t.op) && users.get(t) === 1;

/** The expression of a sum in words that are equal for equal expressions, and the tensor in it. */
const formOf = (
  sum: Tensor,
  users: ReadonlyMap<Tensor, number>,
): { readonly form: string; readonly leaf: Tensor } | undefined => {
  const leaves = new Set<Tensor>();
  const walk = (t: Tensor): string => {
    if (is("constant", t)) return `${t.attributes.value}:${t.dtype}`;
    if (isInner(t, users)) return `${t.op}:${t.dtype}(${t.args.map(walk).join(",")})`;
    leaves.add(t);
    return "x";
  };
  const form = walk(sum.args[0]!), leaf = [...leaves][0];
  return leaf !== undefined && leaves.size === 1 && sizeOf(leaf.shape) === sizeOf(sum.args[0]!.shape)
    ? { form, leaf: below(leaf) }
    : undefined;
};

/** The tensor whose elements a view shows, each once: the order does not matter to a sum. */
const below = (t: Tensor): Tensor => isBijection(t) ? below(t.args[0]!) : t;

/** The families of sums in a description. None of their tensors depends on a sum of any of them. */
export const findSums = (outputs: readonly Tensor[], mostBytes: number): SumFamily[] => {
  const order = topological(outputs, { argsOf: operandsOf }), users = new Map<Tensor, number>();
  for (const t of order) for (const a of new Set(operandsOf(t))) users.set(a, (users.get(a) ?? 0) + 1);
  const wanted = new Set(outputs), byForm = new Map<string, Map<Tensor, Tensor>>();
  for (const t of order) {
    if (!is("sum", t) || t.dtype !== "f32" || sizeOf(t.shape) !== 1 || wanted.has(t)) continue;
    const found = formOf(t, users);
    if (found === undefined) continue;
    const { form, leaf } = found, size = sizeOf(leaf.shape);
    if (leaf.dtype !== "f32" || isGiven(leaf) || is("constant", leaf) || wanted.has(leaf)) continue;
    if (size === 0 || 4 * size > mostBytes) continue;
    const family = byForm.get(form) ?? new Map<Tensor, Tensor>();
    byForm.set(form, family);
    if (!family.has(leaf)) family.set(leaf, t);
  }
  const kept = [...byForm.values()].filter((f) => f.size >= FEWEST);
  const candidates = new Set(kept.flatMap((f) => [...f.values()]));
  const late = new Set<Tensor>(), chosen = new Set<Tensor>();
  for (const t of order) {
    const depends = operandsOf(t).some((a) => late.has(a) || chosen.has(a));
    if (depends) late.add(t);
    else if (candidates.has(t)) chosen.add(t);
  }
  const taken = new Set<Tensor>();
  return kept.flatMap((family, i): SumFamily[] => {
    const members = [...family].filter(([leaf, sum]) => chosen.has(sum) && !taken.has(leaf));
    if (members.length < FEWEST) return [];
    for (const [leaf] of members) taken.add(leaf);
    const totals = parameterOf({ of: "totals", index: i }, [members.length]);
    return [{ totals, sums: members.map(([, sum]) => sum), leaves: members.map(([leaf]) => leaf) }];
  });
};

/** A table of numbers that kernels read. */
const table = (name: string, rows: readonly (readonly number[])[]) => ({
  tensor: parameterOf({ of: name, index: 0 }, [rows.length, rows[0]!.length], "i32"),
  numbers: Int32Array.from(rows.flat()),
});

/** A sum over the first `count` of up to `length` elements, `count` and where they start read from a table. */
const rowSum = (
  name: string,
  rows: readonly (readonly number[])[],
  from: Tensor,
  length: number,
  of: (build: ValueBuilder, element: Value) => Value,
): { readonly reduction: Reduction; readonly tables: ReadonlyMap<Tensor, Int32Array> } => {
  const build = new ValueBuilder(), { tensor, numbers } = table(name, rows);
  const row = variable("row", rows.length), col = variable(columnName(length), length);
  const cell = (i: number, least: number, most: number): Index =>
    fromValue(build.load(tensor, plus(scale(row, rows[0]!.length), int(i))), least, most);
  const start = cell(0, 0, sizeOf(from.shape) - 1), count = cell(1, 1, length);
  const element = of(build, build.load(from, plus(start, col)));
  // below the count: col - count + length lies from 0 to length - 1
  const place = plus(plus(col, scale(count, -1)), int(length));
  const value = build.guard(place, 0, length, element, build.literal(0, "f32"));
  const whole = parameterOf({ of: `rows of ${name}`, index: 0 }, [rows.length, length]);
  const result = intern("sum", [whole], { axes: [1] }, [rows.length, 1], "f32");
  return { reduction: { tensor: result, op: "sum", length, value }, tables: new Map([[tensor, numbers]]) };
};

/** The expression of a family's sums, of one element. */
const expression = (family: SumFamily) => (build: ValueBuilder, element: Value): Value => {
  const leaf = family.leaves[0]!;
  const lower = (t: Tensor): Value =>
    below(t) === leaf
      ? element
      : is("constant", t)
      ? build.literal(t.attributes.value, t.dtype)
      : build.apply(t.op as Parameters<ValueBuilder["apply"]>[0], t.args.map(lower), t.dtype);
  return lower(family.sums[0]!.args[0]!);
};

/** The kernels of a family. What other kernels hold side by side stays so: `runs` name such tensors. */
export const sumKernels = (
  family: SumFamily,
  index: number,
  runs: readonly Run[],
  mostBytes: number,
): Batched => {
  const own = new Set(family.leaves), grouped = runs.filter((r) => r.tensors.every((t) => own.has(t)));
  const inRun = new Set(grouped.flatMap((r) => r.tensors));
  const units = [
    ...grouped.map((r) => ({ whole: r.whole, tensors: r.tensors })),
    ...family.leaves.filter((t) => !inRun.has(t)).map((t) => ({ whole: t, tensors: [t] })),
  ];
  const total = family.leaves.reduce((n, t) => n + sizeOf(t.shape), 0);
  const length = Math.min(LONGEST, Math.max(SHORTEST, 2 ** Math.ceil(Math.log2(total / PIECES))));
  const packs: Pack[] = [], tables = new Map<Tensor, Int32Array>(), kernels: LoopKernel[] = [];
  const piecesOf = new Map<Tensor, { readonly first: number; readonly count: number }>();
  const chunks = packedTogether(units.map((u) => u.whole), `summed ${index}`, mostBytes);
  const startOf = new Map<Tensor, number>(), rowsOf: (readonly [number, number])[][] = [];
  let pieces = 0;
  for (const { parts } of chunks) {
    const rows: [number, number][] = [];
    for (const { tensor, at } of parts) {
      const run = grouped.find((r) => r.whole === tensor);
      startOf.set(tensor, at);
      for (const leaf of run?.tensors ?? [tensor]) {
        const first = at + (run?.at.get(leaf) ?? 0),
          size = sizeOf(leaf.shape),
          count = Math.ceil(size / length);
        piecesOf.set(leaf, { first: pieces + rows.length, count });
        for (let i = 0; i < count; i++) rows.push([first + i * length, Math.min(length, size - i * length)]);
      }
    }
    rowsOf.push(rows);
    pieces += rows.length;
  }
  const leavesOf = (pack: Pack): readonly Tensor[] =>
    pack.parts.flatMap(({ tensor }) => grouped.find((r) => r.whole === tensor)?.tensors ?? [tensor]);
  const partial = parameterOf({ of: "pieces", index }, [pieces]);
  let base = 0;
  chunks.forEach((pack, c) => {
    const rows = rowsOf[c]!, title = `pieces of ${leavesOf(pack).length} tensors`;
    const { reduction, tables: own } = rowSum(
      `pieces ${index}.${c}`,
      rows,
      pack.whole,
      length,
      expression(family),
    );
    kernels.push(summing(reduction, rows.length, partial, base, title));
    own.forEach((numbers, t) => tables.set(t, numbers));
    packs.push(pack);
    base += rows.length;
  });
  const rows = family.leaves.map((t) => {
    const { first, count } = piecesOf.get(t)!;
    return [first, count] as const;
  });
  const longest = Math.max(...rows.map(([, count]) => count));
  const last = rowSum(`totals ${index}`, rows, partial, longest, (_, element) => element);
  kernels.push(summing(last.reduction, rows.length, family.totals, 0, `totals of ${rows.length} tensors`));
  last.tables.forEach((numbers, t) => tables.set(t, numbers));
  packs.push({ whole: family.totals, parts: family.sums.map((tensor, at) => ({ tensor, at })) });
  return { kernels, packs, tables };
};

const summing = (
  reduction: Reduction,
  rows: number,
  to: Tensor,
  base: number,
  title: string,
): LoopKernel => ({
  kind: "loop",
  rows,
  columns: 1,
  reductions: [reduction],
  outputs: [{
    tensor: to,
    value: new ValueBuilder().reduced(reduction.tensor),
    at: plus(variable("row", rows), int(base)),
    perRow: true,
  }],
  title,
});

/**
 * Kernels of multi-tensor nodes. The tensors of a column are side by side in memory, in one order for every column, so that
 * a map runs straight through all of them: an optimiser's update of hundreds of parameters is one dispatch. Sums are
 * split reductions: tensors are cut into pieces of one length, one dispatch sums the pieces, another the pieces of each
 * tensor; a table in memory holds the position of each piece.
 */
import {
  type ClosedFunction,
  columnsOf,
  concat,
  copy,
  foreachOf,
  foreachSumOf,
  intern,
  is,
  isMark,
  parameterOf,
  recordOf,
  reshape,
  resultAt,
  resultsOf,
  sizeOf,
  sliceAxis,
  type Tensor,
  tensorBytes,
  topological,
  tupleRecordOf,
} from "@chain-of-sight/core";
import { fromValue, type Index, int, plus, scale, variable } from "../ir/index_expr.ts";
import { type Operator, type Value, ValueBuilder } from "../ir/value.ts";
import { ALIGNMENT, type Pack } from "../plan/memory.ts";
import { columnName, type LoopKernel, type Reduction } from "./kernel.ts";
import { rewrite } from "./rewrite.ts";
import { storedIn } from "./scan_operands.ts";

/** Kernels with what they need of memory. */
export interface PackedKernels {
  /** The kernels. */
  readonly kernels: readonly LoopKernel[];
  /** What must be side by side. */
  readonly packs: readonly Pack[];
  /** Constant arrays that they read. */
  readonly tables: ReadonlyMap<Tensor, Int32Array>;
}

/** Minimum and maximum length of a piece of a sum; in between, there are about this many pieces. */
const SHORTEST = 256, LONGEST = 16384, PIECES = 1024;

/** Elements at whose multiples tensors start, which are as many for every element type. */
const STEP = ALIGNMENT / 2;

const up = (n: number): number => Math.ceil(n / STEP) * STEP;

/** The tensor whose memory a column has: views of all its elements in order take none. */
const member = (t: Tensor): Tensor => storedIn(t, false);

/** The tensor whose elements a view shows, each once: the order does not matter to a sum. */
const below = (t: Tensor): Tensor =>
  is("reshape", t) || is("permute", t) || is("flip", t) || (isMark(t.op) && !is("copy", t))
    ? below(t.args[0]!)
    : t;

/** The tensors that multi-tensor nodes read as they are in memory. */
export const packedOperands = (t: Tensor<"foreach"> | Tensor<"foreachSum">): readonly Tensor[] =>
  t.args.map(is("foreachSum", t) ? below : member);

/** The roots with multi-tensor nodes as one node for each tensor, where `alone` says so of a tensor. */
export const unpacked = (alone: (t: Tensor) => boolean): (roots: readonly Tensor[]) => Tensor[] =>
  rewrite((node) => {
    if (is("result", node) && is("foreach", node.args[0]!)) {
      const { args: [of], attributes: { index } } = node, { columns, shared } = columnsOf(of);
      const { body, count } = of.attributes, at = index % count, result = Math.floor(index / count);
      const apart = columns[0]!.map((_, i) => columns.some((c) => alone(c[i]!)));
      const within = (chosen: readonly number[]): Tensor<"foreach"> =>
        foreachOf(columns.map((c) => chosen.map((i) => c[i]!)), shared, body);
      if (!apart.includes(true)) return node;
      if (apart[at]) return tupleRecordOf(of).decompose!(within([at]))[result]!;
      const rest = apart.flatMap((own, i) => own ? [] : [i]);
      return resultAt(within(rest), result * rest.length + rest.indexOf(at));
    }
    // one of many sums, each of which is alone now
    const [whole] = node.args;
    if (is("slice", node) && is("concat", whole!) && whole.args.length === sizeOf(whole.shape)) {
      if (sizeOf(node.shape) === 1) return reshape(node.shape)(whole.args[node.attributes.start[0]!]!);
    }
    if (!is("foreachSum", node) || !node.args.some(alone)) return node;
    const { body } = node.attributes, rest = node.args.filter((t) => !alone(t));
    const some = rest.length === 0 ? undefined : foreachSumOf(rest, body);
    return concat(
      node.args.map((t) =>
        alone(t)
          ? recordOf("foreachSum").decompose!(foreachSumOf([t], body))
          : sliceAxis(0, rest.indexOf(t), rest.indexOf(t) + 1)(some!)
      ),
      0,
    );
  });

/** Where inputs are in other programs, by path: in which memory, and from which element on. */
export type Placed = Readonly<Record<string, readonly [whole: number, at: number]>>;

/** The tensors of a multi-tensor node, by number, in runs that are side by side where other programs have them. */
const runsOf = (columns: readonly (readonly Tensor[])[], placed: Placed): readonly (readonly number[])[] => {
  const places = columns[0]!.map((_, i) =>
    columns.map((column) => {
      const stored = member(column[i]!);
      return is("input", stored) ? placed[stored.attributes.path] : undefined;
    })
  );
  const known = places[0]!.findIndex((_, c) => places.some((of) => of[c] !== undefined));
  if (known < 0) return [places.map((_, i) => i)];
  const [first, last] = [0, 1].map((part) => (i: number): number => places[i]![known]?.[part] ?? -1);
  const order = places.map((_, i) => i).sort((a, b) => first!(a) - first!(b) || last!(a) - last!(b) || a - b);
  const runs: number[][] = [];
  for (const i of order) {
    const before = runs.at(-1)?.at(-1);
    const follows = before !== undefined && places[i]!.every((place, c) => {
      const other = places[before]![c], end = (other?.[1] ?? 0) + sizeOf(columns[c]![before]!.shape);
      return place?.[0] === other?.[0] && (place === undefined || place[1] === up(end));
    });
    if (follows) runs.at(-1)!.push(i);
    else runs.push([i]);
  }
  return runs;
};

/** The roots with multi-tensor nodes cut and ordered so that they find their inputs where other programs have them. */
export const alongside = (placed: Placed): (roots: readonly Tensor[]) => Tensor[] => {
  const known = new Map<Tensor, ReturnType<typeof runsOf>>();
  return rewrite((node) => {
    if (!is("result", node) || !is("foreach", node.args[0]!)) return node;
    const { args: [of], attributes: { index } } = node, { columns, shared } = columnsOf(of);
    const { body, count } = of.attributes, runs = known.get(of) ?? runsOf(columns, placed);
    known.set(of, runs);
    const at = index % count, run = runs.find((some) => some.includes(at))!;
    const cut = foreachOf(columns.map((c) => run.map((i) => c[i]!)), shared, body);
    return resultAt(cut, Math.floor(index / count) * run.length + run.indexOf(at));
  });
};

/** The roots with every tensor in one place of one pack: what several would hold is copied. */
export const packedOnce = (roots: readonly Tensor[]): readonly Tensor[] => {
  const taken = new Set<Tensor>(), runs: (readonly Tensor[])[] = [];
  let copies = 0;
  // a name for each: two copies of one tensor are two nodes
  const copied = (t: Tensor): Tensor => copy(`operand ${copies++} of multi-tensor nodes`)(t);
  const own = (t: Tensor): Tensor => {
    const stored = member(t),
      used = taken.has(stored) || is("result", stored) && is("foreach", stored.args[0]!);
    taken.add(stored);
    return used ? copied(t) : t;
  };
  const columns = rewrite((node) => {
    if (!is("foreach", node)) return node;
    const { columns, shared } = columnsOf(node), each = columns.map((c) => c.map(own));
    runs.push(...each.map((c) => c.map(member)));
    const made = foreachOf(each, shared, node.attributes.body), { count } = node.attributes;
    const results = resultsOf(made);
    made.attributes.body.results.forEach((_, r) => runs.push(results.slice(r * count, (r + 1) * count)));
    return made;
  })(roots);
  const summed = new Set<Tensor>();
  return rewrite((node) => {
    if (!is("foreachSum", node)) return node;
    const leaves = new Set(node.args.map(below));
    const whole = new Set(runs.filter((run) => run.every((t) => leaves.has(t))).flat());
    const partial = new Set(runs.flat().filter((t) => !whole.has(t)));
    return foreachSumOf(
      node.args.map((t) => {
        const leaf = below(t), used = summed.has(leaf) || partial.has(leaf);
        summed.add(leaf);
        return used ? copied(t) : t;
      }),
      node.attributes.body,
    );
  })(columns);
};

/** Lays tensors side by side, in as few packs as the limit allows. */
const packedTogether = (tensors: readonly Tensor[], name: string, maxBytes: number): Pack[] => {
  const packs: { tensor: Tensor; at: number }[][] = [[]];
  let end = 0;
  for (const tensor of tensors) {
    const size = sizeOf(tensor.shape);
    if (end > 0 && 4 * (up(end) + size) > maxBytes) {
      packs.push([]);
      end = 0;
    }
    packs.at(-1)!.push({ tensor, at: up(end) });
    end = up(end) + size;
  }
  return packs.map((parts, i) => {
    const { tensor, at } = parts.at(-1)!;
    return { whole: parameterOf({ of: name, index: i }, [at + sizeOf(tensor.shape)], tensor.dtype), parts };
  });
};

/** The results of a body, from values of its parameters. */
const lowered = (
  { parameters, results }: ClosedFunction,
  build: ValueBuilder,
  args: readonly Value[],
): readonly Value[] => {
  const known = new Map(parameters.map((p, i) => [p, args[i]!]));
  for (const t of topological(results)) {
    if (known.has(t)) continue;
    known.set(
      t,
      is("constant", t)
        ? build.literal(t.attributes.value, t.dtype)
        : build.apply(t.op as Operator, t.args.map((a) => known.get(a)!), t.dtype),
    );
  }
  return results.map((t) => known.get(t)!);
};

/** The kernels of a `foreach` node: one for as many tensors as may be side by side. */
export const foreachKernels = (node: Tensor<"foreach">, maxBytes: number): PackedKernels => {
  const { columns, shared } = columnsOf(node), { body, count } = node.attributes, results = resultsOf(node);
  const side = (tensors: readonly Tensor[], name: string): readonly Pack[] =>
    packedTogether(tensors, `${name} of foreach ${node.id}`, maxBytes);
  const read = columns.map((column, c) => side(column.map(member), `column ${c}`));
  const written = body.results.map((_, r) => side(results.slice(r * count, (r + 1) * count), `result ${r}`));
  const kernels = read[0]!.map((first, chunk): LoopKernel => {
    const rows = sizeOf(first.whole.shape), row = variable("row", rows), build = new ValueBuilder();
    const numbers = Array.from(
      { length: node.attributes.shared },
      (_, i) => build.load(member(shared!), int(i)),
    );
    const values = lowered(body, build, [
      ...read.map((packs) => build.load(packs[chunk]!.whole, row)),
      ...numbers,
    ]);
    return {
      kind: "loop",
      rows,
      columns: 1,
      reductions: [],
      outputs: values.map((value, r) => ({
        tensor: written[r]![chunk]!.whole,
        value,
        at: row,
        perRow: true,
      })),
      title: `foreach of ${first.parts.length} tensors`,
    };
  });
  return { kernels, packs: [...read.flat(), ...written.flat()], tables: new Map() };
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
  // below the count: col - count + length is from 0 to length - 1
  const place = plus(plus(col, scale(count, -1)), int(length));
  const value = build.guard(place, 0, length, element, build.literal(0, "f32"));
  const whole = parameterOf({ of: `rows of ${name}`, index: 0 }, [rows.length, length]);
  const result = intern("sum", [whole], { axes: [1] }, [rows.length, 1], "f32");
  return { reduction: { tensor: result, op: "sum", length, value }, tables: new Map([[tensor, numbers]]) };
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

/** The kernels of a `foreachSum` node. What other kernels hold side by side stays so: `packs` are theirs. */
export const foreachSumKernels = (
  node: Tensor<"foreachSum">,
  held: readonly Pack[],
  maxBytes: number,
): PackedKernels => {
  const leaves = node.args.map(below), own = new Set(leaves), { body } = node.attributes;
  const grouped = held.filter((p) => p.parts.every(({ tensor }) => own.has(tensor)));
  const byWhole = new Map(grouped.map((p) => [p.whole, p]));
  const inRun = new Set(grouped.flatMap((p) => p.parts.map(({ tensor }) => tensor)));
  const units = [...byWhole.keys(), ...leaves.filter((t) => !inRun.has(t))];
  const total = leaves.reduce((n, t) => n + sizeOf(t.shape), 0);
  const length = Math.min(LONGEST, Math.max(SHORTEST, 2 ** Math.ceil(Math.log2(total / PIECES))));
  const tables = new Map<Tensor, Int32Array>(), kernels: LoopKernel[] = [];
  const piecesOf = new Map<Tensor, readonly [first: number, count: number]>();
  const packs = packedTogether(units, `operands of foreachSum ${node.id}`, maxBytes);
  let pieces = 0;
  const rowsOf = packs.map(({ parts }) =>
    parts.flatMap(({ tensor: unit, at }) =>
      (byWhole.get(unit)?.parts ?? [{ tensor: unit, at: 0 }]).flatMap(({ tensor, at: inside }) => {
        const size = sizeOf(tensor.shape), count = Math.ceil(size / length);
        piecesOf.set(tensor, [pieces, count]);
        pieces += count;
        return Array.from(
          { length: count },
          (_, i) => [at + inside + i * length, Math.min(length, size - i * length)] as const,
        );
      })
    )
  );
  const partial = parameterOf({ of: "pieces of foreachSum", index: node.id }, [pieces]);
  let base = 0;
  packs.forEach(({ whole }, c) => {
    const rows = rowsOf[c]!, name = `pieces ${node.id}.${c}`;
    const sums = rowSum(name, rows, whole, length, (build, x) => lowered(body, build, [x])[0]!);
    kernels.push(summing(sums.reduction, rows.length, partial, base, `pieces of ${leaves.length} tensors`));
    sums.tables.forEach((numbers, t) => tables.set(t, numbers));
    base += rows.length;
  });
  const rows = leaves.map((t) => piecesOf.get(t)!), longest = Math.max(...rows.map(([, count]) => count));
  const last = rowSum(`totals ${node.id}`, rows, partial, longest, (_, element) => element);
  kernels.push(summing(last.reduction, rows.length, node, 0, `totals of ${rows.length} tensors`));
  last.tables.forEach((numbers, t) => tables.set(t, numbers));
  return { kernels, packs, tables };
};

/** Whether a tensor may be alongside others in one binding. */
export const tooLong = (maxBytes: number) => (t: Tensor): boolean => tensorBytes(t) > maxBytes;

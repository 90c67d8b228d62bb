/** Which loop of a kernel runs in vector lanes, and how loops are split. Chosen by counting instructions. */
import { columnName, type LoopKernel, type Output, walkValues } from "../graph/kernel.ts";
import { type Index, separate } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import { boundaries, cutsOf, type Rewriter, splitting, unsplit } from "./split.ts";

/** Instructions of each operator that takes more than one. */
const COSTS: Readonly<Record<string, number>> = {
  exp: 20,
  log: 28,
  sin: 50,
  cos: 50,
  tanh: 40,
  erf: 40,
  expm1: 36,
  log1p: 44,
  sigmoid: 26,
  pow: 160,
  div: 3,
  sqrt: 4,
  rsqrt: 6,
  mod: 40,
  threefry: 80,
};
const STRIDED = 5, WILD = 20;

const accessCost = (at: Index, vector: string): number => {
  const s = separate(at, vector);
  return s === undefined ? WILD : s.by === 0 || Math.abs(s.by) === 1 ? 1 : STRIDED;
};

/** Instructions for four lanes of `vector`; what does not change with `vector` nor `inner` is free. */
export const costOf = (values: readonly Value[], vector: string, inner?: string): number => {
  let cost = 0;
  walkValues(values, (v) => {
    if (v.kind === "literal" || (!v.uses.has(vector) && (inner === undefined || !v.uses.has(inner)))) return;
    if (v.kind === "load") cost += accessCost(v.at, vector);
    else if (v.kind === "apply") cost += COSTS[v.op] ?? 1;
    else if (v.kind === "guard") cost += 4 + (separate(v.at, vector) === undefined ? WILD : 0);
    else if (v.kind === "index") cost += separate(v.at, vector) === undefined ? WILD : 1;
  });
  return cost;
};

/** Every index that a value evaluates. */
export const indicesOf = (values: readonly Value[]): Index[] => {
  const out: Index[] = [];
  walkValues(values, (v) => {
    if (v.kind === "load" || v.kind === "index" || v.kind === "guard") out.push(v.at);
  });
  return out;
};

/** A stretch of an inner loop in which guards have one outcome. */
export interface Part {
  /** Its first value. */
  readonly start: number;
  /** Number of values. */
  readonly length: number;
  /** Puts expressions in terms of a variable that starts at 0 in this part. */
  readonly rewrite: Rewriter;
}

/** A split of one loop. */
export interface Split {
  /** Iterations of the outer loop. */
  readonly outer: number;
  /** Iterations of the inner loop. */
  readonly length: number;
  /** Puts expressions in terms of both. */
  readonly rewrite: Rewriter;
  /** The inner loop in parts; for whole inner loops alone. */
  readonly parts: readonly Part[];
}

/** Maximum number of parts of a loop, and the longest loop that is taken apart. */
const MAX_PARTS = 6, LONGEST = 8192;

/** Fixed cost of one pass of an outer loop. */
const PASS = 12;

/** The cheapest split of a vectorised loop of `size` values; what it rewrites is built with `build`. */
export const splitFor = (
  build: ValueBuilder,
  values: readonly Value[],
  places: readonly Index[],
  name: string,
  size: number,
  inner?: string,
): Split => {
  if (size === 0) return { outer: 1, length: 0, rewrite: unsplit(build), parts: [] };
  const indices = [...indicesOf(values), ...places];
  const costs = (rewrite: Rewriter): number =>
    costOf(values.map(rewrite.value), name, inner) +
    places.reduce((n, p) => n + accessCost(rewrite.index(p), name), 0);
  const candidate = (length: number): { readonly split: Split; readonly price: number } => {
    const rewrite = length === size ? unsplit(build) : splitting(build, name, size, length);
    const price = (parts: readonly Part[]): number =>
      (parts.reduce((n, p) => n + Math.ceil(p.length / 4) * costs(p.rewrite), 0) +
        (length < size ? PASS : 0)) / length;
    const one: Part[] = [{ start: 0, length, rewrite }];
    const plain = { split: { outer: size / length, length, rewrite, parts: one }, price: price(one) };
    const cuts = length > LONGEST ? [] : cutsOf(values.map(rewrite.value), name, length);
    if (cuts.length === 0 || cuts.length >= MAX_PARTS) return plain;
    const parts = [0, ...cuts].map((start, i): Part => {
      const count = (cuts[i] ?? length) - start;
      return { start, length: count, rewrite: splitting(build, name, size, length, start, count) };
    });
    const cut = price(parts);
    return cut < plain.price ? { split: { ...plain.split, parts }, price: cut } : plain;
  };
  let best = candidate(size);
  if (best.split.parts.length === 1 && indices.every((i) => separate(i, name) !== undefined)) {
    return best.split;
  }
  for (const length of boundaries(indices, name, size)) {
    const other = candidate(length);
    if (other.price < best.price) best = other;
  }
  return best.split;
};

/** Whether the lanes of a kernel of rows run over rows rather than over columns. */
export const lanesOverRows = (kernel: LoopKernel): boolean => {
  if (kernel.reductions.length === 0 || kernel.rows < 4) return kernel.reductions.length === 0;
  const wide = kernel.outputs.filter((o) => !o.perRow), build = new ValueBuilder();
  const price = (rows: boolean): number => {
    const loop = (values: readonly Value[], places: readonly Index[], length: number): number => {
      const column = columnName(length), vector = rows ? "row" : column, size = rows ? kernel.rows : length;
      const s = splitFor(build, values, places, vector, size, rows ? column : undefined);
      const body = costOf(values.map(s.rewrite.value), vector, rows ? column : undefined) +
        places.reduce((n, p) => n + accessCost(s.rewrite.index(p), vector), 0);
      return rows ? length * (body + 2) / 4 : Math.ceil(length / 4) * body;
    };
    return kernel.reductions.reduce((n, r) => n + loop([r.value], [], r.length) + (rows ? 2 : 12), 0) +
      (wide.length === 0 ? 0 : loop(wide.map((o: Output) => o.value), wide.map((o) => o.at), kernel.columns));
  };
  return price(true) < price(false);
};

/** Independent copies of a loop body that hide the latency of each other. */
export const copiesFor = (cost: number, iterations: number, wild: boolean): number =>
  wild ? 1 : cost <= 8 && iterations >= 32 ? 4 : cost <= 30 && iterations >= 16 ? 2 : 1;

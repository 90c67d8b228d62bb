/** Which loop of a kernel runs in vector lanes, and how loops are split. Chosen by counting instructions. */
import type { LoopKernel, Output } from "../graph/kernel.ts";
import { columnName, walkValues } from "../graph/kernel.ts";
import { type Index, separate, variablesOf } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import { boundaries, type Rewriter, splitting, unsplit } from "./split.ts";

/** Instructions of each operator that takes more than one. */
const COSTS: Readonly<Record<string, number>> = {
  exp: 20,
  log: 28,
  sin: 50,
  cos: 50,
  tanh: 40,
  erf: 24,
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

/** A split of one loop. */
export interface Split {
  /** Iterations of the outer loop. */
  readonly outer: number;
  /** Iterations of the inner loop. */
  readonly length: number;
  /** Puts expressions in terms of both. */
  readonly rewrite: Rewriter;
}

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
  const whole: Split = { outer: 1, length: size, rewrite: unsplit(build) };
  const indices = [...indicesOf(values), ...places];
  if (!indices.some((i) => variablesOf(i).has(name) && separate(i, name) === undefined)) return whole;
  const price = (s: Split): number => {
    const cost = costOf(values.map(s.rewrite.value), name, inner) +
      places.reduce((n, p) => n + accessCost(s.rewrite.index(p), name), 0);
    return (Math.ceil(s.length / 4) * cost + (s.outer > 1 ? PASS : 0)) / s.length;
  };
  let best = whole, least = price(whole);
  for (const length of boundaries(indices, name, size)) {
    const candidate = { outer: size / length, length, rewrite: splitting(build, name, size, length) };
    const p = price(candidate);
    if (p < least) [best, least] = [candidate, p];
  }
  return best;
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

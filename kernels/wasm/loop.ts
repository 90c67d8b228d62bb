/** Renders loop kernels: maps, reductions and whole rows of them (softmax, normalisation) as WebAssembly text. */
import { columnName, type LoopKernel, type Reduction } from "../graph/kernel.ts";
import { separate, variable } from "../ir/index_expr.ts";
import { ValueBuilder } from "../ir/value.ts";
import { Func, type Phase } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { overColumns } from "./columns.ts";
import { laneLoop, numberLoop, rangeLoop } from "./loops.ts";
import { CLAIM, phaseOf, storeAll } from "./outputs.ts";
import { type Accumulator, accumulator, declareReductions, join, start, take } from "./reduce.ts";
import { copiesFor, costOf, indicesOf, lanesOverRows, splitFor } from "./schedule.ts";
import { type Frame, Scope } from "./scope.ts";
import { outerName, type Rewriter } from "./split.ts";
import { get, i32, least, set, times } from "./text.ts";

/** Renders a loop kernel. */
export const renderLoop = (kernel: LoopKernel, dialect: Dialect): Phase[] =>
  lanesOverRows(kernel) ? [overRows(kernel, dialect)] : overColumns(kernel, dialect);

/** Columns that are summed by themselves before they are added to the others, for accuracy. */
const PIECE = 1024;

/** Writes a reduction of whole columns; the accumulators hold one row in each lane. */
const reduceRows = (scope: Scope, func: Func, r: Reduction, copies: number): Accumulator[] => {
  const { locals } = func, name = columnName(r.length), pieces = Math.ceil(r.length / PIECE);
  const totals = Array.from({ length: copies }, () => accumulator(r, locals));
  const body = (sums: readonly Accumulator[]) => (column: Scope): void => {
    const texts = sums.map((_, c) => column.value(r.value, c));
    const at = () => column.lanesOf(variable(name, r.length));
    sums.forEach((a, c) => column.lines.push(...take(r, a, texts[c]!, at, 4)));
  };
  for (const a of totals) scope.lines.push(...start(r, a));
  if (pieces <= 4) {
    numberLoop(scope, locals, name, r.length, body(totals));
    return totals;
  }
  const parts = totals.map(() => accumulator(r, locals)), end = locals.declare("end.piece", "i32");
  numberLoop(scope, locals, "piece", pieces, (piece) => {
    for (const a of parts) piece.lines.push(...start(r, a));
    const from = locals.fresh("i", "i32");
    piece.lines.push(
      set(from, times(get("piece"), PIECE)),
      set(end, least(`(i32.add ${get(from)} ${i32(PIECE)})`, r.length)),
    );
    rangeLoop(piece, locals, name, get(from), get(end), body(parts));
    totals.forEach((a, c) => piece.lines.push(...join(r, a, parts[c]!)));
  });
  return totals;
};

/** Lanes run over rows: maps, and reductions over axes that are not the last. */
const overRows = (given: LoopKernel, dialect: Dialect): Phase => {
  const { rows } = given, inner = given.reductions.length > 0;
  const lengths = [...new Set([...given.reductions.map((r) => r.length), given.columns])].map(columnName);
  const values = [...given.reductions.map((r) => r.value), ...given.outputs.map((o) => o.value)];
  const { outer, length, rewrite, parts } = splitFor(
    new ValueBuilder(),
    values,
    given.outputs.map((o) => o.at),
    "row",
    rows,
    lengths[0],
  );
  const longest = Math.max(1, ...given.reductions.map((r) => r.length), given.columns);
  const lookAt = (r: Rewriter) => {
    const own = values.map(r.value), cost = costOf(own, "row", lengths[0]) + 2 * given.outputs.length;
    return { cost, wild: indicesOf(own).some((x) => separate(x, "row") === undefined) };
  };
  const each = lookAt(rewrite).cost * longest;
  const copiesOf = (r: Rewriter, count: number): number => {
    const { cost, wild } = lookAt(r);
    if (!inner) return copiesFor(cost, count / 4, wild);
    return wild || count < 16 ? 1 : cost <= 24 ? 4 : 2;
  };
  const copies = copiesOf(rewrite, length);
  const block = parts.length > 1
    ? length
    : inner
    ? 4 * copies * Math.max(1, Math.round(512 / longest))
    : Math.max(4 * copies, Math.ceil(CLAIM / Math.max(1, each) / 4) * 16);
  const blocks = Math.max(1, Math.ceil(length / block)), whole = blocks === 1;

  const func = new Func(), { locals } = func, results = new Map<string, string>();
  const frame: Frame = {
    locals,
    dialect,
    buffer: func.buffer,
    result: (v, copy) => get(results.get(`${v.of.id}:${copy}`)!),
  };
  if (inner) declareReductions(locals);
  const top = new Scope(frame), unit = top.loop(["unit", outerName("row")]);
  if (outer > 1) {
    locals.declare(outerName("row"), "i32");
    unit.lines.push(set(outerName("row"), whole ? get("unit") : `(i32.div_u ${get("unit")} ${i32(blocks)})`));
  }
  const bodyOf = ({ value, index }: Rewriter) => {
    const reductions = given.reductions.map((r) => ({ ...r, value: value(r.value) }));
    const outputs = given.outputs.map((o) => ({ ...o, value: value(o.value), at: index(o.at) }));
    const perRow = outputs.filter((o) => o.perRow), wide = outputs.filter((o) => !o.perRow);
    return (scope: Scope, count: number): void => {
      for (const r of reductions) {
        const totals = reduceRows(scope, func, r, count);
        totals.forEach((a, c) => results.set(`${r.tensor.id}:${c}`, a.at ?? a.best));
      }
      storeAll(scope, inner ? perRow : outputs, count);
      if (inner && wide.length > 0) {
        numberLoop(scope, locals, columnName(given.columns), given.columns, (column) => {
          storeAll(column, wide, count);
        });
      }
    };
  };
  if (whole) {
    for (const p of parts) {
      const range = { name: "row", from: i32(0), to: p.length, length: p.length };
      laneLoop(unit, locals, { ...range, copies: copiesOf(p.rewrite, p.length) }, bodyOf(p.rewrite));
    }
  } else {
    for (const name of ["from", "to"]) locals.declare(name, "i32");
    const index = outer > 1 ? `(i32.rem_u ${get("unit")} ${i32(blocks)})` : get("unit");
    unit.lines.push(
      set("from", times(index, block)),
      set("to", least(`(i32.add ${get("from")} ${i32(block)})`, length)),
    );
    const range = { name: "row", from: get("from"), to: get("to"), length, copies };
    laneLoop(unit, locals, range, bodyOf(rewrite));
  }
  return phaseOf(given, func, top, unit, outer * blocks, each * Math.min(length, block) / 4);
};

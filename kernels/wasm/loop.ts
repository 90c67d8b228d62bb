/** Renders loop kernels: maps, reductions and whole rows of them (softmax, normalisation) as WebAssembly text. */
import { columnName, type LoopKernel, type Output, type Reduction } from "../graph/kernel.ts";
import { separate, variable } from "../ir/index_expr.ts";
import { type Value, ValueBuilder } from "../ir/value.ts";
import { Func, type Phase } from "./function.ts";
import { laneLoop, numberLoop } from "./loops.ts";
import {
  type Accumulator,
  accumulator,
  declareReductions,
  elementOf,
  join,
  joinLanes,
  start,
  take,
} from "./reduce.ts";
import { copiesFor, costOf, indicesOf, lanesOverRows, splitFor } from "./schedule.ts";
import { type Frame, Scope } from "./scope.ts";
import { outerName, unsplit } from "./split.ts";
import { get, i32, least, set, times } from "./text.ts";

/** Instructions that are worth a claim. */
const CLAIM = 20000;
/** Sums of more numbers than this are taken in blocks, for accuracy. */
const BLOCK = 4096;

/** Stores results; all are computed before the first is stored. */
const storeAll = (scope: Scope, outputs: readonly Output[], copies: number): void => {
  const texts = outputs.map((o) => Array.from({ length: copies }, (_, c) => scope.value(o.value, c)));
  outputs.forEach((o, i) => texts[i]!.forEach((text, c) => scope.store(o.tensor, o.at, text, c)));
};

const phaseOf = (
  kernel: LoopKernel,
  func: Func,
  top: Scope,
  unit: Scope,
  units: number,
  cost: number,
): Phase => ({
  label: labelOf(kernel),
  text: func.text(top.lines, unit.lines),
  tensors: func.tensors(),
  writes: kernel.outputs.map((o) => o.tensor),
  shared: 0,
  scratch: 0,
  units,
  chunk: Math.max(1, Math.round(CLAIM / Math.max(1, cost))),
});

/** Renders a loop kernel. */
export const renderLoop = (kernel: LoopKernel): Phase =>
  lanesOverRows(kernel) ? overRows(kernel) : overColumns(kernel);

/** Lanes run over rows: maps, and reductions over axes that are not the last. */
const overRows = (given: LoopKernel): Phase => {
  const { rows } = given, inner = given.reductions.length > 0;
  const lengths = [...new Set([...given.reductions.map((r) => r.length), given.columns])].map(columnName);
  const values = [...given.reductions.map((r) => r.value), ...given.outputs.map((o) => o.value)];
  const { outer, length, rewrite } = splitFor(
    new ValueBuilder(),
    values,
    given.outputs.map((o) => o.at),
    "row",
    rows,
    lengths[0],
  );
  const kernel: LoopKernel = {
    ...given,
    reductions: given.reductions.map((r) => ({ ...r, value: rewrite.value(r.value) })),
    outputs: given.outputs.map((o) => ({ ...o, value: rewrite.value(o.value), at: rewrite.index(o.at) })),
  };
  const own = [...kernel.reductions.map((r) => r.value), ...kernel.outputs.map((o) => o.value)];
  const wild = indicesOf(own).some((i) => separate(i, "row") === undefined);
  const longest = Math.max(1, ...kernel.reductions.map((r) => r.length), kernel.columns);
  const each = (costOf(own, "row", lengths[0]) + 2 * kernel.outputs.length) * longest;
  const copies = inner
    ? wild || length < 16 ? 1 : each / longest <= 24 ? 4 : 2
    : copiesFor(each, length / 4, wild);
  const block = inner
    ? 4 * copies * Math.max(1, Math.round(512 / longest))
    : Math.max(4 * copies, Math.ceil(CLAIM / Math.max(1, each) / 4) * 16);
  const blocks = Math.max(1, Math.ceil(length / block)), whole = blocks === 1;

  const func = new Func(), results = new Map<string, string>();
  const frame: Frame = {
    locals: func.locals,
    buffer: func.buffer,
    result: (v, copy) => get(results.get(`${v.of.id}:${copy}`)!),
  };
  if (inner) declareReductions(func.locals);
  const top = new Scope(frame), unit = top.loop(["unit", outerName("row")]);
  if (outer > 1) {
    func.locals.declare(outerName("row"), "i32");
    unit.lines.push(set(outerName("row"), whole ? get("unit") : `(i32.div_u ${get("unit")} ${i32(blocks)})`));
  }
  let from = i32(0), to: number | string = length;
  if (!whole) {
    func.locals.declare("from", "i32");
    func.locals.declare("to", "i32");
    const index = outer > 1 ? `(i32.rem_u ${get("unit")} ${i32(blocks)})` : get("unit");
    unit.lines.push(
      set("from", times(index, block)),
      set("to", least(`(i32.add ${get("from")} ${i32(block)})`, length)),
    );
    [from, to] = [get("from"), get("to")];
  }
  laneLoop(unit, func.locals, { name: "row", from, to, length, copies }, (scope, count, lanes) => {
    for (const r of kernel.reductions) {
      const sums = Array.from({ length: count }, () => accumulator(r, func.locals));
      for (const a of sums) scope.lines.push(...start(r, a));
      numberLoop(scope, func.locals, columnName(r.length), r.length, (column) => {
        const texts = sums.map((_, c) => column.value(r.value, c));
        const at = () => column.lanesOf(variable(columnName(r.length), r.length));
        sums.forEach((a, c) => column.lines.push(...take(r, a, texts[c]!, at, 4)));
      });
      sums.forEach((a, c) => results.set(`${r.tensor.id}:${c}`, a.at ?? a.best));
    }
    const perRow = kernel.outputs.filter((o) => o.perRow), wide = kernel.outputs.filter((o) => !o.perRow);
    storeAll(scope, inner ? perRow : kernel.outputs, count);
    if (inner && wide.length > 0) {
      numberLoop(scope, func.locals, columnName(kernel.columns), kernel.columns, (column) => {
        storeAll(column, wide, count);
      });
    }
    void lanes;
  });
  return phaseOf(kernel, func, top, unit, outer * blocks, each * Math.min(length, block) / 4);
};

/** Lanes run over columns: rows of neighbours. */
const overColumns = (given: LoopKernel): Phase => {
  const build = new ValueBuilder(), { value } = unsplit(build);
  const kernel: LoopKernel = {
    ...given,
    reductions: given.reductions.map((r) => ({ ...r, value: value(r.value) })),
    outputs: given.outputs.map((o) => ({ ...o, value: value(o.value) })),
  };
  const func = new Func(), results = new Map<number, string>();
  const frame: Frame = {
    locals: func.locals,
    buffer: func.buffer,
    result: (v) => get(results.get(v.of.id)!),
  };
  declareReductions(func.locals);
  func.locals.declare("row", "i32");
  const top = new Scope(frame), unit = top.loop(["unit", "row"]);
  unit.lines.push(set("row", get("unit")));
  let cost = 20;
  for (const r of kernel.reductions) cost += 12 + reduceColumns(unit, func, build, r, results);
  const perRow = kernel.outputs.filter((o) => o.perRow), wide = kernel.outputs.filter((o) => !o.perRow);
  storeAll(unit, perRow, 1);
  if (wide.length > 0) {
    cost += columns(
      unit,
      func,
      build,
      kernel.columns,
      wide.map((o) => o.value),
      wide.map((o) => o.at),
      (rewrite) => {
        const outputs = wide.map((o) => ({ ...o, value: rewrite.value(o.value), at: rewrite.index(o.at) }));
        return (scope, copies) => storeAll(scope, outputs, copies);
      },
    );
  }
  return phaseOf(kernel, func, top, unit, kernel.rows, cost);
};

type Body = (scope: Scope, copies: number, lanes: number) => void;

/** Writes a loop over columns, split where that pays; gives the instructions of all of it. */
const columns = (
  unit: Scope,
  func: Func,
  build: ValueBuilder,
  length: number,
  values: readonly Value[],
  places: Output["at"][],
  bodyOf: (rewrite: ReturnType<typeof splitFor>["rewrite"], most: number) => Body,
): number => {
  const name = columnName(length), split = splitFor(build, values, places, name, length);
  const own = values.map(split.rewrite.value), cost = costOf(own, name) + 2 * places.length;
  const wild = indicesOf(own).some((i) => separate(i, name) === undefined);
  const copies = copiesFor(cost, split.length / 4, wild), body = bodyOf(split.rewrite, copies);
  const loop = (scope: Scope): void =>
    laneLoop(
      scope,
      func.locals,
      { name, from: i32(0), to: split.length, length: split.length, copies },
      body,
    );
  if (split.outer > 1) numberLoop(unit, func.locals, outerName(name), split.outer, loop);
  else loop(unit);
  return split.outer * Math.ceil(split.length / 4) * cost;
};

const reduceColumns = (
  unit: Scope,
  func: Func,
  build: ValueBuilder,
  r: Reduction,
  results: Map<number, string>,
): number => {
  const total = accumulator(r, func.locals), spare = accumulator(r, func.locals), name = columnName(r.length);
  unit.lines.push(...start(r, total));
  let sums: Accumulator[] = [];
  const bodyOf = (
    rewrite: { readonly value: (v: Value) => Value; readonly index: (i: Output["at"]) => Output["at"] },
    most: number,
  ): Body => {
    const value = rewrite.value(r.value), place = rewrite.index(variable(name, r.length));
    sums = [total, ...Array.from({ length: most - 1 }, () => accumulator(r, func.locals))];
    for (const a of sums.slice(1)) unit.lines.push(...start(r, a));
    return (scope, copies, lanes) => {
      const texts = Array.from({ length: copies }, (_, c) => scope.value(value, c));
      texts.forEach((text, c) =>
        scope.lines.push(...take(r, sums[c]!, text, () => scope.lanesOf(place, c), lanes))
      );
    };
  };
  const cost = r.length === 0 ? 0 : columns(unit, func, build, r.length, [r.value], [], bodyOf);
  for (const a of sums.slice(1)) unit.lines.push(...join(r, total, a));
  unit.lines.push(...joinLanes(r, total, spare));
  results.set(r.tensor.id, total.at ?? total.best);
  void elementOf;
  void BLOCK;
  return cost;
};

const labelOf = (kernel: LoopKernel): string => {
  const ops = [...kernel.reductions.map((r) => r.op), ...kernel.outputs.map((o) => o.tensor.op)];
  return `${kernel.reductions.length > 0 ? "rows" : "map"} ${kernel.rows}x${kernel.columns} ${
    [...new Set(ops)].join("+")
  }`;
};

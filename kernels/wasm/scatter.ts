/**
 * Renders scatterAdd: each unit owns some columns of the table, clears them, and adds all updates to them in order
 * of position. No two threads write one number, and the result does not depend on timing. Many updates add up in
 * float64, in the thread's own memory: those of one row may be tens of thousands.
 */
import type { ScatterKernel } from "../graph/kernel.ts";
import { plus, scale, variable } from "../ir/index_expr.ts";
import { Func, type Phase } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { laneLoop, numberLoop } from "./loops.ts";
import { Scope } from "./scope.ts";
import { get, i32, least, set, times } from "./text.ts";

/** Columns of one unit: two cache lines. */
const COLUMNS = 32;

/** More updates than this add up in float64. */
const LONG = 4096;
/** Bytes of a thread's memory for such sums, as long as four columns fit. */
const MAX_BYTES = 2 ** 24;

/** Renders a scatter kernel. */
export const renderScatter = (kernel: ScatterKernel, dialect: Dialect): Phase =>
  kernel.positions > LONG ? inFloat64(kernel, dialect) : inOrder(kernel, dialect);

const inOrder = (kernel: ScatterKernel, dialect: Dialect): Phase => {
  const { positions, width, tableRows } = kernel, table = kernel.outputs[0]!.tensor;
  const func = new Func(), { locals } = func;
  const top = new Scope({ locals, dialect, buffer: func.buffer, result: () => "" }),
    unit = top.loop(["unit"]);
  for (const name of ["from", "to", "id", "at"]) locals.declare(name, "i32");
  unit.lines.push(
    set("from", times(get("unit"), COLUMNS)),
    set("to", least(`(i32.add ${get("from")} ${i32(COLUMNS)})`, width)),
  );
  const range = { name: "col", from: get("from"), to: get("to"), length: width, copies: 1 };
  const row = variable("line", tableRows), col = variable("col", width);
  numberLoop(unit, locals, "line", tableRows, (line) => {
    laneLoop(line, locals, range, (scope) => {
      scope.store(table, plus(scale(row, width), col), "(v128.const i32x4 0 0 0 0)");
    });
  });
  numberLoop(unit, locals, "other", positions, (position) => {
    const id = position.value(kernel.otherId);
    const inside = position.loop([]);
    laneLoop(inside, locals, range, (scope, _copies, lanes) => {
      const update = scope.value(kernel.update),
        to = locals.fresh("i", "i32"),
        sum = locals.fresh("v", "v128");
      scope.lines.push(
        set(to, `(i32.add ${get("at")} ${times(get("col"), 4)})`),
        set(sum, `(f32x4.add (v128.load ${get(to)}) ${update})`),
        ...(lanes === 4
          ? [`(v128.store ${get(to)} ${get(sum)})`]
          : Array.from({ length: lanes }, (_, l) =>
            `(v128.store32_lane offset=${4 * l} ${l} ${get(to)} ${get(sum)})`)),
      );
    });
    position.lines.push(
      set("id", `(i32x4.extract_lane 0 ${id})`),
      `(if (i32.lt_u ${get("id")} ${i32(tableRows)}) (then`,
      set("at", `(i32.add ${func.buffer(table)} ${times(get("id"), 4 * width)})`),
      ...inside.lines,
      "))",
    );
  });
  return {
    label: `scatterAdd ${positions}x${width}`,
    text: func.text(top.lines, unit.lines),
    tensors: func.tensors(),
    writes: [table],
    shared: 0,
    scratch: 0,
    units: Math.ceil(width / COLUMNS),
    chunk: 1,
  };
};

/** The upper two lanes of a vector, in place of the lower ones. */
const upper = (x: string): string => `(i8x16.shuffle 8 9 10 11 12 13 14 15 8 9 10 11 12 13 14 15 ${x} ${x})`;

const inFloat64 = (kernel: ScatterKernel, dialect: Dialect): Phase => {
  const { positions, width, tableRows } = kernel, table = kernel.outputs[0]!.tensor;
  const columns = Math.max(4, Math.min(COLUMNS, Math.floor(MAX_BYTES / 8 / tableRows / 4) * 4));
  const line = 8 * columns, func = new Func(), { locals } = func, sums = func.scratch(0);
  const top = new Scope({ locals, dialect, buffer: func.buffer, result: () => "" });
  const unit = top.loop(["unit"]);
  for (const name of ["from", "to", "id", "at"]) locals.declare(name, "i32");
  unit.lines.push(
    set("from", times(get("unit"), columns)),
    set("to", least(`(i32.add ${get("from")} ${i32(columns)})`, width)),
    set("at", sums),
  );
  const range = { name: "col", from: get("from"), to: get("to"), length: width, copies: 1 };
  const place = `(i32.add ${get("at")} (i32.shl (i32.sub ${get("col")} ${get("from")}) (i32.const 3)))`;
  const next = set("at", `(i32.add ${get("at")} ${i32(line)})`);
  numberLoop(unit, locals, "line", tableRows, (row) => {
    for (let at = 0; at < line; at += 16) {
      row.lines.push(`(v128.store offset=${at} ${get("at")} (v128.const i32x4 0 0 0 0))`);
    }
    row.lines.push(next);
  });
  numberLoop(unit, locals, "other", positions, (position) => {
    const id = position.value(kernel.otherId), inside = position.loop([]);
    laneLoop(inside, locals, range, (scope) => {
      const update = scope.value(kernel.update), to = locals.fresh("i", "i32");
      scope.lines.push(set(to, place));
      [update, upper(update)].forEach((half, i) =>
        scope.lines.push(
          `(v128.store offset=${16 * i} ${get(to)} (f64x2.add (v128.load offset=${16 * i} ${
            get(to)
          }) (f64x2.promote_low_f32x4 ${half})))`,
        )
      );
    });
    position.lines.push(
      set("id", `(i32x4.extract_lane 0 ${id})`),
      `(if (i32.lt_u ${get("id")} ${i32(tableRows)}) (then`,
      set("at", `(i32.add ${sums} ${times(get("id"), line)})`),
      ...inside.lines,
      "))",
    );
  });
  const row = variable("line", tableRows), col = variable("col", width);
  unit.lines.push(set("at", sums));
  numberLoop(unit, locals, "line", tableRows, (rows) => {
    laneLoop(rows, locals, range, (scope) => {
      const from = locals.fresh("i", "i32"), value = locals.fresh("v", "v128");
      const half = (i: number): string =>
        `(f32x4.demote_f64x2_zero (v128.load offset=${16 * i} ${get(from)}))`;
      scope.lines.push(
        set(from, place),
        set(value, `(i8x16.shuffle 0 1 2 3 4 5 6 7 16 17 18 19 20 21 22 23 ${half(0)} ${half(1)})`),
      );
      scope.store(table, plus(scale(row, width), col), get(value));
    });
    rows.lines.push(next);
  });
  return {
    label: `scatterAdd ${positions}x${width}`,
    text: func.text(top.lines, unit.lines),
    tensors: func.tensors(),
    writes: [table],
    shared: 0,
    scratch: tableRows * line,
    units: Math.ceil(width / columns),
    chunk: 1,
  };
};

/**
 * Renders scatterAdd: each unit owns some columns of the table, clears them, and adds all updates to them in order
 * of position. No two threads write one number, and the result does not depend on timing.
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

/** Renders a scatter kernel. */
export const renderScatter = (kernel: ScatterKernel, dialect: Dialect): Phase => {
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

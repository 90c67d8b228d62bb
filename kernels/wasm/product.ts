/** Shared parts of all ways to compute a product: how operands are, and results from the products of a row. */
import type { ContractionKernel, LoadValue, Output } from "../graph/kernel.ts";
import { dependsOn, separate } from "../ir/index_expr.ts";
import { Func } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { laneLoop } from "./loops.ts";
import type { Layout } from "./pack.ts";
import { costOf, indicesOf } from "./schedule.ts";
import { type Frame, Scope } from "./scope.ts";
import { get } from "./text.ts";

/** How an operand is along the summed index and its own axis. */
export interface Operand {
  /** The element at (`batch`, its axis, `k`). */
  readonly load: LoadValue;
  /** Its place at `k` = 0. */
  readonly start: LoadValue["at"];
  /** Elements from one step of the summed index to the next. */
  readonly stride: number;
  /** How neighbours are. */
  readonly layout: Layout;
  /** Whether it changes with the batch. */
  readonly batched: boolean;
}

/** Looks at an operand. */
export const operandOf = (load: LoadValue, axis: "row" | "col"): Operand => {
  const { rest, by } = separate(load.at, "k")!;
  const own = separate(load.at, axis);
  return {
    load,
    start: rest,
    stride: by,
    layout: own?.by === 1 ? "along lines" : by === 1 ? "along k" : "scattered",
    batched: dependsOn(load.at, "batch"),
  };
};

/** A function, its scopes, and where its products are kept until the results are computed from them. */
export interface Frames {
  /** The function. */
  readonly func: Func;
  /** What runs once a call. */
  readonly top: Scope;
  /** What runs for each unit. */
  readonly unit: Scope;
}

/** The frames of a contraction's function: `$sums` points at the products of a row, less the row's first column. */
export const framesOf = (dialect: Dialect): Frames => {
  const func = new Func();
  func.locals.declare("sums", "i32");
  const frame: Frame = {
    locals: func.locals,
    dialect,
    buffer: func.buffer,
    result: (_, copy) =>
      `(v128.load offset=${16 * copy} (i32.add ${get("sums")} (i32.shl ${get("col")} (i32.const 2))))`,
  };
  const top = new Scope(frame);
  return { func, top, unit: top.loop(["unit", "batch"]) };
};

/** Writes the results of one row from the products of it: columns from `from` to `to`. */
export const finishRow = (
  { func }: Frames,
  row: Scope,
  outputs: readonly Output[],
  n: number,
  from: string,
  to: string | number,
): void => {
  const values = outputs.map((o) => o.value), cost = costOf(values, "col");
  const wild = indicesOf(values).some((i) => separate(i, "col") === undefined);
  const copies = wild || cost > 30 || n < 32 ? 1 : cost > 8 ? 2 : 4;
  laneLoop(row, func.locals, { name: "col", from, to, length: n, copies }, (scope, count) => {
    const texts = outputs.map((o) => Array.from({ length: count }, (_, c) => scope.value(o.value, c)));
    outputs.forEach((o, i) => texts[i]!.forEach((text, c) => scope.store(o.tensor, o.at, text, c)));
  });
};

/** What people read of a contraction. */
export const labelOf = ({ size: { batch, m, n, k }, outputs }: ContractionKernel): string =>
  `matmul ${batch}x${m}x${n}x${k}${
    outputs.length > 1 || outputs[0]!.value.kind !== "accumulator" ? " +" : ""
  }`;

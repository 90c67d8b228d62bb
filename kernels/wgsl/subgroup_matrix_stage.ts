/** Blocks of an operand as f16 in workgroup memory: their layout, and the statements that copy them. */
import type { LoadValue } from "../graph/kernel.ts";
import { divisible, separate } from "../ir/index_expr.ts";
import { PADDING } from "../schedule/matrix.ts";
import { EIGHT, type Eight, eightHalves, widest } from "./halves.ts";
import { type Bindings, when } from "./module.ts";
import { accessOf } from "./operand.ts";
import { indexOnly, Scope } from "./scope.ts";

/** Dependencies of a copy. */
export interface StageSize {
  /** Elements of the operand's own axis. */
  readonly lines: number;
  /** Lines of a block. */
  readonly width: number;
  /** Steps of a block. */
  readonly depth: number;
  /** Steps of the whole sum. */
  readonly k: number;
  /** Workers that copy. */
  readonly workers: number;
  /** Bindings of the kernel. */
  readonly bindings: Bindings;
}

/** A block of an operand in workgroup memory. */
export interface Staged {
  /** Name of the array of a buffer. */
  readonly name: (buffer: number) => string;
  /** Its declaration: eight elements to one of the array. */
  readonly declaration: (buffer: number) => string;
  /** Whether steps of one line are side by side; otherwise lines of one step do. */
  readonly linesOutside: boolean;
  /** Elements from one line, or one step, to the next. */
  readonly stride: number;
  /** Elements from one line to the next. */
  readonly next: number;
  /** Statements that copy the block of steps from `at` on into the first buffer. */
  readonly copy: (at: string) => readonly string[];
  /** Registers that hold a block on its way, eight elements in each. */
  readonly registers: readonly string[];
  /** Statements that read the block of steps from `at` on into these. */
  readonly read: (at: string) => readonly string[];
  /** Statements that put them into a buffer. */
  readonly put: (buffer: number) => readonly string[];
}

/** How an operand is staged: eight elements an iteration along its own memory, 0 beyond its edges. */
export const stagedOperand = (
  load: LoadValue,
  axis: "row" | "col",
  { lines, width, depth, k, workers, bindings }: StageSize,
): Staged => {
  const { rest, by } = separate(load.at, "k")!, access = accessOf(load, axis, lines, k);
  const name = axis === "row" ? "left_block" : "right_block", base = axis === "row" ? "tile_row" : "tile_col";
  const linesOutside = access !== "along axis", inside = linesOutside ? depth : width;
  const stride = inside + PADDING, outside = linesOutside ? width : depth, eights = inside / EIGHT;
  const whole = { lines: lines % width === 0, steps: k % depth === 0 };
  const scope = new Scope(indexOnly, ["batch", axis]);
  // the part of a place that all eight share
  const along = separate(load.at, axis);
  const start = scope.index(linesOutside ? rest : separate(along!.rest, "k")!.rest);
  const stepped = (at: string): string =>
    by === 0
      ? "start"
      : `start ${by < 0 ? "-" : "+"} ${at}${Math.abs(by) === 1 ? "" : ` * ${Math.abs(by)}u`}`;
  const inLine: Eight = {
    load,
    bindings,
    position: stepped,
    first: "inner",
    length: k,
    ragged: !whole.steps,
    wide: widest((n) => access === "along k" && k % n === 0 && divisible(rest, n)),
    when: whole.lines ? undefined : `outer < ${lines}u`,
  };
  const inStep: Eight = {
    load,
    bindings,
    position: (at) => `${stepped("step")} + ${at}`,
    first: "inner",
    length: lines,
    ragged: !whole.lines,
    wide: widest((n) => !linesOutside && lines % n === 0 && divisible(along!.rest, n)),
    when: whole.steps ? undefined : `outer < ${k}u`,
  };
  const clamped = (length: number, exact: boolean): string => exact ? "outer" : `min(outer, ${length - 1}u)`;
  const array = (buffer: number): string => `${name}${buffer === 0 ? "" : `_${buffer}`}`;
  const count = outside * eights, side = axis === "row" ? "left" : "right";
  const registers = Array.from({ length: Math.ceil(count / workers) }, (_, t) => `${side}_${t}`);
  /** Statements that read the eight elements of an iteration into `v`. */
  const eight = (at: string): string[] => [
    `let line = turn / ${eights}u;`,
    `let eight = turn % ${eights}u;`,
    `let outer = ${linesOutside ? base : at} + line;`,
    `let inner = ${linesOutside ? at : base} + eight * ${EIGHT}u;`,
    linesOutside ? `let ${axis} = ${clamped(lines, whole.lines)};` : `let step = ${clamped(k, whole.steps)};`,
    ...scope.lines,
    `let start = ${start};`,
    ...eightHalves("v", linesOutside ? inLine : inStep),
  ];
  const iterations = (statements: (register: string) => readonly string[]): string[] =>
    registers.flatMap((register, t) => [
      "{",
      `let turn = lane.x + ${t * workers}u;`,
      ...when((t + 1) * workers > count ? [`turn < ${count}u`] : [], statements(register)),
      "}",
    ]);
  return {
    name: array,
    declaration: (buffer) =>
      `var<workgroup> ${array(buffer)}: array<vec4<u32>, ${outside * stride / EIGHT}>;`,
    linesOutside,
    stride,
    next: linesOutside ? stride : 1,
    copy: (at) => [
      `for (var turn = lane.x; turn < ${count}u; turn += ${workers}u) {`,
      ...eight(at),
      `${array(0)}[line * ${stride / EIGHT}u + eight] = v;`,
      "}",
    ],
    registers,
    read: (at) => iterations((register) => [...eight(at), `${register} = v;`]),
    put: (buffer) =>
      iterations((register) => [
        `${array(buffer)}[turn / ${eights}u * ${stride / EIGHT}u + turn % ${eights}u] = ${register};`,
      ]),
  };
};

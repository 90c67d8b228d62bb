/** Blocks of an operand as f16 in workgroup memory: how they lie there, and the statements that copy them. */
import type { LoadValue } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import { PADDING } from "../schedule/matrix.ts";
import type { Bindings } from "./module.ts";
import { accessOf } from "./operand.ts";
import { indexOnly, Scope } from "./scope.ts";

/** What a copy depends on. */
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
  /** What the kernel binds. */
  readonly bindings: Bindings;
}

/** A block of an operand in workgroup memory. */
export interface Staged {
  /** Name of the array. */
  readonly name: string;
  /** Its declaration. */
  readonly declaration: string;
  /** Whether steps of one line lie side by side; otherwise lines of one step do. */
  readonly linesOutside: boolean;
  /** Elements from one line, or one step, to the next. */
  readonly stride: number;
  /** Statements that copy the block of steps from `k0` on. */
  readonly copy: readonly string[];
}

const four = [0, 1, 2, 3] as const;

/** How an operand is staged: four elements a turn along its own memory. Edges are clamped, steps beyond the sum are 0. */
export const stagedOperand = (
  load: LoadValue,
  axis: "row" | "col",
  { lines, width, depth, k, workers, bindings }: StageSize,
): Staged => {
  const { rest, by } = separate(load.at, "k")!, access = accessOf(load, axis, lines, k);
  const name = axis === "row" ? "left_block" : "right_block",
    base = axis === "row" ? "tile_row" : "tile_col";
  const linesOutside = access !== "along axis", inside = linesOutside ? depth : width;
  const stride = inside + PADDING, outside = linesOutside ? width : depth, quads = inside / 4;
  const wide = access !== "scalar", ragged = k % depth !== 0;
  const read = (at: string): string => bindings.raw(load.from, at, wide ? 4 : 1);
  const scope = new Scope(indexOnly, ["batch", axis]), start = scope.index(rest);
  const line = linesOutside ? "outer" : "inner", step = linesOutside ? "inner" : "outer";
  // a group of four lines is whole where memory runs along them
  const last = access === "along axis" ? lines - 4 : lines - 1;
  const here = lines % width === 0 ? `${base} + ${line}` : `min(${base} + ${line}, ${last}u)`;
  const moved = (at: string): string =>
    by === 0
      ? "start"
      : `start ${by < 0 ? "-" : "+"} ${at}${Math.abs(by) === 1 ? "" : ` * ${Math.abs(by)}u`}`;
  const element = (u: number): string => {
    const at = `kk + ${u}u`;
    return ragged
      ? `select(0h, f16(${read(moved(`min(${at}, ${k - 1}u)`))}), ${at} < ${k}u)`
      : `f16(${read(moved(`(${at})`))})`;
  };
  const vector = (): string => {
    const far = access === "along k" ? k - 4 : k - 1, at = ragged ? `min(kk, ${far}u)` : "kk";
    const four = `vec4<f16>(${read(`(${moved(at)}) >> 2u`)})`;
    return ragged ? `select(vec4<f16>(), ${four}, kk < ${k}u)` : four;
  };
  return {
    name,
    declaration: `var<workgroup> ${name}: array<f16, ${outside * stride}>;`,
    linesOutside,
    stride,
    copy: [
      `for (var turn = lane.x; turn < ${outside * quads}u; turn += ${workers}u) {`,
      `let outer = turn / ${quads}u;`,
      `let inner = (turn % ${quads}u) * 4u;`,
      `let kk = k0 + ${step};`,
      "var start: u32;",
      "{",
      `let ${axis} = ${here};`,
      ...scope.lines,
      `start = ${start};`,
      "}",
      wide ? `let v = ${vector()};` : `let v = vec4<f16>(${four.map(element).join(", ")});`,
      `let to = outer * ${stride}u + inner;`,
      ...four.map((u) => `${name}[to + ${u}u] = v.${"xyzw"[u]};`),
      "}",
    ],
  };
};

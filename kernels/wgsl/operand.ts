/** How the operands of a contraction are read: which way their memory runs, and the text that follows it. */
import type { LoadValue } from "../graph/kernel.ts";
import { divisible, separate } from "../ir/index_expr.ts";
import { indexOnly, Scope } from "./scope.ts";

/** How an operand may be read: 4-vectors along the summed index, along its own axis, or one by one. */
export type Access = "along k" | "along axis" | "scalar";

/** The widest way to read an operand whose own axis has `length` elements. */
export const accessOf = (load: LoadValue, axis: string, length: number, k: number): Access => {
  const byK = separate(load.at, "k")!;
  if (k % 4 !== 0 && k !== 1) return "scalar";
  if (byK.by === 1 && k % 4 === 0 && divisible(byK.rest, 4)) return "along k";
  const byAxis = separate(load.at, axis);
  if (byAxis?.by === 1 && length % 4 === 0 && divisible(byAxis.rest, 4)) return "along axis";
  return "scalar";
};

/** Text that reads one operand for the tile of a worker. */
export interface Pointers {
  /** Reads line `i` of the tile for some steps. */
  readonly load: (read: (at: string) => string, i: number, count: number, stride: number) => string[];
  /** Element of line `i` at step `u`. */
  readonly element: (i: number, u: number) => string;
  /** Four columns at step `u`. */
  readonly quad: (u: number, q: number) => string;
}

/** Pointers to the lines of a worker's tile, declared in `top`. */
export const pointers = (
  top: Scope,
  load: LoadValue,
  axis: string,
  origin: string,
  lines: number,
  length: number,
  access: Access,
  prefix: string,
): Pointers => {
  const { rest } = separate(load.at, "k")!;
  const last = length - 1, every = access === "along axis" ? 4 : 1;
  const ragged = access === "along axis" ? length % 4 : length % lines;
  // positions of the lines at k = 0, in elements or in 4-vectors
  for (let i = 0; i < lines; i += every) {
    const at = `${origin} + ${i}u`;
    const clamped = ragged !== 0 || length < lines || length % lines !== 0
      ? `min(${at}, ${last - (every - 1)}u)`
      : at;
    const scope = new Scope(indexOnly, ["batch", axis]);
    const text = scope.index(rest);
    top.lines.push(
      `var ${prefix}${i}: u32;`,
      "{",
      `let ${axis} = ${clamped};`,
      ...scope.lines,
      `${prefix}${i} = ${text};`,
      "}",
    );
  }
  const moved = (i: number, u: number, stride: number): string => {
    if (stride === 0) return `${prefix}${i}`;
    const far = Math.abs(stride), by = far === 1 ? "" : ` * ${far}u`;
    return `${prefix}${i} ${stride < 0 ? "-" : "+"} (k + ${u}u)${by}`;
  };
  const lane = (i: number) => "xyzw"[i & 3]!;
  const name = (i: number, u: number) =>
    access === "along k"
      ? `${prefix}v${i}.${lane(u)}`
      : access === "along axis"
      ? `${prefix}v${i >> 2}_${u}.${lane(i)}`
      : `${prefix}v${i}_${u}`;
  const loadLine: Pointers["load"] = (read, i, count, stride) => {
    if (access === "along k") return [`let ${prefix}v${i} = ${read(`(${prefix}${i} + k) >> 2u`)};`];
    if (access === "along axis") {
      return i % 4 !== 0
        ? []
        : Array.from({ length: count }, (_, u) =>
          `let ${prefix}v${i >> 2}_${u} = ${read(`(${moved(i, u, stride)}) >> 2u`)};`);
    }
    return Array.from(
      { length: count },
      (_, u) => `let ${prefix}v${i}_${u} = ${read(moved(i, u, stride))};`,
    );
  };
  return {
    load: loadLine,
    element: name,
    quad: (u, q) =>
      access === "along axis"
        ? `${prefix}v${q}_${u}`
        : `vec4f(${Array.from({ length: 4 }, (_, j) => name(q * 4 + j, u)).join(", ")})`,
  };
};

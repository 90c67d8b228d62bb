/** Eight f16 at a time on their way to workgroup memory: one copy of 16 bytes where memory allows it. */
import type { LoadValue } from "../graph/kernel.ts";
import type { Bindings } from "./module.ts";

/** Elements that are in one `vec4<u32>`. */
export const EIGHT = 8;

/** How an operand is read along one of its axes. */
export interface Eight {
  /** The operand. */
  readonly load: LoadValue;
  /** Bindings of the kernel. */
  readonly bindings: Bindings;
  /** The position in memory of a place on the axis, as text. */
  readonly position: (at: string) => string;
  /** The first of the eight places, as text. */
  readonly first: string;
  /** Places on the axis. */
  readonly length: number;
  /** Whether some of the eight may be beyond; these are 0. */
  readonly ragged: boolean;
  /** Elements that are side by side in memory at a multiple of their number. */
  readonly wide: 8 | 4 | 1;
  /** What must hold for any of them to be there. */
  readonly when?: string | undefined;
}

/** The widest of 8 and 4 that passes; else 1. */
export const widest = (passes: (lanes: 8 | 4) => boolean): 8 | 4 | 1 => passes(8) ? 8 : passes(4) ? 4 : 1;

/** Statements that put eight elements, as f16, into a `vec4<u32>` of a name. */
export const eightHalves = (
  name: string,
  { load: { from }, bindings, position, first, length, ragged, wide, when }: Eight,
): string[] => {
  const place = (u: number): string => u === 0 ? first : `${first} + ${u}u`;
  const clamped = (u: number, count: number): string => {
    const at = place(u);
    return position(ragged ? `min(${at}, ${length - count}u)` : u === 0 ? at : `(${at})`);
  };
  const there = (u: number, zero: string, value: string): string => {
    const conditions = [
      ...(when === undefined ? [] : [when]),
      ...(ragged ? [`${place(u)} < ${length}u`] : []),
    ];
    return conditions.length === 0 ? value : `select(${zero}, ${value}, ${conditions.join(" && ")})`;
  };
  if (wide === EIGHT && from.dtype === "f16") {
    const value = bindings.raw(from, `(${clamped(0, EIGHT)}) >> 3u`, EIGHT);
    return [`let ${name} = ${there(0, "vec4<u32>()", value)};`];
  }
  const quad = (u: number): string =>
    wide === 1
      ? `vec4<f16>(${
        [0, 1, 2, 3].map((i) => there(u + i, "0h", `f16(${bindings.raw(from, clamped(u + i, 1))})`)).join(
          ", ",
        )
      })`
      : there(u, "vec4<f16>()", `vec4<f16>(${bindings.raw(from, `(${clamped(u, 4)}) >> 2u`, 4)})`);
  return [
    `let ${name}_low = ${quad(0)};`,
    `let ${name}_high = ${quad(4)};`,
    `let ${name} = vec4<u32>(bitcast<vec2<u32>>(${name}_low), bitcast<vec2<u32>>(${name}_high));`,
  ];
};

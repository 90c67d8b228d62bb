/** Rows of attention's operands: read in place, or from a copy where their layout is unfavourable. */
import type { LoadValue } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import type { Room } from "./attention_tiles.ts";
import type { Func } from "./function.ts";
import type { Scope } from "./scope.ts";
import { add, get, i32, repeat, set, times } from "./text.ts";

/** Rows of an operand in memory. */
export interface Lines {
  /** Text of the address of the first. */
  readonly at: string;
  /** Bytes from one to the next. */
  readonly line: number;
}

/** What rows are found in. */
interface Around {
  readonly func: Func;
  readonly unit: Scope;
  readonly room: Room;
  /** Channels of a row. */
  readonly width: number;
}

/** Which rows are wanted. */
export interface Wanted {
  /** The local that gets their address. */
  readonly name: string;
  /** An element at (`axis`, `d`) and what is around it. */
  readonly load: LoadValue;
  /** Their axis. */
  readonly axis: "row" | "key";
  /** Text of the first. */
  readonly first: string;
  /** Text of how many. */
  readonly count: string;
  /** How many at most. */
  readonly most: number;
  /** Whether rows that are far apart are worth a copy. */
  readonly near: boolean;
}

/** Statements that find rows, and where they are then. */
export interface Found {
  /** The statements. */
  readonly text: readonly string[];
  /** The rows. */
  readonly lines: Lines;
}

/** Bytes between rows of which many fall into one set of a cache. */
const FAR = 512;

/** Finds rows: where their channels are not neighbours, or they are far apart, in a copy. */
export const findLines = (
  { func, unit, room, width }: Around,
  { name, load, axis, first, count, most, near }: Wanted,
): Found => {
  const packed = 16 * Math.ceil(width / 4);
  const along = separate(load.at, "d")!, steps = separate(along.rest, axis);
  const local = func.locals.declare(name, "i32"),
    lines = (line: number): Lines => ({ at: get(local), line });
  const start = (row: string): readonly [readonly string[], string] => {
    const scope = unit.loop(["batch", "head", "kv", "row", "key"]),
      at = scope.address(load.from, along.rest);
    return [[set(axis, row), ...scope.lines], at];
  };
  const by = 4 * (steps?.by ?? 0), plain = along.by === 1 && steps !== undefined && by >= 0;
  if (plain && (!near || by % FAR !== 0)) {
    const [text, at] = start(first);
    return { text: [...text, set(local, at)], lines: lines(by) };
  }
  const copy = func.scratch(room.take(most * packed));
  if (plain) {
    const [text, at] = start(first);
    const call = `(call $copyrows ${at} ${i32(by)} ${count} ${i32(packed / 16)} ${copy} ${i32(packed)})`;
    return { text: [...text, call, set(local, copy)], lines: lines(packed) };
  }
  const to = func.locals.fresh("i", "i32"),
    from = func.locals.fresh("i", "i32"),
    left = func.locals.fresh("i", "i32");
  const [text, at] = start(add(first, get(to)));
  const c = func.locals.fresh("i", "i32");
  const each = [
    ...text,
    set(from, at),
    set(left, add(copy, times(get(to), packed))),
    set(c, i32(width)),
    ...repeat(func.locals.unique("l"), get(c), [
      `(i32.store ${get(left)} (i32.load ${get(from)}))`,
      set(left, add(get(left), i32(4))),
      set(from, add(get(from), i32(4 * along.by))),
      set(c, `(i32.sub ${get(c)} ${i32(1)})`),
    ], true),
    set(to, add(get(to), i32(1))),
  ];
  return {
    text: [
      set(to, i32(0)),
      ...repeat(func.locals.unique("l"), `(i32.lt_s ${get(to)} ${count})`, each, false),
      set(local, copy),
    ],
    lines: lines(packed),
  };
};

/** Products of tiles that are read in place, one register tile at a time. */
import { add, get, i32, type Locals, repeat, set, times } from "./text.ts";
import { tileName } from "./tile.ts";

/** A product of tiles in memory. */
export interface BlockProduct {
  /** Text of the rows that are wanted. */
  readonly rows: string;
  /** Text of the rows that there are. */
  readonly have: string;
  /** Numbers of rows that there may be: what is left over of each gets a tile of its own. */
  readonly counts: readonly number[];
  /** Rows of a register tile. */
  readonly tile: number;
  /** Maximum number of rows that there may be. */
  readonly most: number;
  /** Text of the address of the left operand. */
  readonly left: string;
  /** Bytes from one of its rows to the next. */
  readonly row: number;
  /** Bytes from one of its steps to the next. */
  readonly step: number;
  /** Text of where results go. */
  readonly to: string;
  /** Bytes from one of their rows to the next. */
  readonly line: number;
  /** Steps that count for `count` rows from a row on: the first, and one more than the last. */
  readonly depth: (row: string, count: number) => readonly [string, string];
  /** 0 where results start again. */
  readonly more: string;
  /** Panels of columns of the right operand. */
  readonly panels: readonly Panel[];
}

/** Some columns of the right operand. */
export interface Panel {
  /** Text of their address. */
  readonly at: string;
  /** Groups of four of them. */
  readonly quads: number;
  /** Bytes from step to step. */
  readonly right: number;
  /** Bytes into a row of results. */
  readonly column: number;
  /** Text of whether their results are wanted for rows from a row on; always, if undefined. */
  readonly when?: (row: string) => string;
}

/** Statements that compute a product. */
export const blockProduct = (locals: Locals, p: BlockProduct): string[] => {
  for (const name of ["i", "left", "c", "from", "to"]) locals.declare(name, "i32");
  const call = (count: number): string[] => {
    const [from, to] = p.depth(get("i"), count), zero = from === i32(0);
    const moved = (at: string, by: number): string => zero ? at : add(at, times(get("from"), by));
    return [
      ...(zero ? [] : [set("from", from)]),
      set("to", zero ? to : `(i32.sub ${to} ${get("from")})`),
      ...p.panels.flatMap(({ at, quads, right, column, when }) => {
        const tile = `(call $${tileName(count, quads, { row: p.row, left: p.step, right })} ${
          moved(get("left"), p.step)
        } ${moved(at, right)} ${add(get("c"), i32(column))} ${get("to")} ${i32(p.line)} ${p.more})`;
        return when === undefined ? [tile] : [`(if ${when(get("i"))} (then`, tile, "))"];
      }),
    ];
  };
  const rest = [...new Set(p.counts.map((n) => n % p.tile))].filter((n) => n > 0);
  const whole = p.tile === 1
    ? `(i32.lt_s ${get("i")} ${p.rows})`
    : `(i32.and (i32.lt_s ${get("i")} ${p.rows}) (i32.le_s ${add(get("i"), i32(p.tile))} ${p.have}))`;
  return [
    set("i", i32(0)),
    set("left", p.left),
    set("c", p.to),
    ...(Math.max(...p.counts, p.tile === 1 ? p.most : 0) < p.tile ? [] : repeat(
      locals.unique("l"),
      whole,
      [
        ...call(p.tile),
        set("i", add(get("i"), i32(p.tile))),
        set("left", add(get("left"), i32(p.tile * p.row))),
        set("c", add(get("c"), i32(p.tile * p.line))),
      ],
      false,
    )),
    ...rest.flatMap((n) => [
      `(if (i32.and (i32.lt_s ${get("i")} ${p.rows}) (i32.eq (i32.sub ${p.have} ${get("i")}) ${
        i32(n)
      })) (then`,
      ...call(n),
      "))",
    ]),
  ];
};

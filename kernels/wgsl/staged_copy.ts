/**
 * How blocks of both operands get into workgroup memory: as 4 x 4 elements, read as 4-vectors along the operand's own
 * memory and stored as 4-vectors along its rows or columns, transposed in registers where memory runs along the summed
 * index. The pieces of both blocks are dealt to the workers as one list, so that none idles while others copy twice.
 */
import type { ContractionKernel, LoadValue } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import type { StagedSchedule } from "../schedule/schedule.ts";
import type { Bindings } from "./module.ts";
import { type Access, accessOf } from "./operand.ts";
import { indexOnly, Scope } from "./scope.ts";

/** Statements that copy blocks of both operands. */
export interface BlockCopy {
  /** Declarations before the first block. */
  readonly before: readonly string[];
  /** Reads the blocks that start at a step into registers. */
  readonly read: (k0: string) => string[];
  /** Stores them in a half of workgroup memory. */
  readonly put: (half: number) => string[];
}

const four = [0, 1, 2, 3] as const, lanes = "xyzw";

interface Side {
  readonly load: LoadValue;
  readonly axis: "row" | "col";
  readonly name: "left" | "right";
  readonly length: number;
  /** Elements of the block along the operand's own axis. */
  readonly width: number;
  readonly access: Access;
}

/** The copying of a contraction's operands. */
export const blockCopy = (
  kernel: ContractionKernel,
  { rows, columns, each, depth, sums }: StagedSchedule,
  bindings: Bindings,
): BlockCopy => {
  const { m, n, k } = kernel.size, half = sums === "f16 in blocks", vector = half ? "vec4<f16>" : "vec4f";
  const workers = (rows / each.rows) * (columns / each.columns);
  const sides: readonly Side[] = [
    {
      load: kernel.left,
      axis: "row",
      name: "left",
      length: m,
      width: rows,
      access: accessOf(kernel.left, "row", m, k),
    },
    {
      load: kernel.right,
      axis: "col",
      name: "right",
      length: n,
      width: columns,
      access: accessOf(kernel.right, "col", n, k),
    },
  ];
  const pieces = sides.map(({ width }) => width * depth / 16), all = pieces[0]! + pieces[1]!;
  const turns = Array.from({ length: Math.ceil(all / workers) }, (_, t) => t);

  /** Statements of one iteration for the operand, or the two, that a worker may meet there. */
  const dealt = (t: number, lines: (side: Side) => readonly string[]): string[] => {
    const first = t * workers, last = first + workers, [left] = pieces as [number, number];
    const inner = [
      ...(first < left ? [{ side: sides[0]!, end: left }] : []),
      ...(last > left && first < all ? [{ side: sides[1]!, end: all }] : []),
    ];
    return inner.flatMap(({ side, end }, i) => {
      const open = end >= last
        ? (i === 0 ? "{" : "else {")
        : `${i === 0 ? "" : "else "}if (piece${t} < ${end}u) {`;
      return [open, ...lines(side), "}"];
    });
  };

  const start = ({ load, axis }: Side, name: string, line: string): string[] => {
    const scope = new Scope(indexOnly, ["batch", axis]), text = scope.index(separate(load.at, "k")!.rest);
    return ["{", `let ${axis} = ${line};`, ...scope.lines, `${name} = ${text};`, "}"];
  };
  const read = ({ load, access }: Side, at: string): string =>
    half
      ? bindings.raw(load.from, at, access !== "scalar" ? 4 : 1)
      : bindings.load(load.from, at, access !== "scalar");

  const before = turns.flatMap((t) => [
    `let piece${t} = worker + ${t * workers}u;`,
    `var line${t} = 0u;`,
    `var step${t} = 0u;`,
    ...four.flatMap((j) => [`var p${t}_${j} = 0u;`, `var v${t}_${j} = ${vector}();`]),
    ...dealt(t, (side) => {
      const { axis, length, width, access } = side, wide = width / 4;
      const base = axis === "row" ? "tile_row" : "tile_col", within = length % width === 0;
      const mine = axis === "row" ? `piece${t}` : `(piece${t} - ${pieces[0]}u)`;
      const clamped = (j: number, last: number) =>
        within ? `${base} + line${t} + ${j}u` : `min(${base} + line${t} + ${j}u, ${last}u)`;
      return [
        `line${t} = (${mine} % ${wide}u) * 4u;`,
        `step${t} = (${mine} / ${wide}u) * 4u;`,
        ...(access === "along axis"
          ? start(side, `p${t}_0`, clamped(0, length - 4))
          : four.flatMap((j) => start(side, `p${t}_${j}`, clamped(j, length - 1)))),
      ];
    }),
  ]);

  const readTurn = (t: number, k0: string, side: Side): string[] => {
    const { load, access } = side, { by } = separate(load.at, "k")!, far = Math.abs(by);
    // beyond the sum the last step is read, and not kept
    const near = (at: string, last: number): string => k % depth === 0 ? at : `min(${at}, ${last}u)`;
    const at = (name: string, u: number): string =>
      by === 0
        ? name
        : `${name}${by < 0 ? " - " : " + "}${near(`(kk + ${u}u)`, k - 1)}${far === 1 ? "" : ` * ${far}u`}`;
    const inside = (u: number): string => k % depth === 0 ? "true" : `kk + ${u}u < ${k}u`;
    const kept = (u: number, value: string): string =>
      k % depth === 0 ? value : `select(${vector}(), ${value}, ${inside(u)})`;
    const head = `let kk = ${k0} + step${t};`;
    switch (access) {
      case "along axis":
        return [
          head,
          ...four.map((u) => `v${t}_${u} = ${kept(u, read(side, `(${at(`p${t}_0`, u)}) >> 2u`))};`),
        ];
      case "along k":
        return [
          head,
          ...four.map((j) =>
            `v${t}_${j} = ${kept(0, read(side, `(p${t}_${j} + ${near("kk", k - 4)}) >> 2u`))};`
          ),
        ];
      case "scalar":
        return [
          head,
          ...four.map((u) =>
            `v${t}_${u} = ${
              kept(u, `${vector}(${four.map((j) => read(side, at(`p${t}_${j}`, u))).join(", ")})`)
            };`
          ),
        ];
    }
  };

  const putTurn = (t: number, half: number, { name, width, access }: Side): string[] =>
    four.map((u) => {
      const value = access === "along k"
        ? `${vector}(${four.map((j) => `v${t}_${j}.${lanes[u]}`).join(", ")})`
        : `v${t}_${u}`;
      return `${name}_block_${half}[(step${t} + ${u}u) * ${width / 4}u + (line${t} >> 2u)] = ${value};`;
    });

  return {
    before,
    read: (k0) => turns.flatMap((t) => dealt(t, (side) => readTurn(t, k0, side))),
    put: (half) => turns.flatMap((t) => dealt(t, (side) => putTurn(t, half, side))),
  };
};

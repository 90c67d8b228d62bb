/**
 * Large products. The right operand is packed into panels of eight columns once, or by each unit where no other unit
 * reads it; each unit packs its block of rows, multiplies it with every panel, and computes the results of its block.
 */
import type { ContractionKernel } from "../graph/kernel.ts";
import { finishRow, type Frames, framesOf, labelOf, type Operand, operandOf } from "./product.ts";
import type { Phase } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { packText } from "./pack.ts";
import type { Scope } from "./scope.ts";
import { add, get, i32, least, repeat, set, times } from "./text.ts";
import { PANEL } from "./tile.ts";

/** Longest stretch of the summed index that is packed at once. */
const DEPTH = 384;
/** Rows of a block, columns of a block. */
const ROWS = 48, COLUMNS = 512;
/** Units that keep several threads busy to the end. */
const ENOUGH = 8;

/** How a product is cut up. */
interface Blocks {
  /** Rows of a tile. */
  readonly tile: number;
  /** Rows, columns and steps of a block. */
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
  /** Number of blocks along each axis. */
  readonly down: number;
  readonly across: number;
}

const blocksOf = ({ size: { batch, m, n, k } }: ContractionKernel): Blocks => {
  // tiles of six rows use registers best; tiles of four may leave fewer rows over
  const price = (rows: number) => Math.ceil(m / rows) * (rows + 1);
  const tile = price(4) < price(6) ? 4 : 6, up = (x: number, step: number) => Math.ceil(x / step) * step;
  const across = Math.ceil(n / COLUMNS), columns = up(Math.ceil(n / across), PANEL);
  let down = Math.ceil(m / ROWS);
  while (batch * down * across < ENOUGH && m / down > 2 * tile && m * n * k > 2 ** 18) down++;
  const rows = up(Math.ceil(m / down), tile), depth = Math.ceil(k / Math.ceil(k / DEPTH));
  return { tile, rows, columns, depth, down: Math.ceil(m / rows), across: Math.ceil(n / columns) };
};

/** Writes the addresses of the lines of an operand, for packing. Lines beyond the last repeat it. */
const tableText = (
  { func, unit }: Frames,
  operand: Operand,
  axis: "row" | "col",
  first: string,
  count: number,
  size: number,
  table: string,
): string[] => {
  func.locals.declare("line", "i32");
  func.locals.declare(axis, "i32");
  const inner = unit.loop(["line", axis]);
  const at = inner.address(operand.load.from, operand.start);
  const body = [
    set(axis, least(add(first, get("line")), size - 1)),
    ...inner.lines,
    `(i32.store (i32.add ${table} (i32.shl ${get("line")} (i32.const 2))) ${at})`,
    set("line", add(get("line"), i32(1))),
  ];
  return [
    set("line", i32(0)),
    ...repeat(func.locals.unique("l"), `(i32.lt_u ${get("line")} ${i32(count)})`, body, true),
  ];
};

/** Statements that pack one panel of the right operand, all steps. */
const panelText = (
  frames: Frames,
  operand: Operand,
  n: number,
  k: number,
  table: string,
  to: string,
): string[] => [
  ...tableText(frames, operand, "col", times(get("panel"), PANEL), PANEL, n, table),
  ...packText(frames.func.locals, {
    lines: PANEL,
    layout: operand.layout,
    table,
    stride: 4 * operand.stride,
    skip: i32(0),
    count: k,
    to,
  }),
];

const TABLE = 256;

/** The phase that packs the right operand for all units. */
const packing = (kernel: ContractionKernel, right: Operand, shared: number, dialect: Dialect): Phase => {
  const { batch, n, k } = kernel.size,
    panels = Math.ceil(n / PANEL),
    frames = framesOf(dialect),
    { func, top, unit } = frames;
  for (const name of ["batch", "panel"]) func.locals.declare(name, "i32");
  unit.lines.push(
    set("batch", `(i32.div_u ${get("unit")} ${i32(panels)})`),
    set("panel", `(i32.rem_u ${get("unit")} ${i32(panels)})`),
  );
  const to = add(func.shared(), times(get("unit"), 4 * PANEL * k));
  unit.lines.push(...panelText(frames, right, n, k, func.scratch(0), to));
  return {
    label: `pack ${batch}x${n}x${k}`,
    text: func.text(top.lines, unit.lines),
    tensors: func.tensors(),
    writes: [],
    shared,
    scratch: TABLE,
    units: panels * (right.batched ? batch : 1),
    chunk: Math.max(1, Math.round(10000 / (8 * k))),
  };
};

/** Renders a large product. */
export const renderPacked = (kernel: ContractionKernel, dialect: Dialect): Phase[] => {
  const { batch, m, n, k } = kernel.size, blocks = blocksOf(kernel);
  const left = operandOf(kernel.left, "row"), right = operandOf(kernel.right, "col");
  const panels = Math.ceil(n / PANEL), { tile, rows, columns, depth } = blocks;
  const alone = right.batched && blocks.down === 1 && blocks.across === 1 && depth === k;
  const shared = alone ? 0 : 4 * PANEL * k * panels * (right.batched ? batch : 1);
  const frames = framesOf(dialect), { func, top, unit } = frames, { locals } = func;
  for (const name of ["batch", "panel", "row0", "rows", "tile", "tiles", "last", "apack", "bpack", "row"]) {
    locals.declare(name, "i32");
  }
  // a thread's own memory: table of lines, products, packed rows, one packed panel
  const sums = TABLE + 4 * rows, packed = sums + 4 * rows * columns, panel = packed + 4 * rows * depth;
  const line = 4 * columns, grid = blocks.down * blocks.across;
  unit.lines.push(
    set("batch", grid === 1 ? get("unit") : `(i32.div_u ${get("unit")} ${i32(grid)})`),
    set("row0", blocks.down === 1 ? i32(0) : times(`(i32.rem_u ${get("unit")} ${i32(blocks.down)})`, rows)),
    set("rows", least(`(i32.sub ${i32(m)} ${get("row0")})`, rows)),
    set("tiles", `(i32.div_u (i32.add ${get("rows")} ${i32(tile - 1)}) ${i32(tile)})`),
  );
  const block = blocks.across === 1
    ? i32(0)
    : `(i32.rem_u (i32.div_u ${get("unit")} ${i32(blocks.down)}) ${i32(blocks.across)})`;
  const first = locals.fresh("i", "i32");
  unit.lines.push(set(first, times(block, columns / PANEL)));
  unit.lines.push(...tableText(frames, left, "row", get("row0"), rows, m, func.scratch(TABLE)));
  for (let from = 0; from < k; from += depth) {
    const steps = Math.min(depth, k - from);
    const rowsPack = packText(locals, {
      lines: tile,
      layout: left.layout,
      table: add(func.scratch(TABLE), times(get("tile"), 4 * tile)),
      stride: 4 * left.stride,
      skip: i32(4 * left.stride * from),
      count: steps,
      to: add(func.scratch(packed), times(get("tile"), 4 * tile * steps)),
    });
    const eachTile = (body: readonly string[]): string[] => [
      set("tile", i32(0)),
      ...repeat(locals.unique("l"), `(i32.lt_u ${get("tile")} ${get("tiles")})`, [
        ...body,
        set("tile", add(get("tile"), i32(1))),
      ], true),
    ];
    unit.lines.push(...eachTile(rowsPack));
    const call = (quads: number): string =>
      `(call $tile${tile}x${4 * quads} ${add(func.scratch(packed), times(get("tile"), 4 * tile * steps))} ${
        get("bpack")
      } (i32.add ${add(func.scratch(sums), times(get("tile"), tile * line))} ${
        times(`(i32.sub ${get("panel")} ${get(first)})`, 4 * PANEL)
      }) ${i32(steps)} ${i32(line)} ${i32(from > 0 ? 1 : 0)})`;
    const narrow = n % PANEL >= 1 && n % PANEL <= 4;
    const where = alone ? func.scratch(panel) : add(
      add(func.shared(), i32(4 * PANEL * from)),
      times(
        right.batched ? add(times(get("batch"), panels), get("panel")) : get("panel"),
        4 * PANEL * k,
      ),
    );
    const perPanel = [
      ...(alone ? panelText(frames, right, n, k, func.scratch(0), func.scratch(panel)) : []),
      set("bpack", where),
      ...(narrow
        ? [
          `(if (i32.eq ${get("panel")} ${i32(panels - 1)}) (then`,
          ...eachTile([call(1)]),
          ") (else",
          ...eachTile([call(2)]),
          "))",
        ]
        : eachTile([call(2)])),
      set("panel", add(get("panel"), i32(1))),
    ];
    unit.lines.push(
      set("panel", get(first)),
      set("last", least(add(get(first), i32(columns / PANEL)), panels)),
      ...repeat(locals.unique("l"), `(i32.lt_u ${get("panel")} ${get("last")})`, perPanel, true),
    );
  }
  const row: Scope = unit.loop(["row"]);
  const start = times(get(first), PANEL);
  finishRow(
    frames,
    row,
    kernel.outputs,
    n,
    blocks.across === 1 ? i32(0) : start,
    blocks.across === 1 ? n : least(add(start, i32(columns)), n),
  );
  unit.lines.push(
    set("row", get("row0")),
    set("rows", add(get("row0"), get("rows"))),
    set("sums", `(i32.sub ${func.scratch(sums)} ${times(start, 4)})`),
    ...repeat(locals.unique("l"), `(i32.lt_u ${get("row")} ${get("rows")})`, [
      ...row.lines,
      set("sums", add(get("sums"), i32(line))),
      set("row", add(get("row"), i32(1))),
    ], true),
  );
  const work = Math.min(rows, m) * Math.min(columns, n) * k / 4;
  const product: Phase = {
    label: labelOf(kernel),
    text: func.text(top.lines, unit.lines),
    tensors: func.tensors(),
    writes: kernel.outputs.map((o) => o.tensor),
    shared,
    scratch: panel + (alone ? 4 * PANEL * k : 0),
    units: batch * grid,
    chunk: Math.max(1, Math.round(20000 / work)),
  };
  return alone ? [product] : [packing(kernel, right, shared, dialect), product];
};

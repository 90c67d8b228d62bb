/**
 * Small products, read in place: few rows times lanes of columns where the right operand's columns are neighbours,
 * sums in lanes where both operands are neighbours along the summed index, lanes gathered one by one otherwise.
 */
import type { ContractionKernel } from "../graph/kernel.ts";
import { finishRow, type Frames, framesOf, labelOf, operandOf } from "./product.ts";
import { laneMask } from "./dialect.ts";
import type { Phase } from "./function.ts";
import { shuffle } from "./pack.ts";
import { type Dialect, madd } from "./math.ts";
import { add, get, i32, least, repeat, set, times } from "./text.ts";

/** Columns of one unit at most. */
const COLUMNS = 512;

/** Renders a small product. */
export const renderDirect = (kernel: ContractionKernel, dialect: Dialect): Phase => {
  const { batch, m, n, k } = kernel.size;
  const left = operandOf(kernel.left, "row"), right = operandOf(kernel.right, "col");
  const dots = right.layout === "along k" && left.stride === 1 && k >= 4;
  const lines = Math.min(m, dots ? 3 : 4), down = Math.ceil(m / lines), across = Math.ceil(n / COLUMNS);
  const columns = across === 1 ? n : COLUMNS, line = 4 * (Math.ceil(columns / 8) * 8);
  const frames = framesOf(dialect), { func, top, unit } = frames, { locals } = func, grid = down * across;
  for (const name of ["batch", "row0", "row", "rows", "col", "from", "to"]) locals.declare(name, "i32");
  unit.lines.push(
    set("batch", grid === 1 ? get("unit") : `(i32.div_u ${get("unit")} ${i32(grid)})`),
    set("row0", down === 1 ? i32(0) : times(`(i32.rem_u ${get("unit")} ${i32(down)})`, lines)),
    set(
      "from",
      across === 1
        ? i32(0)
        : times(`(i32.rem_u (i32.div_u ${get("unit")} ${i32(down)}) ${i32(across)})`, columns),
    ),
    set("to", across === 1 ? i32(n) : least(add(get("from"), i32(columns)), n)),
  );
  for (let i = 0; i < lines; i++) {
    const scope = unit.loop(["row"]), at = scope.address(left.load.from, left.start);
    unit.lines.push(
      set("row", m % lines === 0 ? add(get("row0"), i32(i)) : least(add(get("row0"), i32(i)), m - 1)),
      ...scope.lines,
      set(locals.declare(`a${i}`, "i32"), at),
    );
  }
  const tile: Tile = { frames, lines, line, n, k, kernel, dialect };
  const step = dots ? 4 : right.layout === "along lines" && n >= 8 ? 8 : 4;
  const body = dots ? dotTile(tile) : laneTile(tile, step / 4);
  unit.lines.push(
    set("sums", func.scratch(0)),
    set("col", get("from")),
    ...repeat(locals.unique("l"), `(i32.lt_u ${get("col")} ${get("to")})`, [
      ...body,
      set("sums", add(get("sums"), i32(4 * step))),
      set("col", add(get("col"), i32(step))),
    ], false),
  );
  const row = unit.loop(["row"]);
  finishRow(
    frames,
    row,
    kernel.outputs,
    n,
    across === 1 ? i32(0) : get("from"),
    across === 1 ? n : get("to"),
  );
  unit.lines.push(
    set("row", get("row0")),
    set("rows", least(add(get("row0"), i32(lines)), m)),
    set("sums", `(i32.sub ${func.scratch(0)} ${times(get("from"), 4)})`),
    ...repeat(locals.unique("l"), `(i32.lt_u ${get("row")} ${get("rows")})`, [
      ...row.lines,
      set("sums", add(get("sums"), i32(line))),
      set("row", add(get("row"), i32(1))),
    ], true),
  );
  return {
    label: labelOf(kernel),
    text: func.text(top.lines, unit.lines),
    tensors: func.tensors(),
    writes: kernel.outputs.map((o) => o.tensor),
    shared: 0,
    scratch: lines * line + 64,
    units: batch * grid,
    chunk: Math.max(1, Math.round(20000 / (40 + lines * columns * (k / 3 + 2)))),
  };
};

interface Tile {
  readonly frames: Frames;
  readonly lines: number;
  readonly line: number;
  readonly n: number;
  readonly k: number;
  readonly kernel: ContractionKernel;
  readonly dialect: Dialect;
}

const ZERO = "(v128.const i32x4 0 0 0 0)";

/** Addresses of the right operand's columns from `$col` on: `count` of them, those beyond the last repeat it. */
const columnPointers = ({ frames: { func, unit }, n, kernel }: Tile, count: number): string[] => {
  const right = operandOf(kernel.right, "col"), out: string[] = [], keep = func.locals.fresh("i", "i32");
  out.push(set(keep, get("col")));
  for (let j = 0; j < count; j++) {
    const scope = unit.loop(["col"]), at = scope.address(right.load.from, right.start);
    out.push(
      ...(j > 0 ? [set("col", least(add(get(keep), i32(j)), n - 1))] : []),
      ...scope.lines,
      set(func.locals.declare(`b${j}`, "i32"), at),
    );
  }
  return [...out, set("col", get(keep))];
};

/** Steps that are summed by themselves before they join the others, for accuracy. */
const BLOCK = 1024;

/** Steps over the summed index into some sums: `$ka` and `$kb` are the bytes that the operands have moved. */
const steps = (
  { frames: { func }, kernel }: Tile,
  by: number,
  body: readonly string[],
  total: number,
  sums: readonly string[],
): string[] => {
  const { locals } = func, left = operandOf(kernel.left, "row"), right = operandOf(kernel.right, "col");
  for (const name of ["ka", "kb", "left"]) locals.declare(name, "i32");
  const block = (): string[] =>
    repeat(locals.unique("l"), get("left"), [
      ...body,
      set("ka", add(get("ka"), i32(4 * by * left.stride))),
      set("kb", add(get("kb"), i32(4 * by * right.stride))),
      set("left", `(i32.sub ${get("left")} ${i32(by)})`),
    ], true);
  if (total === 0) return [];
  if (total <= 2 * BLOCK) return [set("left", i32(total)), ...block()];
  const totals = sums.map((name) => locals.declare(`${name}_total`, "v128"));
  locals.declare("blocks", "i32");
  const joined = (i: number): string => `(f32x4.add ${get(totals[i]!)} ${get(sums[i]!)})`;
  return [
    set("blocks", i32(total)),
    ...totals.map((name) => set(name, ZERO)),
    ...repeat(locals.unique("l"), get("blocks"), [
      set("left", least(get("blocks"), BLOCK)),
      set("blocks", `(i32.sub ${get("blocks")} ${get("left")})`),
      ...block(),
      ...sums.flatMap((name, i) => [set(totals[i]!, joined(i)), set(name, ZERO)]),
    ], true),
    ...sums.map((name, i) => set(name, get(totals[i]!))),
  ];
};

const sumNames = (lines: number, across: number): string[] =>
  Array.from({ length: lines * across }, (_, x) => `c${Math.floor(x / across)}_${x % across}`);

/** Some rows by one or two groups of four columns; the lanes run over columns. */
const laneTile = (tile: Tile, quads: number): string[] => {
  const { frames: { func }, lines, line, k, kernel, dialect } = tile, { locals } = func;
  const right = operandOf(kernel.right, "col"), near = right.layout === "along lines";
  const out = columnPointers(tile, near ? 1 : 4);
  for (let i = 0; i < lines; i++) {
    for (let q = 0; q < quads; q++) out.push(set(locals.declare(`c${i}_${q}`, "v128"), ZERO));
  }
  const moved = (pointer: string, by: string): string => `(i32.add ${get(pointer)} ${get(by)})`;
  const body: string[] = [];
  locals.declare("x", "v128");
  for (let q = 0; q < quads; q++) {
    const read = near ? `(v128.load offset=${16 * q} ${moved("b0", "kb")})` : [1, 2, 3].reduce(
      (x, j) => `(v128.load32_lane ${j} ${moved(`b${j}`, "kb")} ${x})`,
      `(v128.load32_zero ${moved("b0", "kb")})`,
    );
    body.push(set(locals.declare(`y${q}`, "v128"), read));
  }
  for (let i = 0; i < lines; i++) {
    body.push(set("x", `(v128.load32_splat ${moved(`a${i}`, "ka")})`));
    for (let q = 0; q < quads; q++) {
      body.push(set(`c${i}_${q}`, madd(get("x"), get(`y${q}`), get(`c${i}_${q}`), dialect)));
    }
  }
  for (const name of ["ka", "kb"]) locals.declare(name, "i32");
  out.push(set("ka", i32(0)), set("kb", i32(0)), ...steps(tile, 1, body, k, sumNames(lines, quads)));
  for (let i = 0; i < lines; i++) {
    for (let q = 0; q < quads; q++) {
      out.push(`(v128.store offset=${i * line + 16 * q} ${get("sums")} ${get(`c${i}_${q}`)})`);
    }
  }
  return out;
};

/** Some rows by four columns; the lanes run over the summed index and are added at the end. */
const dotTile = (tile: Tile): string[] => {
  const { frames: { func }, lines, line, k, dialect } = tile, { locals } = func;
  const out = columnPointers(tile, 4), rest = k % 4;
  for (let i = 0; i < lines; i++) {
    for (let j = 0; j < 4; j++) out.push(set(locals.declare(`c${i}_${j}`, "v128"), ZERO));
    locals.declare(`x${i}v`, "v128");
  }
  for (const name of ["y", "s0", "s1", "t0", "t1"]) locals.declare(name, "v128");
  for (const name of ["ka", "kb"]) locals.declare(name, "i32");
  const body = (count: number): string[] => {
    const cut = (x: string): string => count === 4 ? x : `(v128.and ${x} ${laneMask(count)})`;
    const text: string[] = [];
    for (let i = 0; i < lines; i++) {
      text.push(set(`x${i}v`, cut(`(v128.load (i32.add ${get(`a${i}`)} ${get("ka")}))`)));
    }
    for (let j = 0; j < 4; j++) {
      text.push(set("y", cut(`(v128.load (i32.add ${get(`b${j}`)} ${get("kb")}))`)));
      for (let i = 0; i < lines; i++) {
        text.push(set(`c${i}_${j}`, madd(get(`x${i}v`), get("y"), get(`c${i}_${j}`), dialect)));
      }
    }
    return text;
  };
  out.push(set("ka", i32(0)), set("kb", i32(0)), ...steps(tile, 4, body(4), k - rest, sumNames(lines, 4)));
  if (rest > 0) out.push(...body(rest));
  for (let i = 0; i < lines; i++) {
    const pair = (p: string, q: string): string =>
      `(f32x4.add ${shuffle([0, 4, 1, 5], get(p), get(q))} ${shuffle([2, 6, 3, 7], get(p), get(q))})`;
    out.push(
      set("s0", pair(`c${i}_0`, `c${i}_1`)),
      set("s1", pair(`c${i}_2`, `c${i}_3`)),
      set("t0", shuffle([0, 1, 4, 5], get("s0"), get("s1"))),
      set("t1", shuffle([2, 3, 6, 7], get("s0"), get("s1"))),
      `(v128.store offset=${i * line} ${get("sums")} (f32x4.add ${get("t0")} ${get("t1")}))`,
    );
  }
  return out;
};

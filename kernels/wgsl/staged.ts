/**
 * Renders large contractions for GPUs: a workgroup copies blocks of both operands into workgroup memory as 4-vectors
 * along their own axes (a worker transposes 4 x 4 elements in registers where memory runs along the summed index),
 * then every worker accumulates 8 x 8 results with unrolled multiply-adds. Blocks of f16 operands are f32 from the copy
 * on, or stay f16 where the schedule sums them so.
 */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel, LoadValue } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import { kernelLabel } from "../plan/explain.ts";
import type { StagedSchedule } from "../schedule/contraction.ts";
import { Bindings, type Dispatch, type Homes, moduleText } from "./module.ts";
import { type Access, accessOf } from "./operand.ts";
import { indexOnly, Scope } from "./scope.ts";
import { storeTile, tileGrid } from "./tile.ts";

/** Rows and columns of one worker. */
const TILE = 8;

const four = [0, 1, 2, 3] as const, lanes = "xyzw";

/** Renders a contraction through workgroup memory. */
export const renderStaged = (
  kernel: ContractionKernel,
  { rows, columns, depth, sums }: StagedSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { batch, m, n, k } = kernel.size,
    bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor));
  const half = sums === "f16 in blocks", vector = half ? "vec4<f16>" : "vec4f", sum = half ? "h" : "c";
  const across = columns / TILE, down = rows / TILE, workers = across * down;
  const origin = tileGrid(batch, Math.ceil(m / rows), Math.ceil(n / columns), profile);
  const top = new Scope(bindings.spelling(() => "acc"), ["batch"]);
  top.lines.push(
    ...origin.lines,
    `let tile_row = ${origin.tileRow} * ${rows}u;`,
    `let tile_col = ${origin.tileColumn} * ${columns}u;`,
    `let worker = lane.y * ${across}u + lane.x;`,
    `let row0 = tile_row + lane.y * ${TILE}u;`,
    `let col0 = tile_col + lane.x * ${TILE}u;`,
  );
  for (let i = 0; i < TILE; i++) for (const q of [0, 1]) top.lines.push(`var c${i}_${q} = vec4f();`);
  const side = (load: LoadValue, axis: "row" | "col", length: number, width: number, shared: string) =>
    copyBlocks({
      load,
      axis,
      length,
      width,
      shared,
      depth,
      k,
      workers,
      bindings,
      half,
      access: accessOf(load, axis, length, k),
    });
  const tile = (line: (i: number, q: number) => string): string[] =>
    Array.from({ length: 2 * TILE }, (_, at) => line(at >> 1, at & 1));
  top.lines.push(
    `for (var k0 = 0u; k0 < ${k}u; k0 += ${depth}u) {`,
    ...(half ? tile((i, q) => `var h${i}_${q} = ${vector}();`) : []),
    ...side(kernel.left, "row", m, rows, "left_block"),
    ...side(kernel.right, "col", n, columns, "right_block"),
    "workgroupBarrier();",
  );
  for (let u = 0; u < depth; u++) {
    top.lines.push("{");
    for (const q of [0, 1]) {
      top.lines.push(
        `let a${q} = left_block[${u * rows / 4 + q}u + lane.y * 2u];`,
        `let b${q} = right_block[${u * columns / 4 + q}u + lane.x * 2u];`,
      );
    }
    top.lines.push(
      ...tile((i, q) =>
        `${sum}${i}_${q} = fma(${vector}(a${i >> 2}.${lanes[i & 3]}), b${q}, ${sum}${i}_${q});`
      ),
      "}",
    );
  }
  if (half) top.lines.push(...tile((i, q) => `c${i}_${q} += vec4f(h${i}_${q});`));
  top.lines.push("workgroupBarrier();", "}");
  storeTile(top, kernel, TILE, TILE, m % rows !== 0 || n % columns !== 0);
  return {
    label: kernelLabel(kernel),
    code: moduleText(bindings, [across, down], top.lines, [
      `var<workgroup> left_block: array<${vector}, ${rows * depth / 4}>;`,
      `var<workgroup> right_block: array<${vector}, ${columns * depth / 4}>;`,
    ]),
    bindings: bindings.list(),
    workgroups: origin.workgroups,
  };
};

interface Copy {
  readonly load: LoadValue;
  readonly axis: "row" | "col";
  readonly length: number;
  readonly width: number;
  readonly shared: string;
  readonly depth: number;
  readonly k: number;
  readonly workers: number;
  readonly bindings: Bindings;
  /** Whether blocks hold f16 as memory does. */
  readonly half: boolean;
  readonly access: Access;
}

/** Copies one operand's block, 4 x 4 elements a turn, as 4-vectors along the operand's own axis; zeros beyond k. */
const copyBlocks = (
  { load, axis, length, width, shared, depth, k, workers, bindings, half, access }: Copy,
): string[] => {
  const { rest, by } = separate(load.at, "k")!, blocks = width * depth / 16, wide = width / 4;
  const out: string[] = [];
  const base = axis === "row" ? "tile_row" : "tile_col";
  const wider = access !== "scalar", vector = half ? "vec4<f16>" : "vec4f";
  const read = (at: string): string =>
    half ? bindings.raw(load.from, at, wider) : bindings.load(load.from, at, wider);
  const start = (name: string, line: string): string[] => {
    const scope = new Scope(indexOnly, ["batch", axis]),
      text = scope.index(rest);
    return [`var ${name}: u32;`, "{", `let ${axis} = ${line};`, ...scope.lines, `${name} = ${text};`, "}"];
  };
  out.push(`for (var block = worker; block < ${blocks}u; block += ${workers}u) {`);
  out.push(`let line = (block % ${wide}u) * 4u;`, `let kb = (block / ${wide}u) * 4u;`, "let kk = k0 + kb;");
  const clamped = (j: number) =>
    length % 4 === 0 && length % width === 0
      ? `${base} + line + ${j}u`
      : `min(${base} + line + ${j}u, ${length - 1}u)`;
  const put = (u: number, value: string): string =>
    `${shared}[(kb + ${u}u) * ${wide}u + (line >> 2u)] = ${value};`;
  const inside = (u: number): string => k % depth === 0 ? "true" : `kk + ${u}u < ${k}u`;
  const at = (name: string, u: number): string =>
    `${name}${by < 0 ? " - " : " + "}(kk + ${u}u)${Math.abs(by) === 1 ? "" : ` * ${Math.abs(by)}u`}`;
  if (access === "along axis") {
    out.push(...start("p", length % width === 0 ? `${base} + line` : `min(${base} + line, ${length - 4}u)`));
    for (const u of four) {
      out.push(put(u, `select(${vector}(), ${read(`(${at("p", u)}) >> 2u`)}, ${inside(u)})`));
    }
  } else if (access === "along k") {
    for (const j of four) {
      out.push(...start(`p${j}`, clamped(j)));
      out.push(`let v${j} = select(${vector}(), ${read(`(p${j} + kk) >> 2u`)}, ${inside(0)});`);
    }
    for (const u of four) out.push(put(u, `${vector}(${four.map((j) => `v${j}.${lanes[u]}`).join(", ")})`));
  } else {
    for (const j of four) out.push(...start(`p${j}`, clamped(j)));
    for (const u of four) {
      const element = (j: number) => read(by === 0 ? `p${j}` : at(`p${j}`, u));
      out.push(put(u, `select(${vector}(), ${vector}(${four.map(element).join(", ")}), ${inside(u)})`));
    }
  }
  return [...out, "}"];
};

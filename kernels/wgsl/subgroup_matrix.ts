/**
 * Renders contractions for matrix units. A workgroup stages blocks of both operands as f16 in workgroup memory, each
 * the way its own memory runs, so that nothing is transposed; every subgroup multiplies its part of them and keeps sums
 * in f32. Results go straight to memory where the kernel stores nothing but the product, else through workgroup memory,
 * where each lane finishes elements as in other contractions.
 */
import type { DeviceProfile } from "../device_profile.ts";
import { type ContractionKernel, kernelLabel } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import { matrixBytes } from "../schedule/matrix.ts";
import type { MatrixSchedule } from "../schedule/schedule.ts";
import { buffersOf, overBlocks } from "./blocks.ts";
import { EIGHT } from "./halves.ts";
import { Bindings, type Dispatch, type Homes, moduleText, when } from "./module.ts";
import { Scope } from "./scope.ts";
import { type Staged, stagedOperand } from "./subgroup_matrix_stage.ts";
import { tileGrid } from "./tile.ts";

/** Extensions that the device wants named. */
export const MATRIX_EXTENSIONS: readonly string[] = ["subgroups", "chromium_experimental_subgroup_matrix"];

/** Asks for no proof that positions are the same for all lanes of a subgroup, which the analysis cannot see. */
export const UNIFORM = "diagnostic(off, chromium.subgroup_matrix_uniformity);";

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Renders a contraction through matrix units. */
export const renderMatrices = (
  kernel: ContractionKernel,
  schedule: MatrixSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { batch, m, n, k } = kernel.size, { rows, columns, each, depth, lanes, unit } = schedule;
  const bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor), true);
  const across = columns / each.columns, subgroups = (rows / each.rows) * across, workers = subgroups * lanes;
  const down = each.rows / unit.M, wide = each.columns / unit.N;
  const origin = tileGrid(batch, Math.ceil(m / rows), Math.ceil(n / columns), profile, {
    band: schedule.band,
  });
  const top = new Scope(bindings.spelling(() => "acc"), ["batch"]);
  const left = stagedOperand(kernel.left, "row", { lines: m, width: rows, depth, k, workers, bindings });
  const right = stagedOperand(kernel.right, "col", { lines: n, width: columns, depth, k, workers, bindings });
  const each2 = (line: (i: number, j: number) => string): string[] =>
    range(down).flatMap((i) => range(wide).map((j) => line(i, j)));
  const multiply = (step: number, buffer: number): string[] => [
    "{",
    ...range(down).map((i) =>
      `let a${i} = ${matrixLoad("left", `${unit.K}, ${unit.M}`, left, buffer, i * unit.M, step)};`
    ),
    ...range(wide).map((j) =>
      `let b${j} = ${matrixLoad("right", `${unit.N}, ${unit.K}`, right, buffer, j * unit.N, step)};`
    ),
    ...each2((i, j) => `c${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, c${i}_${j});`),
    "}",
  ];
  top.lines.push(
    ...origin.lines,
    `let tile_row = ${origin.tileRow} * ${rows}u;`,
    `let tile_col = ${origin.tileColumn} * ${columns}u;`,
    `let subgroup = lane.x / ${lanes}u;`,
    `let sub_row = (subgroup / ${across}u) * ${each.rows}u;`,
    `let sub_col = (subgroup % ${across}u) * ${each.columns}u;`,
    `let left_first = (subgroup / ${across}u) * ${each.rows / EIGHT * left.next}u;`,
    `let right_first = (subgroup % ${across}u) * ${each.columns / EIGHT * right.next}u;`,
    ...each2((i, j) => `var c${i}_${j}: subgroup_matrix_result<f32, ${unit.N}, ${unit.M}>;`),
    ...(schedule.prefetch === "none"
      ? []
      : [...left.registers, ...right.registers].map((name) => `var ${name} = vec4<u32>();`)),
    ...overBlocks(k, schedule, {
      copy: (at) => [...left.copy(at), ...right.copy(at)],
      read: (at) => [...left.read(at), ...right.read(at)],
      put: (buffer) => [...left.put(buffer), ...right.put(buffer)],
      multiply: (buffer) => range(depth / unit.K).flatMap((step) => multiply(step * unit.K, buffer)),
    }),
  );
  const straight = storedStraight(top, kernel, bindings, m % rows === 0 && n % columns === 0);
  const band = matrixBytes(schedule, wide) <= profile.workgroupBytes ? wide : 1;
  if (straight === undefined) top.lines.push(...finish(top, kernel, schedule, band));
  else top.lines.push(...straight(schedule));
  const results = `var<workgroup> results: array<f32, ${subgroups * unit.M * unit.N * band}>;`;
  const code = moduleText(
    bindings,
    [workers, 1],
    top.lines,
    [
      ...buffersOf(schedule).flatMap((buffer) => [left.declaration(buffer), right.declaration(buffer)]),
      ...(straight === undefined ? [results] : []),
    ],
    MATRIX_EXTENSIONS,
  );
  return {
    label: kernelLabel(kernel),
    code: `${UNIFORM}\n${code}`,
    bindings: bindings.list(),
    workgroups: origin.workgroups,
  };
};

/** Reads a matrix of an operand's block: some lines and steps after the first of the subgroup. */
const matrixLoad = (
  side: "left" | "right",
  shape: string,
  s: Staged,
  buffer: number,
  line: number,
  step: number,
): string => {
  // a left operand has lines as rows, a right one has them as columns
  const layout = (side === "left") === s.linesOutside ? "row_major" : "col_major";
  const at = s.linesOutside ? line * s.stride + step : step * s.stride + line;
  const type = `subgroup_matrix_${side}<f16, ${shape}>`;
  return `subgroupMatrixLoad<${type}, ${layout}>(&${s.name(buffer)}, ${side}_first + ${at / EIGHT}u, ${
    s.stride / EIGHT
  }u)`;
};

/** Writes every sum to its place in memory, where whole tiles of the product itself are stored row by row. */
const storedStraight = (
  top: Scope,
  { outputs }: ContractionKernel,
  bindings: Bindings,
  whole: boolean,
): ((s: MatrixSchedule) => string[]) | undefined => {
  const [output, ...more] = outputs;
  if (!whole || more.length > 0 || output?.value.kind !== "accumulator" || output.tensor.dtype !== "f32") {
    return undefined;
  }
  const byColumn = separate(output.at, "col"), byRow = byColumn && separate(byColumn.rest, "row");
  const name = bindings.array(output.tensor);
  if (byColumn?.by !== 1 || byRow === undefined || byRow.by <= 0 || name === undefined) return undefined;
  const start = top.index(byRow.rest);
  return ({ each, unit }) =>
    range(each.rows / unit.M).flatMap((i) =>
      range(each.columns / unit.N).map((j) => {
        const row = `(tile_row + sub_row + ${i * unit.M}u) * ${byRow.by}u`;
        const at = `${start} + ${row} + tile_col + sub_col + ${j * unit.N}u`;
        return `subgroupMatrixStore<row_major>(&${name}, ${at}, c${i}_${j}, ${byRow.by}u);`;
      })
    );
};

/** Passes sums through workgroup memory, `band` matrices of each subgroup side by side, to lanes that finish them. */
const finish = (
  top: Scope,
  kernel: ContractionKernel,
  { rows, columns, each, lanes, unit }: MatrixSchedule,
  band: number,
): string[] => {
  const { m, n } = kernel.size, width = band * unit.N, part = unit.M * width;
  const guards = [...(m % rows === 0 ? [] : [`row < ${m}u`]), ...(n % columns === 0 ? [] : [`col < ${n}u`])];
  return range(each.rows / unit.M).flatMap((i) =>
    range(each.columns / width).flatMap((b) => {
      const inner = top.inner(["row", "col", "acc"]);
      for (const o of kernel.outputs) inner.store(o.tensor, o.at, o.value);
      return [
        ...range(band).map((j) =>
          `subgroupMatrixStore<row_major>(&results, subgroup * ${part}u + ${j * unit.N}u, c${i}_${
            b * band + j
          }, ${width}u);`
        ),
        "workgroupBarrier();",
        `for (var e = lane.x % ${lanes}u; e < ${part}u; e += ${lanes}u) {`,
        `let row = tile_row + sub_row + ${i * unit.M}u + e / ${width}u;`,
        `let col = tile_col + sub_col + ${b * width}u + e % ${width}u;`,
        `let acc = results[subgroup * ${part}u + e];`,
        ...when(guards, inner.lines),
        "}",
        "workgroupBarrier();",
      ];
    })
  );
};

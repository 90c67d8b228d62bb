/**
 * Renders large contractions for GPUs: a workgroup copies blocks of both operands into workgroup memory
 * (`staged_copy.ts`), then every worker accumulates its rows and columns with unrolled multiply-adds on 4-vectors of
 * both. The schedule says whether the next block is read meanwhile (`blocks.ts`).
 */
import type { DeviceProfile } from "../device_profile.ts";
import { type ContractionKernel, kernelLabel } from "../graph/kernel.ts";
import type { StagedSchedule } from "../schedule/schedule.ts";
import { blockedSums } from "./blocked.ts";
import { buffersOf, overBlocks } from "./blocks.ts";
import { Bindings, type Dispatch, type Homes, moduleText } from "./module.ts";
import { Scope } from "./scope.ts";
import { blockCopy } from "./staged_copy.ts";
import { storeTile, tileGrid, tileNames } from "./tile.ts";

const lanes = "xyzw";

/** A second set of sums takes as many registers as the first: worth it for longer sums than elsewhere. */
const LONG = 4096;

const upTo = (n: number): readonly number[] => Array.from({ length: n }, (_, i) => i);

/** Multiply-adds over one block of both operands. */
const multiply = (
  { rows, columns, each, depth, sums, interleaved }: StagedSchedule,
  half: number,
): string[] => {
  const block16 = sums === "f16 in blocks", vector = block16 ? "vec4<f16>" : "vec4f";
  const across = columns / each.columns, down = rows / each.rows;
  // position of a worker's group of four among those of the block, at a step
  const at = (side: "y" | "x", u: number, q: number): string => {
    const [wide, count, mine] = side === "y"
      ? [rows / 4, down, each.rows / 4]
      : [columns / 4, across, each.columns / 4];
    return interleaved
      ? `${u * wide + q * count}u + lane.${side}`
      : `${u * wide + q}u + lane.${side} * ${mine}u`;
  };
  const tile = (line: (i: number, q: number) => string): string[] =>
    upTo(each.rows).flatMap((i) => upTo(each.columns / 4).map((q) => line(i, q)));
  const sum = block16 ? "h" : "c";
  return [
    ...(block16 ? tile((i, q) => `var h${i}_${q} = ${vector}();`) : []),
    ...upTo(depth).flatMap((u) => [
      "{",
      ...upTo(each.rows / 4).map((q) => `let a${q} = left_block_${half}[${at("y", u, q)}];`),
      ...upTo(each.columns / 4).map((q) => `let b${q} = right_block_${half}[${at("x", u, q)}];`),
      ...tile((i, q) =>
        `${sum}${i}_${q} = fma(${vector}(a${i >> 2}.${lanes[i & 3]}), b${q}, ${sum}${i}_${q});`
      ),
      "}",
    ]),
    ...(block16 ? tile((i, q) => `c${i}_${q} += vec4f(h${i}_${q});`) : []),
  ];
};

/** Renders a contraction through workgroup memory. */
export const renderStaged = (
  kernel: ContractionKernel,
  schedule: StagedSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { rows, columns, each, depth, sums, interleaved, band } = schedule;
  const { batch, m, n, k } = kernel.size,
    bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor));
  const across = columns / each.columns, down = rows / each.rows;
  const origin = tileGrid(batch, Math.ceil(m / rows), Math.ceil(n / columns), profile, { band });
  const top = new Scope(bindings.spelling(() => "acc"), ["batch"]);
  top.lines.push(
    ...origin.lines,
    `let tile_row = ${origin.tileRow} * ${rows}u;`,
    `let tile_col = ${origin.tileColumn} * ${columns}u;`,
    `let worker = lane.y * ${across}u + lane.x;`,
    `let row0 = tile_row + lane.y * ${interleaved ? 4 : each.rows}u;`,
    `let col0 = tile_col + lane.x * ${interleaved ? 4 : each.columns}u;`,
  );
  const names = tileNames(each.rows, each.columns / 4),
    blocked = blockedSums(k, names, "vec4f", { long: LONG });
  top.lines.push(...names.map((name) => `var ${name} = vec4f();`), ...blocked.before);
  const copy = blockCopy(kernel, schedule, bindings);
  top.lines.push(
    ...copy.before,
    ...overBlocks(k, schedule, {
      within: (steps) => blocked.within("k0", steps),
      read: copy.read,
      put: copy.put,
      multiply: (buffer) => multiply(schedule, buffer),
    }),
  );
  top.lines.push(...blocked.after);
  storeTile(
    top,
    kernel,
    each.rows,
    each.columns,
    m % rows !== 0 || n % columns !== 0,
    interleaved ? { rows: 4 * down, columns: 4 * across } : undefined,
  );
  const vector = sums === "f32" ? "vec4f" : "vec4<f16>";
  return {
    label: kernelLabel(kernel),
    code: moduleText(
      bindings,
      [across, down],
      top.lines,
      buffersOf(schedule).flatMap((half) => [
        `var<workgroup> left_block_${half}: array<${vector}, ${rows * depth / 4}>;`,
        `var<workgroup> right_block_${half}: array<${vector}, ${columns * depth / 4}>;`,
      ]),
    ),
    bindings: bindings.list(),
    workgroups: origin.workgroups,
  };
};

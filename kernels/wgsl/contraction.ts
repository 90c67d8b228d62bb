/**
 * Renders contractions as WGSL: each worker accumulates a tile of rows and columns in registers, four steps of the
 * summed index at a time, reading both operands as 4-vectors where their layout allows. Edges are clamped when read
 * and skipped when stored. Large products on GPUs go through workgroup memory instead (`staged.ts`), or through matrix
 * units (`subgroup_matrix.ts`).
 */
import type { DeviceProfile } from "../device_profile.ts";
import { type ContractionKernel, kernelLabel, type LoadValue } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import type { ContractionSchedule } from "../schedule/schedule.ts";
import { blockedSums } from "./blocked.ts";
import { Bindings, type Dispatch, type Homes, moduleText } from "./module.ts";
import { type Access, accessOf, pointers } from "./operand.ts";
import { Scope } from "./scope.ts";
import { renderStaged } from "./staged.ts";
import { renderMatrices } from "./subgroup_matrix.ts";
import { storeTile, tileGrid, tileNames } from "./tile.ts";

/** Renders a contraction kernel. */
export const renderContraction = (
  kernel: ContractionKernel,
  schedule: ContractionSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { batch, m, n, k } = kernel.size;
  if (schedule.kind === "matrices") return renderMatrices(kernel, schedule, homes, profile);
  if (schedule.kind === "staged") return renderStaged(kernel, schedule, homes, profile);
  const { rows, quads, across, down, products } = schedule;
  const bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor));
  const access = {
    left: accessOf(kernel.left, "row", m, k),
    right: accessOf(kernel.right, "col", n, k),
  };
  const top = new Scope(bindings.spelling(() => "acc"), ["batch"]);
  const columns = quads * 4, tilesDown = Math.ceil(m / (rows * down));
  const origin = tileGrid(batch, tilesDown, Math.ceil(n / (columns * across)), profile, { products });
  top.lines.push(
    ...origin.lines,
    `let row0 = (${origin.tileRow} * ${down}u + lane.y) * ${rows}u;`,
    `let col0 = (${origin.tileColumn} * ${across}u + lane.x) * ${columns}u;`,
  );
  if (m % (rows * down) !== 0 || n % (columns * across) !== 0) {
    top.lines.push(`if (row0 >= ${m}u || col0 >= ${n}u) { return; }`);
  }
  const names = tileNames(rows, quads), blocked = blockedSums(k, names, "vec4f");
  top.lines.push(...names.map((name) => `var ${name} = vec4f();`), ...blocked.before);

  const left = pointers(top, kernel.left, "row", "row0", rows, m, access.left, "l");
  const right = pointers(top, kernel.right, "col", "col0", columns, n, access.right, "r");
  const whole = Math.floor(k / 4) * 4;
  const reads = (load: LoadValue, how: Access) => (at: string) =>
    bindings.load(load.from, at, how !== "scalar");
  const a = reads(kernel.left, access.left), b = reads(kernel.right, access.right);
  const strideOf = (load: LoadValue) => separate(load.at, "k")!.by;

  const step = (count: number): string[] => {
    const out: string[] = [];
    for (let i = 0; i < rows; i++) out.push(...left.load(a, i, count, strideOf(kernel.left)));
    for (let j = 0; j < columns; j++) out.push(...right.load(b, j, count, strideOf(kernel.right)));
    for (let u = 0; u < count; u++) {
      for (let q = 0; q < quads; q++) out.push(`let b${u}_${q} = ${right.quad(u, q)};`);
      for (let i = 0; i < rows; i++) {
        for (let q = 0; q < quads; q++) {
          out.push(`c${i}_${q} = fma(vec4f(${left.element(i, u)}), b${u}_${q}, c${i}_${q});`);
        }
      }
    }
    return out;
  };
  if (whole > 0) {
    top.lines.push(`for (var k = 0u; k < ${whole}u; k += 4u) {`, ...blocked.within("k", 4), ...step(4), "}");
  }
  for (let tail = whole; tail < k; tail++) top.lines.push("{", `let k = ${tail}u;`, ...step(1), "}");
  top.lines.push(...blocked.after);

  storeTile(top, kernel, rows, columns);
  return {
    label: kernelLabel(kernel),
    code: moduleText(bindings, [across, down, products], top.lines),
    bindings: bindings.list(),
    workgroups: origin.workgroups,
  };
};

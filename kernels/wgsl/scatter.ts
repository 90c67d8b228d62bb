/**
 * Renders scatterAdd as two dispatches: zeros, then sums. The first position of an id adds all updates of that id in
 * order of position, so that no two workers write one row and the result does not depend on timing.
 */
import type { DeviceProfile } from "../device_profile.ts";
import type { ScatterKernel } from "../graph/kernel.ts";
import { kernelLabel } from "../plan/explain.ts";
import { Bindings, type Dispatch, grid, groupIndex, type Homes, moduleText } from "./module.ts";
import { Scope } from "./scope.ts";

/** Renders a scatter kernel. */
export const renderScatter = (
  kernel: ScatterKernel,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch[] => {
  const table = kernel.outputs[0]!.tensor, width = profile.software ? 64 : 256;
  const zero = new Bindings(homes, [table]), cells = kernel.tableRows * kernel.width;
  const zeroGroups = Math.ceil(cells / width);
  const clear: Dispatch = {
    label: `fill ${cells}`,
    code: moduleText(zero, [width, 1], [
      `let i = ${groupIndex(zeroGroups, profile)} * ${width}u + lane.x;`,
      `if (i < ${cells}u) { ${zero.store(table, "i", "0f")} }`,
    ]),
    bindings: zero.list(),
    workgroups: grid(zeroGroups, profile),
  };
  if (kernel.positions === 0 || cells === 0) return cells === 0 ? [] : [clear];
  // a worker takes several columns, so that fewer workers compare the ids
  const each = Math.min(kernel.width, profile.software ? 16 : 4), blocks = Math.ceil(kernel.width / each);
  const workers = kernel.positions * blocks, groups = Math.ceil(workers / width);
  const bindings = new Bindings(homes, [table]);
  const top = new Scope(bindings.spelling(() => ""), ["row"]);
  top.lines.push(
    `let worker = ${groupIndex(groups, profile)} * ${width}u + lane.x;`,
    `if (worker >= ${workers}u) { return; }`,
    `let row = worker / ${blocks}u;`,
    `let first = (worker % ${blocks}u) * ${each}u;`,
  );
  const id = top.value(kernel.id);
  top.lines.push(`if (${id} < 0i || ${id} >= ${kernel.tableRows}i) { return; }`);
  const before = top.inner(["other"]), earlier = before.value(kernel.otherId);
  top.lines.push(
    "for (var other = 0u; other < row; other++) {",
    ...before.lines,
    `if (${earlier} == ${id}) { return; }`,
    "}",
  );
  const after = top.inner(["other"]), same = after.value(kernel.otherId);
  const columns = Array.from({ length: each }, (_, j) => j);
  top.lines.push(...columns.map((j) => `var total${j} = 0f;`));
  top.lines.push(
    `for (var other = row; other < ${kernel.positions}u; other++) {`,
    ...after.lines,
    `if (${same} == ${id}) {`,
  );
  const ragged = kernel.width % each !== 0, last = kernel.width - 1;
  for (const j of columns) {
    // a sibling of `after`: its names shadow, and its loads happen only where the ids agree
    const hit = top.inner(["other", "col"]), update = hit.value(kernel.update);
    const col = ragged ? `min(first + ${j}u, ${last}u)` : `first + ${j}u`;
    top.lines.push("{", `let col = ${col};`, ...hit.lines, `total${j} += ${update};`, "}");
  }
  top.lines.push("}", "}");
  for (const j of columns) {
    const store = bindings.store(table, `u32(${id}) * ${kernel.width}u + first + ${j}u`, `total${j}`);
    top.lines.push(ragged ? `if (first + ${j}u < ${kernel.width}u) { ${store} }` : store);
  }
  return [clear, {
    label: kernelLabel(kernel),
    code: moduleText(bindings, [width, 1], top.lines),
    bindings: bindings.list(),
    workgroups: grid(groups, profile),
  }];
};

/**
 * Renders scatterAdd as two dispatches: zeros, then sums. The first position of an id adds all updates of that id in
 * order of position, so that no two workers write one row and the result does not depend on timing.
 */
import type { Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import type { ScatterKernel } from "../graph/kernel.ts";
import { kernelLabel } from "../plan/explain.ts";
import { Bindings, type Dispatch, grid, groupIndex, moduleText } from "./module.ts";
import { Scope } from "./scope.ts";

/** Renders a scatter kernel. */
export const renderScatter = (
  kernel: ScatterKernel,
  slotOf: ReadonlyMap<Tensor, number>,
  profile: DeviceProfile,
): Dispatch[] => {
  const table = kernel.outputs[0]!.tensor, width = profile.software ? 64 : 256;
  const zero = new Bindings(slotOf, [table]), cells = kernel.tableRows * kernel.width;
  const zeroGroups = Math.ceil(cells / width);
  const clear: Dispatch = {
    label: `fill ${cells}`,
    code: moduleText(zero, [width, 1], [
      `let i = ${groupIndex(zeroGroups, profile)} * ${width}u + lane.x;`,
      `if (i < ${cells}u) { ${zero.name(table)}[i] = 0f; }`,
    ]),
    bindings: zero.list(),
    workgroups: grid(zeroGroups, profile),
  };
  const total = kernel.positions * kernel.width;
  if (total === 0 || cells === 0) return cells === 0 ? [] : [clear];
  const bindings = new Bindings(slotOf, [table]), groups = Math.ceil(total / width);
  const top = new Scope({ buffer: (t) => bindings.name(t), result: () => "" }, ["row", "col"]);
  top.lines.push(
    `let worker = ${groupIndex(groups, profile)} * ${width}u + lane.x;`,
    `if (worker >= ${total}u) { return; }`,
    `let row = worker / ${kernel.width}u;`,
    `let col = worker % ${kernel.width}u;`,
  );
  const id = top.value(kernel.id);
  top.lines.push(`if (${id} < 0i || ${id} >= ${kernel.tableRows}i) { return; }`);
  const before = top.inner(["other"]);
  const earlier = before.value(kernel.otherId);
  top.lines.push(
    "for (var other = 0u; other < row; other++) {",
    ...before.lines,
    `if (${earlier} == ${id}) { return; }`,
    "}",
  );
  const after = top.inner(["other"]), same = after.value(kernel.otherId);
  // a sibling of `after`: its names shadow, and its loads happen only where the ids agree
  const hit = top.inner(["other"]), update = hit.value(kernel.update);
  top.lines.push(
    "var total = 0f;",
    `for (var other = row; other < ${kernel.positions}u; other++) {`,
    ...after.lines,
  );
  top.lines.push(`if (${same} == ${id}) {`, ...hit.lines, `total += ${update};`, "}", "}");
  top.lines.push(`${bindings.name(table)}[u32(${id}) * ${kernel.width}u + col] = total;`);
  return [clear, {
    label: kernelLabel(kernel),
    code: moduleText(bindings, [width, 1], top.lines),
    bindings: bindings.list(),
    workgroups: grid(groups, profile),
  }];
};

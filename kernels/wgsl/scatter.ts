/**
 * Renders scatterAdd as three dispatches: zeros, then for every position where the next of its id is, then sums. The
 * first position of an id adds all updates of that id, from link to link in order of position, so that no two workers
 * write one row and the result does not depend on timing. Work grows with positions and rows, not with their square.
 */
import type { DeviceProfile } from "../device_profile.ts";
import { kernelLabel, type ScatterKernel } from "../graph/kernel.ts";
import { blockedSums } from "./blocked.ts";
import { Bindings, type Dispatch, grid, groupIndex, type Homes, moduleText } from "./module.ts";
import { Scope } from "./scope.ts";

/** A dispatch of one worker for each of some things, `worker` by name. */
const forEach = (
  label: string,
  workers: number,
  bindings: Bindings,
  body: readonly string[],
  profile: DeviceProfile,
): Dispatch => {
  const width = 256, groups = Math.ceil(workers / width);
  return {
    label,
    code: moduleText(bindings, [width, 1], [
      `let worker = ${groupIndex(groups, profile)} * ${width}u + lane.x;`,
      `if (worker >= ${workers}u) { return; }`,
      ...body,
    ]),
    bindings: bindings.list(),
    workgroups: grid(groups, profile),
  };
};

const clear = (kernel: ScatterKernel, homes: Homes, profile: DeviceProfile): Dispatch => {
  const table = kernel.outputs[0]!.tensor, cells = kernel.tableRows * kernel.width;
  const bindings = new Bindings(homes, [table]);
  return forEach(`fill ${cells}`, cells, bindings, [bindings.store(table, "worker", "0f")], profile);
};

/** Bits of 1: positions are counted from there on, so that as a number they are neither 0 nor denormal. */
const BASE = 0x3f800000;

/**
 * Twice the position of the next of the same id, and 1 more where it is not the first or its id is none. Ids are dealt
 * to some workers, each of which reads all positions in order. Until the sums are there, the first number of an id's row
 * holds the position that was met last.
 */
const link = (kernel: ScatterKernel, homes: Homes, profile: DeviceProfile): Dispatch => {
  const { positions, tableRows, width, links } = kernel, table = kernel.outputs[0]!.tensor;
  const workers = profile.software ? 64 : 4096, bindings = new Bindings(homes, [links, table]);
  const top = new Scope(bindings.spelling(() => ""), []), inner = top.inner(["row"]);
  const id = inner.value(kernel.id);
  const body = [
    // the id that this worker met last, and where
    "var held = -1i;",
    "var last = 0u;",
    `for (var row = 0u; row < ${positions}u; row++) {`,
    ...inner.lines,
    `let exists = ${id} >= 0i && ${id} < ${tableRows}i;`,
    `if ((select(row, u32(${id}), exists) & ${workers - 1}u) == worker) {`,
    "if (exists) {",
    `let place = min(u32(${id}), ${tableRows - 1}u) * ${width}u;`,
    `if (${id} != held) {`,
    `last = bitcast<u32>(${bindings.load(table, "place")});`,
    `held = ${id};`,
    "}",
    "let later = select(0u, 1u, last != 0u);",
    "if (last != 0u) {",
    `let before = last - ${BASE}u;`,
    bindings.store(links, `min(before >> 1u, ${positions - 1}u)`, "row * 2u + (before & 1u)"),
    "}",
    bindings.store(links, "row", `${2 * positions}u + later`),
    `last = ${BASE}u + row * 2u + later;`,
    bindings.store(table, "place", "bitcast<f32>(last)"),
    "} else {",
    bindings.store(links, "row", "1u"),
    "}",
    "}",
    "}",
  ];
  return forEach(`links of ${positions} rows`, workers, bindings, [...top.lines, ...body], profile);
};

const sums = (kernel: ScatterKernel, homes: Homes, profile: DeviceProfile): Dispatch => {
  const { positions, width, links, tableRows } = kernel, table = kernel.outputs[0]!.tensor;
  // a worker takes several columns, so that fewer follow the links
  const each = Math.min(width, 4), blocks = Math.ceil(width / each);
  const bindings = new Bindings(homes, [table]), ragged = width % each !== 0;
  const top = new Scope(bindings.spelling(() => ""), ["row"]);
  top.lines.push(
    `let row = worker / ${blocks}u;`,
    `let first = (worker % ${blocks}u) * ${each}u;`,
    `let link = ${bindings.load(links, "row")};`,
    "if ((link & 1u) == 1u) { return; }",
  );
  const id = top.value(kernel.id), columns = Array.from({ length: each }, (_, j) => j);
  const names = columns.map((j) => `total${j}`), blocked = blockedSums(positions, names, "f32");
  top.lines.push(
    ...names.map((name) => `var ${name} = 0f;`),
    ...blocked.before,
    ...(blocked.before.length === 0 ? [] : ["var met = 0u;"]),
    `for (var other = row; other < ${positions}u; other = ${bindings.load(links, "other")} >> 1u) {`,
    ...blocked.within("met", 1),
    ...(blocked.before.length === 0 ? [] : ["met += 1u;"]),
  );
  for (const j of columns) {
    const inner = top.inner(["other", "col"]), update = inner.value(kernel.update);
    const col = ragged ? `min(first + ${j}u, ${width - 1}u)` : `first + ${j}u`;
    top.lines.push("{", `let col = ${col};`, ...inner.lines, `total${j} += ${update};`, "}");
  }
  top.lines.push("}", ...blocked.after, `let to = min(u32(${id}), ${tableRows - 1}u) * ${width}u + first;`);
  for (const j of columns) {
    const store = bindings.store(table, `to + ${j}u`, `total${j}`);
    top.lines.push(ragged ? `if (first + ${j}u < ${width}u) { ${store} }` : store);
  }
  return forEach(kernelLabel(kernel), positions * blocks, bindings, top.lines, profile);
};

/** Renders a scatter kernel. */
export const renderScatter = (
  kernel: ScatterKernel,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch[] =>
  kernel.tableRows * kernel.width === 0
    ? []
    : [clear, ...(kernel.positions === 0 ? [] : [link, sums])].map((part) => part(kernel, homes, profile));

/**
 * Renders contractions for devices whose loads cost as much for one number as for one in every lane: rows of the left
 * operand are spread over the lanes of a subgroup, which pass each element on to all; columns belong to lanes.
 */
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";
import { separate } from "../ir/index_expr.ts";
import { kernelLabel } from "../plan/explain.ts";
import type { SpreadSchedule } from "../schedule/contraction.ts";
import { blockedSums } from "./blocked.ts";
import { Bindings, type Dispatch, type Homes, moduleText } from "./module.ts";
import { accessOf, pointers } from "./operand.ts";
import { indexOnly, Scope } from "./scope.ts";
import { storeTile, tileGrid, tileNames } from "./tile.ts";

/** Steps of the summed index of one turn. */
const STEPS = 4;

const component = (i: number): string => "xyzw"[i & 3]!;

/** Renders a contraction whose left operand is spread over lanes. */
export const renderSpread = (
  kernel: ContractionKernel,
  { rows, quads, lanes }: SpreadSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { batch, m, n, k } = kernel.size, columns = 4 * quads, wide = columns * lanes;
  const bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor));
  const top = new Scope(bindings.spelling(() => "acc"), ["batch"]);
  const origin = tileGrid(batch, Math.ceil(m / rows), Math.ceil(n / wide), profile);
  // every lane stays to the end, as others read what it loads; what lies outside is not stored
  const inside = n % columns === 0 && n % wide !== 0 ? `min(col0, ${n - columns}u)` : "col0";
  top.lines.push(
    ...origin.lines,
    `let row0 = ${origin.tileRow} * ${rows}u;`,
    `let col0 = (${origin.tileColumn} * ${lanes}u + lane.x) * ${columns}u;`,
    `let near0 = ${inside};`,
  );
  const names = tileNames(rows, quads), blocked = blockedSums(k, names, "vec4f");
  top.lines.push(...names.map((name) => `var ${name} = vec4f();`), ...blocked.before);

  const access = accessOf(kernel.right, "col", n, k);
  const right = pointers(top, kernel.right, "col", "near0", columns, n, access, "r");
  const strideOfRight = separate(kernel.right.at, "k")!.by;
  const b = (at: string) => bindings.load(kernel.right.from, at, access !== "scalar");
  const left = spreadRows(top, kernel, bindings, rows, lanes);

  const step = (count: number): string[] => {
    const out: string[] = [];
    for (let j = 0; j < columns; j++) out.push(...right.load(b, j, count, strideOfRight));
    for (let u = 0; u < count; u++) {
      for (let q = 0; q < quads; q++) out.push(`let b${u}_${q} = ${right.quad(u, q)};`);
    }
    for (let i = 0; i < rows; i++) {
      if (i % lanes === 0) out.push(...left.load(i / lanes, count));
      for (let u = 0; u < count; u++) {
        out.push(`let a${i}_${u} = vec4f(${left.element(i, u, count)});`);
        for (let q = 0; q < quads; q++) out.push(`c${i}_${q} = fma(a${i}_${u}, b${u}_${q}, c${i}_${q});`);
      }
    }
    return out;
  };
  const whole = Math.floor(k / STEPS) * STEPS;
  if (whole > 0) {
    top.lines.push(
      `for (var k = 0u; k < ${whole}u; k += ${STEPS}u) {`,
      ...blocked.within("k", STEPS),
      ...step(STEPS),
      "}",
    );
  }
  for (let tail = whole; tail < k; tail++) top.lines.push("{", `let k = ${tail}u;`, ...step(1), "}");
  top.lines.push(...blocked.after);

  storeTile(top, kernel, rows, columns, m % rows !== 0 || n % wide !== 0);
  return {
    label: kernelLabel(kernel),
    code: moduleText(bindings, [lanes, 1], top.lines),
    bindings: bindings.list(),
    workgroups: origin.workgroups,
  };
};

interface SpreadRows {
  /** Statements that load `lanes` rows, group `g` of the tile, for some steps. */
  readonly load: (g: number, count: number) => string[];
  /** The element of row `i` at step `u`, the same in every lane. */
  readonly element: (i: number, u: number, count: number) => string;
}

/** The rows of a tile over the lanes: one 4-vector of each lane is `lanes` rows of four steps. */
const spreadRows = (
  top: Scope,
  kernel: ContractionKernel,
  bindings: Bindings,
  rows: number,
  lanes: number,
): SpreadRows => {
  const { m, k } = kernel.size, { rest, by } = separate(kernel.left.at, "k")!;
  const access = accessOf(kernel.left, "row", m, k);
  const pointer = (name: string, row: string, last: number) => {
    const scope = new Scope(indexOnly, ["batch", "row"]), text = scope.index(rest);
    const clamped = m % rows === 0 ? row : `min(${row}, ${last}u)`;
    top.lines.push(
      `var ${name}: u32;`,
      "{",
      `let row = ${clamped};`,
      ...scope.lines,
      `${name} = ${text};`,
      "}",
    );
  };
  const along = access === "along axis", whole = Math.floor(k / STEPS) * STEPS;
  for (let g = 0; g < rows / lanes; g++) {
    // one row in every lane, or four rows at one step
    if (!along || whole < k) pointer(`l${g}`, `row0 + ${g * lanes}u + lane.x`, m - 1);
    if (along) pointer(`m${g}`, `row0 + ${g * lanes}u + (lane.x >> 2u) * 4u`, m - 4);
  }
  const far = Math.abs(by), sign = by < 0 ? "-" : "+";
  const moved = (pointed: string, step: string): string =>
    by === 0 ? pointed : `${pointed} ${sign} (${step})${far === 1 ? "" : ` * ${far}u`}`;
  const read = (at: string, wide: boolean) => bindings.load(kernel.left.from, at, wide);
  return {
    load: (g, count) => {
      if (count === STEPS && access === "along k") return [`let v${g} = ${read(`(l${g} + k) >> 2u`, true)};`];
      if (count === STEPS && along) {
        return [`let v${g} = ${read(`(${moved(`m${g}`, "k + (lane.x & 3u)")}) >> 2u`, true)};`];
      }
      return Array.from(
        { length: count },
        (_, u) => `let v${g}_${u} = ${read(moved(`l${g}`, `k + ${u}u`), false)};`,
      );
    },
    element: (i, u, count) => {
      const g = Math.floor(i / lanes), row = i % lanes;
      if (count === STEPS && access === "along k") return `subgroupBroadcast(v${g}.${component(u)}, ${row}u)`;
      if (count === STEPS && along) {
        return `subgroupBroadcast(v${g}.${component(row)}, ${(row >> 2) * 4 + u}u)`;
      }
      return `subgroupBroadcast(v${g}_${u}, ${row}u)`;
    },
  };
};

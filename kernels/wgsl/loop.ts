/** Renders loop kernels: maps, reductions and whole rows of them (softmax, normalisation) as WGSL. */
import { type DType, isFloat, type Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { columnName, kernelLabel, type LoopKernel, type Reduction } from "../graph/kernel.ts";
import type { LoopSchedule } from "../schedule/schedule.ts";
import { literal, maxText, typeOf } from "./dialect.ts";
import { blockedSums } from "./blocked.ts";
import { Bindings, type Dispatch, grid, groupIndex, type Homes, moduleText, when } from "./module.ts";
import { Scope } from "./scope.ts";

const start = (r: Reduction): string =>
  r.op === "sum"
    ? literal(0, r.tensor.dtype)
    : isFloat(r.tensor.args[0]!.dtype)
    ? literal(-Infinity, "f32")
    : literal(r.tensor.args[0]!.dtype === "i32" ? -2147483648 : 0, r.tensor.args[0]!.dtype);

/** Whether one value comes before another in argmax: greater, or NaN against a number. */
const beats = (a: string, b: string, dtype: DType): string =>
  isFloat(dtype) ? `beats(${a}, ${b})` : `(${a} > ${b})`;

/** Renders a loop kernel. */
export const renderLoop = (
  kernel: LoopKernel,
  { rows: side, splits, join }: LoopSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const bindings = new Bindings(homes, kernel.outputs.map((o) => o.tensor));
  const groups = Math.ceil(kernel.rows / side), globals: string[] = [];
  const result = (v: { readonly of: Tensor }) => `r${kernel.reductions.findIndex((r) => r.tensor === v.of)}`;
  const top = new Scope(bindings.spelling(result), ["row"]);
  // a grid of several axes may have workgroups to spare
  const [across, down, deep] = grid(groups, profile), guard = across * down * deep * side !== kernel.rows;
  const first = `${groupIndex(groups, profile)} * ${side}u`;
  top.lines.push(
    ...(splits === 1 ? [`let row = ${first} + lane.x;`] : guard
      // all workers meet at barriers: those beyond the last row compute it, too, and store nothing
      ? [`let line = ${first} + lane.y;`, `let row = min(line, ${kernel.rows - 1}u);`]
      : [`let row = ${first} + lane.y;`]),
  );
  const live = `line < ${kernel.rows}u`;
  if (guard && splits === 1) top.lines.push(`if (row >= ${kernel.rows}u) { return; }`);
  const loopHead = (length: number): string => {
    const c = columnName(length);
    return splits === 1
      ? `for (var ${c} = 0u; ${c} < ${length}u; ${c}++) {`
      : `for (var ${c} = lane.x; ${c} < ${length}u; ${c} += ${splits}u) {`;
  };
  kernel.reductions.forEach((r, i) => {
    const element = r.tensor.args[0]!.dtype, arg = r.op === "argmax", name = splits === 1 ? `r${i}` : `p${i}`;
    const best = arg ? `m${i}` : name;
    const head = [`var ${best} = ${start(r)};`, ...(arg ? [`var ${name} = 0i;`] : [])];
    const inner = top.inner([columnName(r.length)]);
    const value = inner.value(r.value);
    const column = r.length > 1 ? columnName(r.length) : "0u";
    const blocked = blockedSums(
      Math.ceil(r.length / splits),
      r.op === "sum" && isFloat(r.tensor.dtype) ? [name] : [],
      "f32",
      { per: splits },
    );
    if (r.op === "sum") inner.lines.push(`${name} += ${value};`);
    else if (r.op === "max") inner.lines.push(`${name} = ${maxText(name, value, element)};`);
    else {
      inner.lines.push(
        `if (${beats(value, best, element)}) {`,
        `${best} = ${value};`,
        `${name} = i32(${column});`,
        "}",
      );
    }
    const loop = r.length === 0
      ? []
      : [loopHead(r.length), ...blocked.within(columnName(r.length), splits), ...inner.lines, "}"];
    top.lines.push(...head, ...blocked.before, ...loop, ...blocked.after);
    if (splits > 1) {
      top.lines.push(
        ...(join === "subgroups"
          ? combineInSubgroups(r, i, profile, globals, element)
          : combine(r, i, side, splits, globals, element)),
      );
    }
  });
  const stores = guard && splits > 1 ? [live] : [];
  const perRow = kernel.outputs.filter((o) => o.perRow), wide = kernel.outputs.filter((o) => !o.perRow);
  if (perRow.length > 0) {
    const scope = top.inner([]);
    for (const o of perRow) scope.store(o.tensor, o.at, o.value);
    top.lines.push(...when([...(splits > 1 ? ["lane.x == 0u"] : []), ...stores], scope.lines));
  }
  if (wide.length > 0) {
    const scope = top.inner([columnName(kernel.columns)]);
    for (const o of wide) scope.store(o.tensor, o.at, o.value);
    const loop = [loopHead(kernel.columns), ...scope.lines, "}"];
    top.lines.push(...when(stores, loop));
  }
  return {
    label: kernelLabel(kernel),
    code: moduleText(
      bindings,
      splits === 1 ? [side, 1] : [splits, side],
      top.lines,
      globals,
      join === "subgroups" && profile.provider !== "deno" ? ["subgroups"] : [],
    ),
    bindings: bindings.list(),
    workgroups: grid(groups, profile),
  };
};

/**
 * Joins the partial results of the one row of a workgroup: in each subgroup, then those of the subgroups in order.
 * Right for any size of subgroups and any order of lanes; a device takes them in one order every time.
 */
const combineInSubgroups = (
  r: Reduction,
  i: number,
  { subgroups }: DeviceProfile,
  globals: string[],
  element: Reduction["value"]["dtype"],
): string[] => {
  const type = typeOf(r.tensor.dtype), most = Math.ceil(256 / Math.max(1, subgroups!.least));
  globals.push(`var<workgroup> s${i}: array<${type}, ${most}>;`);
  const sum = r.op === "sum";
  // subgroupMax may drop NaN
  const whole = sum
    ? `subgroupAdd(p${i})`
    : isFloat(element)
    ? `max_of(subgroupMax(p${i}), select(${literal(-Infinity, "f32")}, ${
      literal(NaN, "f32")
    }, subgroupAny(is_nan(p${i}))))`
    : `subgroupMax(p${i})`;
  const other = `s${i}[g]`;
  return [
    `let q${i} = ${whole};`,
    `if (subgroup_lane == 0u) { s${i}[subgroup_index] = q${i}; }`,
    "workgroupBarrier();",
    `var r${i} = s${i}[0u];`,
    `for (var g = 1u; g < subgroup_count; g++) {`,
    sum ? `r${i} += ${other};` : `r${i} = ${maxText(`r${i}`, other, element)};`,
    "}",
  ];
};

/** Joins the partial results of a row's workers in workgroup memory, halving their number each time. */
const combine = (
  r: Reduction,
  i: number,
  side: number,
  splits: number,
  globals: string[],
  element: Reduction["value"]["dtype"],
): string[] => {
  const arg = r.op === "argmax", type = typeOf(r.tensor.dtype), out: string[] = [];
  globals.push(`var<workgroup> s${i}: array<${type}, ${side * splits}>;`);
  if (arg) globals.push(`var<workgroup> t${i}: array<${typeOf(element)}, ${side * splits}>;`);
  const here = `lane.y * ${splits}u + lane.x`;
  out.push(`s${i}[${here}] = p${i};`, ...(arg ? [`t${i}[${here}] = m${i};`] : []), "workgroupBarrier();");
  for (let half = splits / 2; half >= 1; half /= 2) {
    out.push(`if (lane.x < ${half}u) {`);
    const other = `${here} + ${half}u`;
    if (r.op === "sum") out.push(`s${i}[${here}] += s${i}[${other}];`);
    else if (r.op === "max") {
      out.push(`s${i}[${here}] = ${maxText(`s${i}[${here}]`, `s${i}[${other}]`, element)};`);
    } else {
      const mine = `t${i}[${here}]`, theirs = `t${i}[${other}]`;
      out.push(
        `if (${beats(theirs, mine, element)} || (!${
          beats(mine, theirs, element)
        } && s${i}[${other}] < s${i}[${here}])) {`,
        `t${i}[${here}] = t${i}[${other}];`,
        `s${i}[${here}] = s${i}[${other}];`,
        "}",
      );
    }
    out.push("}", "workgroupBarrier();");
  }
  out.push(`let r${i} = s${i}[lane.y * ${splits}u];`);
  return out;
};

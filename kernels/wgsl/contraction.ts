/**
 * Renders contractions as WGSL: each worker accumulates a tile of rows and columns in registers, four steps of the
 * summed index at a time, reading both operands as 4-vectors where their layout allows. Edges are clamped when read
 * and skipped when stored.
 */
import type { Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import type { ContractionKernel } from "../graph/kernel.ts";
import { divisible, separate } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";
import { kernelLabel } from "../plan/explain.ts";
import { scheduleContraction } from "../schedule/contraction.ts";
import { Bindings, type Dispatch, moduleText } from "./module.ts";
import { Scope } from "./scope.ts";

type Load = Extract<Value, { kind: "load" }>;

/** How an operand may be read: 4-vectors along the summed index, along its own axis, or one by one. */
type Access = "along k" | "along axis" | "scalar";

const accessOf = (load: Load, axis: string, length: number, k: number): Access => {
  const byK = separate(load.at, "k")!;
  if (k % 4 !== 0 && k !== 1) return "scalar";
  if (byK.by === 1 && k % 4 === 0 && divisible(byK.rest, 4)) return "along k";
  const byAxis = separate(load.at, axis);
  if (byAxis?.by === 1 && length % 4 === 0 && divisible(byAxis.rest, 4)) return "along axis";
  return "scalar";
};

/** Renders a contraction kernel. */
export const renderContraction = (
  kernel: ContractionKernel,
  slotOf: ReadonlyMap<Tensor, number>,
  profile: DeviceProfile,
): Dispatch => {
  const { batch, m, n, k } = kernel.size;
  const { rows, quads, across, down } = scheduleContraction(kernel, profile);
  const bindings = new Bindings(slotOf, kernel.outputs.map((o) => o.tensor));
  const access = {
    left: accessOf(kernel.left, "row", m, k),
    right: accessOf(kernel.right, "col", n, k),
  };
  const spelling = { buffer: (t: Tensor) => bindings.name(t), result: () => "acc" };
  const top = new Scope(spelling, ["batch"]);
  const columns = quads * 4,
    tiles = [Math.ceil(n / (columns * across)), Math.ceil(m / (rows * down))] as const;
  top.lines.push(
    "let batch = group.z;",
    `let row0 = (group.y * ${down}u + lane.y) * ${rows}u;`,
    `let col0 = (group.x * ${across}u + lane.x) * ${columns}u;`,
  );
  if (m % (rows * down) !== 0 || n % (columns * across) !== 0) {
    top.lines.push(`if (row0 >= ${m}u || col0 >= ${n}u) { return; }`);
  }
  for (let i = 0; i < rows; i++) for (let q = 0; q < quads; q++) top.lines.push(`var c${i}_${q} = vec4f();`);

  const left = pointers(top, kernel.left, "row", "row0", rows, m, access.left, "l");
  const right = pointers(top, kernel.right, "col", "col0", columns, n, access.right, "r");
  const whole = Math.floor(k / 4) * 4;
  const a = bindings.name(kernel.left.from, access.left !== "scalar");
  const b = bindings.name(kernel.right.from, access.right !== "scalar");
  const strideOf = (load: Load) => separate(load.at, "k")!.by;

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
  if (whole > 0) top.lines.push(`for (var k = 0u; k < ${whole}u; k += 4u) {`, ...step(4), "}");
  for (let tail = whole; tail < k; tail++) top.lines.push("{", `let k = ${tail}u;`, ...step(1), "}");

  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      const inner = top.inner(["row", "col", "acc"]);
      for (const o of kernel.outputs) inner.store(bindings.name(o.tensor), o.at, o.value, o.tensor.dtype);
      const guards = [
        ...(m % rows !== 0 && i > 0 ? [`row < ${m}u`] : []),
        ...(n % columns !== 0 && j > 0 ? [`col < ${n}u`] : []),
      ];
      top.lines.push(
        "{",
        `let row = row0 + ${i}u;`,
        `let col = col0 + ${j}u;`,
        `let acc = c${i}_${j >> 2}.${"xyzw"[j & 3]};`,
        ...(guards.length > 0 ? [`if (${guards.join(" && ")}) {`, ...inner.lines, "}"] : inner.lines),
        "}",
      );
    }
  }
  return {
    label: kernelLabel(kernel),
    code: moduleText(bindings, [across, down], top.lines),
    bindings: bindings.list(),
    workgroups: [tiles[0], tiles[1], batch],
  };
};

/** Text that reads one operand for the tile of a worker. */
interface Pointers {
  /** Reads line `i` of the tile for some steps. */
  readonly load: (buffer: string, i: number, count: number, stride: number) => string[];
  /** Element of line `i` at step `u`. */
  readonly element: (i: number, u: number) => string;
  /** Four columns at step `u`. */
  readonly quad: (u: number, q: number) => string;
}

const pointers = (
  top: Scope,
  load: Load,
  axis: string,
  origin: string,
  lines: number,
  length: number,
  access: Access,
  prefix: string,
): Pointers => {
  const { rest } = separate(load.at, "k")!;
  const last = length - 1, every = access === "along axis" ? 4 : 1;
  const ragged = access === "along axis" ? length % 4 : length % lines;
  // positions of the lines at k = 0, in elements or in 4-vectors
  for (let i = 0; i < lines; i += every) {
    const at = `${origin} + ${i}u`;
    const clamped = ragged !== 0 || length < lines || length % lines !== 0
      ? `min(${at}, ${last - (every - 1)}u)`
      : at;
    const scope = new Scope({ buffer: () => "", result: () => "" }, ["batch", axis]);
    const text = scope.index(rest);
    top.lines.push(
      `var ${prefix}${i}: u32;`,
      "{",
      `let ${axis} = ${clamped};`,
      ...scope.lines,
      `${prefix}${i} = ${text};`,
      "}",
    );
  }
  const moved = (i: number, u: number, stride: number): string => {
    if (stride === 0) return `${prefix}${i}`;
    const far = Math.abs(stride), by = far === 1 ? "" : ` * ${far}u`;
    return `${prefix}${i} ${stride < 0 ? "-" : "+"} (k + ${u}u)${by}`;
  };
  const lane = (i: number) => "xyzw"[i & 3]!;
  const name = (i: number, u: number) =>
    access === "along k"
      ? `${prefix}v${i}.${lane(u)}`
      : access === "along axis"
      ? `${prefix}v${i >> 2}_${u}.${lane(i)}`
      : `${prefix}v${i}_${u}`;
  const loadLine = (buffer: string, i: number, count: number, stride: number): string[] => {
    if (access === "along k") return [`let ${prefix}v${i} = ${buffer}[(${prefix}${i} + k) >> 2u];`];
    if (access === "along axis") {
      return i % 4 !== 0
        ? []
        : Array.from({ length: count }, (_, u) =>
          `let ${prefix}v${i >> 2}_${u} = ${buffer}[(${moved(i, u, stride)}) >> 2u];`);
    }
    return Array.from(
      { length: count },
      (_, u) => `let ${prefix}v${i}_${u} = ${buffer}[${moved(i, u, stride)}];`,
    );
  };
  return {
    load: loadLine,
    element: name,
    quad: (u, q) =>
      access === "along axis"
        ? `${prefix}v${q}_${u}`
        : `vec4f(${Array.from({ length: 4 }, (_, j) => name(q * 4 + j, u)).join(", ")})`,
  };
};

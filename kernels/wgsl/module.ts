/** A shader module: bindings, helpers and the entry point, and the dispatch that runs it. */
import { bytesOf, sizeOf, type Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { type MemoryPlan, windowBytesOf } from "../plan/memory.ts";
import { preludeOf, storedAs } from "./dialect.ts";
import type { Spelling } from "./scope.ts";

/** One storage buffer of a dispatch. */
export interface Binding {
  /** The slot of the memory plan. */
  readonly slot: number;
  /** Which range of the slot. */
  readonly window: number;
  /** Whether the kernel writes into the buffer that it is in, here or elsewhere: a dispatch has one use of each. */
  readonly write: boolean;
  /** Where it is not the whole window: the first byte from the start of the slot, and the number of bytes. */
  readonly part?: { readonly offset: number; readonly bytes: number };
}

/** Where tensors are, as far as the text of kernels depends on it. */
export interface Homes {
  /** The slot of each tensor. */
  readonly slotOf: ReadonlyMap<Tensor, number>;
  /** Bytes of every window but the last; a power of two. */
  readonly windowBytes: number;
  /** Bytes of every range of a slot but the last. */
  readonly rangeBytes: (slot: number) => number;
  /** One entry for each window of a slot, equal where windows are in one buffer. */
  readonly buffersOf: (slot: number) => readonly unknown[];
}

/** Homes as the plan has them, with nothing shared. */
export const homesOf = (memory: MemoryPlan): Homes => ({
  slotOf: memory.slotOf,
  windowBytes: windowBytesOf(memory.limits),
  rangeBytes: (slot) => memory.slots[slot]!.ranges[0]!.bytes,
  buffersOf: (slot) => memory.slots[slot]!.ranges.map((r) => r.buffer),
});

/** One recorded dispatch. */
export interface Dispatch {
  /** Its computation, for people. */
  readonly label: string;
  /** The WGSL module; equal texts share a pipeline. */
  readonly code: string;
  /** The buffers, in order of binding. */
  readonly bindings: readonly Binding[];
  /** Number of workgroups. */
  readonly workgroups: readonly [number, number, number];
}

interface Bound extends Binding {
  readonly name: string;
  readonly type: string;
}

/** Elements that are read together. Eight are of f16. */
export type Wide = 1 | 4 | 8;

/** The type of as many elements of a tensor: eight f16 are 16 bytes, which no vector of f16 has. */
const wideType = (t: Tensor, wide: Wide): string =>
  wide === 8 ? "vec4<u32>" : wide === 4 ? `vec4<${storedAs(t.dtype)}>` : storedAs(t.dtype);

/** Collects the buffers that a kernel binds, and spells what it reads and writes there. */
export class Bindings {
  readonly #bound = new Map<string, Bound>();
  readonly #helpers = new Map<string, string>();
  readonly #lengths = new Map<string, number>();
  readonly #homes: Homes;
  readonly #sized: boolean;
  readonly #written: ReadonlySet<unknown>;

  /** Bindings of a kernel that writes the given tensors; `sized` where arrays say how long they are. */
  constructor(homes: Homes, written: readonly Tensor[], sized = false) {
    this.#homes = homes;
    this.#sized = sized;
    this.#written = new Set(written.flatMap((t) => homes.buffersOf(this.#slot(t))));
  }

  #slot(t: Tensor): number {
    const slot = this.#homes.slotOf.get(t);
    if (slot === undefined) throw new Error(`tensor ${t.id} (${t.op}) has no memory`);
    return slot;
  }

  /** Names of the windows of a tensor. */
  #windows(t: Tensor, wide: Wide): readonly string[] {
    const slot = this.#slot(t), type = wideType(t, wide), buffers = this.#homes.buffersOf(slot);
    return buffers.map((buffer, window) => {
      const key = `${slot}.${window}:${type}`;
      const known = this.#bound.get(key);
      if (this.#sized && buffers.length === 1) {
        const length = Math.ceil(sizeOf(t.shape) / wide);
        this.#lengths.set(key, Math.max(length, this.#lengths.get(key) ?? 0));
      }
      if (known !== undefined) return known.name;
      const name = `x${this.#bound.size}`;
      this.#bound.set(key, { name, slot, window, type, write: this.#written.has(buffer) });
      return name;
    });
  }

  /** Defines a function over the windows of a tensor, once. */
  #helper(kind: "load" | "store", t: Tensor, wide: Wide, names: readonly string[]): string {
    const type = wideType(t, wide), name = `${kind}_${names[0]}`;
    const each = this.#homes.windowBytes / (bytesOf(t.dtype) * wide), at = `at & ${each - 1}u`;
    const act = (x: string) => kind === "load" ? `return ${x}[${at}];` : `${x}[${at}] = value;`;
    const cases = names.slice(1).map((x, i) => `  case ${i + 1}u: { ${act(x)} }`);
    const head = kind === "load" ? `(at: u32) -> ${type}` : `(at: u32, value: ${type})`;
    this.#helpers.set(
      name,
      [
        `fn ${name}${head} {`,
        `  switch at >> ${Math.log2(each)}u {`,
        ...cases,
        `  default: { ${act(names[0]!)} }`,
        "  }",
        "}",
      ]
        .join("\n"),
    );
    return name;
  }

  /** Reads the element, the 4-vector, or eight f16, at a position, as memory has it: f16 may be wanted as it is. */
  raw(t: Tensor, at: string, wide: Wide = 1): string {
    const names = this.#windows(t, wide);
    return names.length === 1 ? `${names[0]}[${at}]` : `${this.#helper("load", t, wide, names)}(${at})`;
  }

  /** Reads the element, or the 4-vector, at a position, as it is computed with. */
  load(t: Tensor, at: string, vector = false): string {
    const raw = this.raw(t, at, vector ? 4 : 1);
    return t.dtype === "f16" ? `${vector ? "vec4f" : "f32"}(${raw})` : raw;
  }

  /** A statement that writes an element. */
  store(t: Tensor, at: string, value: string): string {
    const names = this.#windows(t, 1), held = t.dtype === "f16" ? `f16(${value})` : value;
    return names.length === 1
      ? `${names[0]}[${at}] = ${held};`
      : `${this.#helper("store", t, 1, names)}(${at}, ${held});`;
  }

  /** The name of a tensor's array of elements; undefined where it is in several. */
  array(t: Tensor): string | undefined {
    const names = this.#windows(t, 1);
    return names.length === 1 ? names[0] : undefined;
  }

  /** How a scope of the kernel spells loads, stores and results. */
  spelling(result: Spelling["result"]): Spelling {
    return {
      load: (t, at) => this.load(t, at),
      store: (t, at, value) => this.store(t, at, value),
      result,
      define: (name, text) => void this.#helpers.set(name, text),
    };
  }

  /** Declarations in order of first use, then functions. */
  declare(): string {
    const buffers = [...this.#bound].map(([key, { name, type, write }], i) => {
      const length = this.#lengths.get(key), array = length === undefined ? type : `${type}, ${length}`;
      return `@group(0) @binding(${i}) var<storage, ${
        write ? "read_write" : "read"
      }> ${name}: array<${array}>;`;
    });
    return [...buffers, ...this.#helpers.values()].join("\n");
  }

  /** The bindings in their order. */
  list(): Binding[] {
    return [...this.#bound.values()].map(({ slot, window, write }) => ({ slot, window, write }));
  }
}

/** Splits a number of workgroups over as many axes as it takes, with few to spare. */
export const grid = (groups: number, profile: DeviceProfile): readonly [number, number, number] => {
  const most = profile.maxWorkgroups,
    layers = Math.max(1, Math.ceil(groups / most)),
    deep = Math.ceil(layers / most);
  const down = Math.ceil(layers / deep);
  return [Math.max(1, Math.ceil(groups / (down * deep))), down, deep];
};

/** The position of a workgroup in a grid made by `grid`. */
export const groupIndex = (groups: number, profile: DeviceProfile): string => {
  const [across, down, deep] = grid(groups, profile);
  const line = deep === 1 ? "group.y" : `(group.z * ${down}u + group.y)`;
  return down * deep === 1 ? "group.x" : `(${line} * ${across}u + group.x)`;
};

/** Where a workgroup is in a box of workgroups. */
export interface GroupBox {
  /** Number of workgroups along each axis of the dispatch. */
  readonly workgroups: readonly [number, number, number];
  /** Statements that come first. Workgroups to spare end there, all of their workers together. */
  readonly lines: readonly string[];
  /** Position along each axis of the box, as text. */
  readonly at: readonly [string, string, string];
}

/** A box of workgroups: as it is where the device takes it, else in the order of its first axis, then its second. */
export const groupBox = (
  box: readonly [number, number, number],
  profile: DeviceProfile,
): GroupBox => {
  if (box.every((n) => n <= profile.maxWorkgroups)) {
    return { workgroups: box, lines: [], at: ["group.x", "group.y", "group.z"] };
  }
  const [x, y, z] = box, groups = x * y * z, workgroups = grid(groups, profile), index = "group_index";
  const spare = workgroups[0] * workgroups[1] * workgroups[2] > groups;
  const over = (n: number): string => n === 1 ? index : `${index} / ${n}u`;
  const within = (text: string, n: number, whole: boolean): string =>
    n === 1 ? "0u" : whole ? text === index ? text : `(${text})` : `(${text} % ${n}u)`;
  return {
    workgroups,
    lines: [
      `let ${index} = ${groupIndex(groups, profile)};`,
      ...(spare ? [`if (${index} >= ${groups}u) { return; }`] : []),
    ],
    at: [within(index, x, y * z === 1), within(over(x), y, z === 1), within(over(x * y), z, true)],
  };
};

/** What a body may ask about its place in a subgroup, and what that is called in WGSL. */
const places: Readonly<Record<string, string>> = {
  subgroup_index: "subgroup_id",
  subgroup_lane: "subgroup_invocation_id",
  subgroup_count: "num_subgroups",
};

/** The whole module. `globals` are workgroup variables; `named` are extensions that the device wants named. */
export const moduleText = (
  bindings: Bindings,
  workgroup: readonly [number, number, number?],
  body: readonly string[],
  globals: readonly string[] = [],
  named: readonly string[] = [],
): string => {
  const text = indent(body), declared = bindings.declare();
  const before = [preludeOf(`${declared}\n${text}`), declared, ...globals];
  const asked = Object.entries(places).filter(([name]) => text.includes(name))
    .map(([name, builtin]) => `, @builtin(${builtin}) ${name}: u32`).join("");
  return [
    ...named.map((extension) => `enable ${extension};`),
    [...before, text].some((part) => /\bf16\b/.test(part)) ? "enable f16;" : "",
    ...before,
    `@compute @workgroup_size(${workgroup.filter((side, i) => i < 2 || side !== 1).join(", ")})`,
    `fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u${asked}) {`,
    text,
    "}",
  ].filter((l) => l !== "").join("\n");
};

/** Statements under conditions. */
export const when = (conditions: readonly string[], lines: readonly string[]): readonly string[] =>
  conditions.length === 0 ? lines : [`if (${conditions.join(" && ")}) {`, ...lines, "}"];

const indent = (lines: readonly string[]): string => {
  let depth = 1;
  return lines.map((line) => {
    if (line.startsWith("}")) depth--;
    const out = "  ".repeat(Math.max(0, depth)) + line;
    if (line.endsWith("{")) depth++;
    return out;
  }).join("\n");
};

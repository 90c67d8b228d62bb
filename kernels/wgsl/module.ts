/** A shader module: bindings, helpers and the entry point, and the dispatch that runs it. */
import type { Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { preludeOf, storedAs } from "./dialect.ts";

/** One storage buffer of a dispatch. */
export interface Binding {
  /** The slot of the memory plan. */
  readonly slot: number;
  /** Whether the kernel writes it. */
  readonly write: boolean;
}

/** One recorded dispatch. */
export interface Dispatch {
  /** What it computes, for people. */
  readonly label: string;
  /** The WGSL module; equal texts share a pipeline. */
  readonly code: string;
  /** The buffers, in order of binding. */
  readonly bindings: readonly Binding[];
  /** Number of workgroups. */
  readonly workgroups: readonly [number, number, number];
}

/** Collects the buffers that a kernel binds. */
export class Bindings {
  readonly #names = new Map<string, { slot: number; type: string; write: boolean }>();
  readonly #slotOf: ReadonlyMap<Tensor, number>;
  readonly #written: ReadonlySet<number>;

  /** Bindings of a kernel that writes the given tensors. */
  constructor(slotOf: ReadonlyMap<Tensor, number>, written: readonly Tensor[]) {
    this.#slotOf = slotOf;
    this.#written = new Set(written.map((t) => this.#slot(t)));
  }

  #slot(t: Tensor): number {
    const slot = this.#slotOf.get(t);
    if (slot === undefined) throw new Error(`tensor ${t.id} (${t.op}) has no memory`);
    return slot;
  }

  /** The name of a tensor's buffer, as an array of scalars or of 4-vectors. */
  name(t: Tensor, vector = false): string {
    const slot = this.#slot(t), write = this.#written.has(slot);
    const type = vector ? `vec4<${storedAs(t.dtype)}>` : storedAs(t.dtype), key = `${slot}:${type}`;
    const known = this.#names.get(key) ?? { slot, type, write };
    this.#names.set(key, known);
    return `x${[...this.#names.keys()].indexOf(key)}`;
  }

  /** Declarations in order of first use. */
  declare(): string {
    return [...this.#names.values()].map((b, i) =>
      `@group(0) @binding(${i}) var<storage, ${b.write ? "read_write" : "read"}> x${i}: array<${b.type}>;`
    ).join("\n");
  }

  /** The bindings in their order. */
  list(): Binding[] {
    return [...this.#names.values()].map(({ slot, write }) => ({ slot, write }));
  }
}

/** Splits a number of workgroups over two axes where one is too short. */
export const grid = (groups: number, profile: DeviceProfile): readonly [number, number, number] => {
  const most = profile.maxWorkgroups;
  return groups <= most ? [Math.max(1, groups), 1, 1] : [most, Math.ceil(groups / most), 1];
};

/** The position of a workgroup in a grid made by `grid`. */
export const groupIndex = (groups: number, profile: DeviceProfile): string =>
  groups <= profile.maxWorkgroups ? "group.x" : `(group.y * ${profile.maxWorkgroups}u + group.x)`;

/** The whole module. `globals` are workgroup variables. */
export const moduleText = (
  bindings: Bindings,
  workgroup: readonly [number, number],
  body: readonly string[],
  globals: readonly string[] = [],
): string => {
  const text = indent(body);
  return [
    preludeOf(text),
    bindings.declare(),
    ...globals,
    `@compute @workgroup_size(${workgroup.join(", ")})`,
    "fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {",
    text,
    "}",
  ].filter((l) => l !== "").join("\n");
};

const indent = (lines: readonly string[]): string => {
  let depth = 1;
  return lines.map((line) => {
    if (line.startsWith("}")) depth--;
    const out = "  ".repeat(Math.max(0, depth)) + line;
    if (line.endsWith("{")) depth++;
    return out;
  }).join("\n");
};

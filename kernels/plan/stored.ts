/**
 * Plans as data that a file can hold: where everything is, without the kernels. A plan that is made from it is loaded
 * with texts that were kept next to it; its kernels are compiled when they are read. Pure.
 */
import { copy, is, type Tensor, topological } from "@chain-of-sight/core";
import type { MemoryPlan } from "./memory.ts";
import type { Plan, Source } from "./plan.ts";

/** What a plan says of memory, by slots. */
export interface StoredPlan {
  /** The buffers. */
  readonly buffers: MemoryPlan["buffers"];
  /** All slots. */
  readonly slots: MemoryPlan["slots"];
  /** Copies after the last kernel. */
  readonly copies: MemoryPlan["copies"];
  /** Numbers that must be in memory before the first run. */
  readonly tables: readonly { readonly slot: number; readonly numbers: readonly number[] }[];
  /** What memory was planned for. */
  readonly limits: Pick<MemoryPlan["limits"], "maxBindingBytes" | "maxBufferBytes">;
  /** Most scratch bytes alive at one time. */
  readonly peakScratch: number;
  /** Slots of inputs by path. */
  readonly inputs: Readonly<Record<string, number>>;
  /** Slots of results by name. */
  readonly outputs: Readonly<Record<string, number>>;
  /** Paths of inputs that results depend on. */
  readonly needed: readonly string[];
}

const slotsOf = ({ memory }: Plan, tensors: Readonly<Record<string, Tensor>>): Record<string, number> =>
  Object.fromEntries(Object.entries(tensors).map(([name, t]) => [name, memory.slotOf.get(t)!]));

/** A plan as data. */
export const storedPlan = (plan: Plan): StoredPlan => {
  const { buffers, slots, copies, tables, peakScratch, slotOf } = plan.memory;
  const { maxBindingBytes, maxBufferBytes } = plan.memory.limits;
  return {
    limits: { maxBindingBytes, maxBufferBytes },
    buffers,
    slots,
    copies,
    tables: [...tables].map(([t, numbers]) => ({ slot: slotOf.get(t)!, numbers: [...numbers] })),
    peakScratch,
    inputs: slotsOf(plan, plan.inputs),
    outputs: slotsOf(plan, plan.outputs),
    needed: plan.needed,
  };
};

/** Slots of some tensors, and of all others once somebody asks for one of them. */
class LateSlots implements ReadonlyMap<Tensor, number> {
  readonly #known: ReadonlyMap<Tensor, number>;
  readonly #rest: () => ReadonlyMap<Tensor, number>;

  constructor(known: ReadonlyMap<Tensor, number>, rest: () => ReadonlyMap<Tensor, number>) {
    this.#known = known;
    this.#rest = rest;
  }
  get size(): number {
    return this.#rest().size;
  }
  get(t: Tensor): number | undefined {
    return this.#known.get(t) ?? this.#rest().get(t);
  }
  has(t: Tensor): boolean {
    return this.#known.has(t) || this.#rest().has(t);
  }
  forEach(visit: (slot: number, t: Tensor, map: ReadonlyMap<Tensor, number>) => void): void {
    this.#rest().forEach(visit);
  }
  entries(): MapIterator<[Tensor, number]> {
    return this.#rest().entries();
  }
  keys(): MapIterator<Tensor> {
    return this.#rest().keys();
  }
  values(): MapIterator<number> {
    return this.#rest().values();
  }
  [Symbol.iterator](): MapIterator<[Tensor, number]> {
    return this.entries();
  }
}

/**
 * The plan of a source from data that was made of an equal one. `whole` compiles it: for its kernels, schedules and the
 * lives of its tensors, which loading by kept texts does not look at.
 */
export const restoredPlan = (
  stored: StoredPlan,
  { outputs: described, donate = {}, inputs: more = [] }: Source,
  whole: () => Plan,
): Plan => {
  const given = [...topological(Object.values(described)), ...more].filter((t) => is("input", t));
  const inputs = Object.fromEntries(given.map((t) => [t.attributes.path, t as Tensor]));
  const pathIn = new Map(Object.entries(stored.inputs).map(([path, slot]) => [slot, path]));
  // a result has memory of its own, unless it is an input that keeps its value
  const outputs = Object.fromEntries(
    Object.entries(described).map(([name, t]) => {
      const path = pathIn.get(stored.outputs[name]!);
      return [name, path !== undefined && inputs[path] === t ? t : copy(`result ${name}`)(t)];
    }),
  );
  const slotOf = new Map<Tensor, number>([
    ...Object.entries(inputs).map(([path, t]) => [t, stored.inputs[path]!] as const),
    ...Object.entries(outputs).map(([name, t]) => [t, stored.outputs[name]!] as const),
  ]);
  const tables = new Map(stored.tables.map(({ slot, numbers }, i): [Tensor, Int32Array] => {
    const named = copy(`table ${i}`)(Object.values(described)[0]!);
    slotOf.set(named, slot);
    return [named, Int32Array.from(numbers)];
  }));
  const { limits, buffers, slots, copies, peakScratch, needed } = stored;
  return {
    get kernels() {
      return whole().kernels;
    },
    get schedules() {
      return whole().schedules;
    },
    memory: {
      limits,
      buffers,
      slots,
      copies,
      tables,
      peakScratch,
      slotOf: new LateSlots(slotOf, () => whole().memory.slotOf),
      lives: {
        get born() {
          return whole().memory.lives.born;
        },
        get lastRead() {
          return whole().memory.lives.lastRead;
        },
      },
    },
    inputs,
    needed,
    outputs,
    donate,
  };
};

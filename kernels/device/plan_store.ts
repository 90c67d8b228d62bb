/** Programs that were compiled before: plans and texts by what they were made of, in a store that outlives the process. */
import { contentOf } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { compile, type CompileOptions, type Plan, type Source } from "../plan/plan.ts";
import { Memo } from "../plan/memo.ts";
import { restoredPlan, type StoredPlan, storedPlan } from "../plan/stored.ts";
import type { Dialect } from "../wasm/math.ts";
import { type PlacedPhase, renderModule, type WasmModule } from "../wasm/render.ts";
import type { Dispatch } from "../wgsl/module.ts";
import { dispatchesOf, type KernelDispatch } from "../wgsl/render.ts";

/** A program as data: its plan, and what the device runs. */
export interface KeptProgram {
  /** The plan. */
  readonly plan: StoredPlan;
  /** What a GPU runs, or the phases of the CPU's module with the instructions that it is written in. */
  readonly texts:
    | { readonly kind: "wgsl"; readonly dispatches: readonly Dispatch[] }
    | { readonly kind: "wasm"; readonly relaxed: boolean; readonly phases: readonly PlacedPhase[] };
  /** The CPU's module; empty for a GPU. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Keeps programs by the text of what they were made of; what it cannot read or write it leaves. */
export interface PlanStore {
  /** What was kept; undefined where nothing was. */
  readonly read: (key: string) => KeptProgram | undefined;
  /** Keeps a program. */
  readonly write: (key: string, program: KeptProgram) => void;
}

interface Origin {
  readonly store: PlanStore;
  readonly key: string;
  readonly kept: KeptProgram | undefined;
}

const origins = new WeakMap<Plan, Origin>(), remembered = new WeakMap<PlanStore, Memo<Plan>>();

/** Numbers that JSON has no word for keep theirs. */
const plain = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

/**
 * Compiles, or takes a plan that was kept of an equal description, profile and options. The store's key says which code
 * compiled it.
 */
export const compileKept = (
  store: PlanStore,
  source: Source,
  profile: DeviceProfile,
  options: CompileOptions,
): Plan => {
  const { outputs, donate = {}, inputs = [] } = source;
  const rest = [Object.keys(outputs), Object.entries(donate), profile, options];
  const known = remembered.get(store) ?? new Memo<Plan>();
  remembered.set(store, known);
  return known.take(Object.values(outputs), [rest, inputs.map((t) => t.id)], () => {
    const key = `${JSON.stringify(rest, plain)}\n${contentOf([...Object.values(outputs), ...inputs])}`;
    const kept = store.read(key), whole = () => compile(source, profile, options);
    const plan = kept === undefined ? whole() : restoredPlan(kept.plan, source, whole);
    origins.set(plan, { store, key, kept });
    return plan;
  });
};

/** Whether a plan was taken from a store: its kernels are compiled when somebody looks at them. */
export const isKept = (plan: Plan): boolean => origins.get(plan)?.kept !== undefined;

const written = new WeakSet<Plan>();

const keep = (plan: Plan, texts: KeptProgram["texts"], bytes: KeptProgram["bytes"]): void => {
  const origin = origins.get(plan);
  if (origin === undefined || written.has(plan)) return;
  written.add(plan);
  origin.store.write(origin.key, { plan: origin.kept?.plan ?? storedPlan(plan), texts, bytes });
};

/** The CPU's module of a plan that was kept with these instructions. */
export const keptModule = (
  plan: Plan,
  dialect: Dialect,
): (WasmModule & { readonly bytes: Uint8Array<ArrayBuffer> }) | undefined => {
  const kept = origins.get(plan)?.kept, texts = kept?.texts;
  if (kept === undefined || texts?.kind !== "wasm" || texts.relaxed !== dialect.relaxed) return undefined;
  const kernels = () => renderModule(plan, dialect).kernels();
  return { text: "", phases: texts.phases, kernels, bytes: kept.bytes };
};

/** Keeps the CPU's module of a plan, where the plan's device has a store. */
export const keepModule = (
  plan: Plan,
  { phases }: WasmModule,
  { relaxed }: Dialect,
  bytes: Uint8Array<ArrayBuffer>,
): void => keep(plan, { kind: "wasm", relaxed, phases }, bytes);

/** What a GPU runs for a plan that was kept. */
export const keptDispatches = (plan: Plan, profile: DeviceProfile): readonly KernelDispatch[] | undefined => {
  const texts = origins.get(plan)?.kept?.texts;
  return texts?.kind !== "wgsl" ? undefined : texts.dispatches.map((dispatch, i) => ({
    ...dispatch,
    get kernel() {
      return dispatchesOf(plan, profile)[i]!.kernel;
    },
  }));
};

/** Keeps what a GPU runs for a plan, where the plan's device has a store. */
export const keepDispatches = (plan: Plan, dispatches: readonly KernelDispatch[]): void =>
  keep(
    plan,
    {
      kind: "wgsl",
      dispatches: dispatches.map(({ label, code, bindings, workgroups }) => ({
        label,
        code,
        bindings,
        workgroups,
      })),
    },
    new Uint8Array(),
  );

/** Plans: a description compiled for a device profile, still without a device. Pure. */
import { bytesOf, is, refuseLeaks, show, type Tensor, topological, TreeError } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { type Placed, unpacked } from "../graph/foreach.ts";
import { fuse } from "../graph/fuse.ts";
import type { Kernel } from "../graph/kernel.ts";
import { type KernelSchedules, schedulesFor } from "../schedule/choose.ts";
import type { Schedules } from "../schedule/schedule.ts";
import { scanBodyCompiler } from "./inside.ts";
import { type MemoryPlan, planMemory } from "./memory.ts";
import { lowered } from "./passes.ts";
import { checkPositions } from "./positions.ts";
import { Memo } from "./memo.ts";
import { resultsOf } from "./results.ts";

/** Input of the compiler: named results, and which of them replace which inputs. */
export interface Source {
  /** Results by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Output name -> path of the input whose buffer it takes over: state that a step updates. */
  readonly donate?: Readonly<Record<string, string>>;
  /** Inputs that must exist even if nothing reads them. */
  readonly inputs?: readonly Tensor[];
}

/** Switches of the compiler. */
export interface CompileOptions {
  /** Merge kernels; off is the naive path that tests compare with. Default true. */
  readonly fuse?: boolean;
  /** Compute multi-tensor nodes as one, on tensors side by side. Default: as `fuse`. */
  readonly batch?: boolean;
  /** Use the device's own attention kernels. Default: where it has them. */
  readonly attention?: boolean;
  /** Rewrite the description by the rules of `simplify` first. Default true. */
  readonly simplify?: boolean;
  /** Where inputs are in programs that it is to be loaded alongside ({@link placedIn}). Default: nowhere. */
  readonly placed?: Placed;
  /** Schedules by the form of kernels, as measurements found them; the default ones elsewhere. */
  readonly schedules?: Schedules;
}

/** A compiled program: kernels over slots, still in no machine's words. Each device renders it in its own. */
export interface Plan {
  /** The kernels, in order. */
  readonly kernels: readonly Kernel[];
  /** Buffers and who lives in them. */
  readonly memory: MemoryPlan;
  /** Inputs by path. */
  readonly inputs: Readonly<Record<string, Tensor>>;
  /** Paths of those that results depend on, as described: they must hold a value before a run. */
  readonly needed: readonly string[];
  /** Results by name. */
  readonly outputs: Readonly<Record<string, Tensor>>;
  /** Output name -> input path, as asked. */
  readonly donate: Readonly<Record<string, string>>;
  /** How each kernel is tiled; empty where the device tiles by itself. */
  readonly schedules: KernelSchedules;
}

/** Where the inputs of some plans are; what several have is where the first has it. */
export const placedIn = (plans: readonly Plan[]): Placed => {
  const placed: Record<string, readonly [number, number]> = {};
  let whole = 0;
  for (const { inputs, memory: { slots, slotOf } } of plans) {
    for (const [path, t] of Object.entries(inputs)) {
      const { id, within } = slots[slotOf.get(t)!]!;
      placed[path] ??= [whole + (within?.slot ?? id), (within?.offset ?? 0) / bytesOf(t.dtype)];
    }
    whole += slots.length;
  }
  return placed;
};

const plans = new Memo<Plan>();

/** Compiles for devices of a profile. The same description gives the same plan as long as it is there. */
export const compile = (source: Source, profile: DeviceProfile, options: CompileOptions = {}): Plan => {
  const { outputs, donate = {}, inputs = [] } = source;
  const rest = [Object.keys(outputs), Object.entries(donate), inputs.map((t) => t.id), profile, options];
  return plans.take(Object.values(outputs), rest, () => compileUncached(source, profile, options));
};

const compileUncached = (source: Source, profile: DeviceProfile, options: CompileOptions): Plan => {
  const names = Object.keys(source.outputs), donate = source.donate ?? {};
  const described = Object.values(source.outputs);
  refuseLeaks("compile", described);
  const merge = options.fuse ?? true, batch = options.batch ?? merge, schedules = options.schedules ?? {};
  const laidOut = lowered(described, {
    profile,
    fuse: merge,
    batch,
    attention: options.attention,
    simplify: options.simplify ?? true,
    placed: options.placed ?? {},
    schedules,
  });
  const inputs: Record<string, Tensor> = {};
  const read = topological(described).filter((t) => is("input", t));
  for (const t of [...read, ...source.inputs ?? []]) {
    if (!is("input", t)) continue;
    const path = t.attributes.path, known = inputs[path];
    if (known !== undefined && known !== t) {
      throw new TreeError({
        op: "compile",
        got: `two inputs named ${path}: ${known.dtype} ${show(known.shape)} and ${t.dtype} ${show(t.shape)}`,
        expected: "one description per path",
        hint: "rename one of them",
      });
    }
    inputs[path] = t;
  }
  const results = Object.fromEntries(names.map((name, i) => [name, laidOut[i]!]));
  const { named, donated } = resultsOf(results, donate, inputs), outputs = Object.values(named);
  const limits = { ...profile, fuse: merge, gpu: profile.provider !== "cpu" };
  const inside = scanBodyCompiler(
    (some) => fuse(unpacked(() => true)(some), { ...limits, inside }).kernels,
    profile,
  );
  const { kernels, packs, tables } = fuse(outputs, { ...limits, inside }, donated);
  checkPositions(kernels, profile);
  const needs = { kernels, inputs: Object.values(inputs), outputs, donated, packs, tables };
  const memory = planMemory(needs, profile);
  const needed = read.map((t) => t.attributes.path);
  return {
    kernels,
    memory,
    inputs,
    needed,
    outputs: named,
    donate,
    schedules: schedulesFor(kernels, profile, schedules),
  };
};

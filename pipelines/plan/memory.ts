/**
 * Requirements of a step, from the compiler's plans of its programs on a device without limits: temporaries are alive from the
 * kernel that writes them to the last one that reads them, and take what the plan arranges for them.
 */
import { isGiven, sizeOf, specTrees, tensorBytes } from "@chain-of-sight/core";
import {
  compile,
  type CompileOptions,
  type DeviceProfile,
  type Kernel,
  kernelCost,
  placedIn,
  type PlainKernel,
  type Plan,
  readsOf,
  type Source,
  stepsOf,
} from "@chain-of-sight/kernels";
import { additionsOf, microSources } from "../train/micro_batches.ts";
import { largestShard } from "../train/shard.ts";
import { stepSource } from "../train/step_source.ts";
import { type PlanDevice, profileOfDevice } from "./device.ts";
import type { PlannedTraining } from "./step.ts";

/** Bytes on one device at the moment when most memory is needed. */
export interface MemoryNeed {
  /** Parameters, frozen and trained. */
  readonly weights: number;
  /** State of the optimiser. */
  readonly optimiser: number;
  /** The batch, scalars, and results that are kept. */
  readonly data: number;
  /** Gradients of parameters: those alive at that moment, or with micro-batches all of them, and their stored sums. */
  readonly gradients: number;
  /** All other temporaries that are alive at that moment: what grows with the number of images. */
  readonly activations: number;
  /** The sum. */
  readonly peak: number;
}

/** What the kernels of a step do. */
export interface StepWork {
  /** Number of kernels. */
  readonly dispatches: number;
  /** FLOPs. */
  readonly flops: number;
  /** Bytes read and written. */
  readonly bytes: number;
  /** Seconds at the peak rates of the device. */
  readonly seconds: number;
}

/** A temporary: its bytes, and the first and the last kernel of its life. */
interface Temporary {
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
  readonly gradient: boolean;
}

/** Whether a kernel writes new state in place of the old. */
const isUpdate = ({ memory: { slots, slotOf } }: Plan): (kernel: Kernel) => boolean => (kernel) =>
  kernel.outputs.some(({ tensor }) => slots[slotOf.get(tensor) ?? -1]?.role === "input");

/** The slot that a slot is a part of, or itself. */
const rootOf = ({ memory: { slots } }: Plan, slot: number): number => slots[slot]!.within?.slot ?? slot;

/** Slots of what the update reads and is a temporary: gradients, all of them in packs or each by itself. */
const gradientSlots = (plan: Plan): ReadonlySet<number> =>
  new Set(
    plan.kernels.filter(isUpdate(plan)).flatMap((kernel) => readsOf(kernel))
      .filter((t) => t.shape.length > 0)
      .map((t) => rootOf(plan, plan.memory.slotOf.get(t)!))
      .filter((slot) => plan.memory.slots[slot]!.role === "scratch"),
  );

const temporariesOf = (plan: Plan): readonly Temporary[] => {
  const { slots, slotOf, lives: { born, lastRead } } = plan.memory;
  const packs = new Set(slots.map((s) => s.within?.slot)), gradients = gradientSlots(plan);
  return [...slotOf].flatMap(([tensor, id]): Temporary[] => {
    const { role, bytes, within } = slots[id]!, from = born.get(tensor);
    // a pack is alive where its parts are
    const isPack = packs.has(id) || (within !== undefined && isGiven(tensor));
    if (role !== "scratch" || from === undefined || isPack) return [];
    return [{
      bytes,
      from,
      to: Math.max(lastRead.get(tensor) ?? -1, from),
      gradient: gradients.has(rootOf(plan, id)),
    }];
  });
};

/** The work of some plans, each run so often: every kernel at the peak rate of the device that it meets first. */
const workOf = (plans: readonly (readonly [plan: Plan, runs: number])[], device: PlanDevice): StepWork => {
  const known = new Map<PlainKernel, StepWork>(), sum = { dispatches: 0, flops: 0, bytes: 0, seconds: 0 };
  for (const [plan, runs] of plans) {
    for (const { kernel } of stepsOf(plan)) {
      const own = known.get(kernel) ?? atRoofline(kernel, device);
      known.set(kernel, own);
      for (const name of ["dispatches", "flops", "bytes", "seconds"] as const) sum[name] += runs * own[name];
    }
  }
  return sum;
};

const atRoofline = (kernel: PlainKernel, { flops, bytes }: PlanDevice): StepWork => {
  const cost = kernelCost(kernel);
  return { dispatches: 1, ...cost, seconds: Math.max(cost.flops / flops, cost.bytes / bytes) };
};

/** The least seconds of a plan on a device: its kernels follow each other. */
export const secondsAt = (plan: Plan, device: PlanDevice): number => workOf([[plan, 1]], device).seconds;

type Temporaries = Pick<MemoryNeed, "gradients" | "activations">;

const bytesIn = ({ gradients, activations }: Temporaries): number => gradients + activations;

/** Gradients of a plan when its temporaries take most, and all else that it has memory for: its gaps as well. */
const worst = (plan: Plan): Temporaries => {
  const busy = plan.kernels.map(() => ({ gradients: 0, activations: 0 }));
  for (const { gradient, bytes, from, to } of temporariesOf(plan)) {
    for (const alive of busy.slice(from, to + 1)) alive[gradient ? "gradients" : "activations"] += bytes;
  }
  const { gradients } = busy.reduce((a, b) => bytesIn(b) > bytesIn(a) ? b : a, {
    gradients: 0,
    activations: 0,
  });
  const scratch = plan.memory.buffers.reduce((n, { role, bytes }) => role === "scratch" ? n + bytes : n, 0);
  return { gradients, activations: scratch - gradients };
};

/** The programs of a step: plans, and how often each runs. */
const programsOf = (
  training: PlannedTraining,
  compiled: (source: Source, options?: CompileOptions) => Plan,
  ranks: PlannedRanks,
): { readonly plans: readonly (readonly [plan: Plan, runs: number])[]; readonly sums: number } => {
  const { micro } = training;
  if (micro === undefined) return { plans: [[compiled(stepSource(training).source), 1]], sums: 0 };
  const shard = largestShard(training, ranks), share = micro.count / ranks.size;
  const sources = microSources(training, shard?.isOwn), additions = additionsOf(share);
  const stored = additions.flatMap(({ hold }) => hold ?? []), update = compiled(sources.update.source);
  // sums are a kernel for each run of the update's memory, as the loader finds out
  const placed = placedIn([update]);
  return {
    plans: [
      [compiled(sources.gradient(training.batch)), share],
      [update, 1],
      ...(share === 1 ? [] : [
        [
          compiled(sources.merge(0), { placed }),
          additions.reduce((n, { merge }) => n + merge.length, 0),
        ],
        [compiled(sources.hold(0), { placed }), stored.length],
      ] as const),
    ],
    // the gradients themselves, and a sum at each level
    sums: 2 + Math.max(-1, ...stored),
  };
};

/** Processes that share a step, and whether they share the optimiser's memory. */
export interface PlannedRanks {
  /** How many. */
  readonly size: number;
  /** Whether each keeps the optimiser's memory of its own part of the parameters alone. */
  readonly shards: boolean;
}

/** What ranks move in a step. */
export interface ExchangeNeed {
  /** Bytes that each sends to the others. */
  readonly sent: number;
  /** Bytes that each reads from its device and writes back. */
  readonly staged: number;
  /** Seconds, at the rate that was said. */
  readonly seconds: number;
}

/**
 * What ranks move in a step: of P trained parameters, each sends 4P (N-1)/N bytes of gradients and as many of their sums, or
 * of parameters where the optimiser's memory is shared; 4P bytes come from the device to the host and go back.
 */
export const exchangeOf = (
  { specs, trainable }: Pick<PlannedTraining, "specs" | "trainable">,
  { size }: PlannedRanks,
  rate: number,
): ExchangeNeed => {
  const bytes = specTrees.entries(specs).reduce(
    (n, [path, { shape }]) => trainable(path) ? n + 4 * sizeOf(shape) : n,
    0,
  );
  const sent = size === 1 ? 0 : 2 * bytes * (size - 1) / size, staged = size === 1 ? 0 : 2 * bytes;
  return { sent, staged, seconds: (sent + staged) / rate };
};

/** What a step takes and does, as estimated. */
export interface Estimate {
  /** Its memory. */
  readonly memory: MemoryNeed;
  /** Its work. */
  readonly work: StepWork;
}

/**
 * Estimates the step of a training on a device, or on one of some ranks: that with most of the optimiser's memory. Kernels
 * are those of `profile`, a GPU without limits unless said.
 */
export const estimateOf = (
  training: PlannedTraining,
  device: PlanDevice,
  ranks: PlannedRanks = { size: 1, shards: false },
  profile: DeviceProfile = profileOfDevice(device, false),
): Estimate => {
  const { plans, sums } = programsOf(
    training,
    (source, options) => compile(source, profile, options),
    ranks,
  );
  const inputs = new Map(plans.flatMap(([{ inputs }]) => Object.entries(inputs)));
  const bytes = (chosen: (path: string) => boolean): number =>
    [...inputs].reduce((n, [path, t]) => chosen(path) ? n + tensorBytes(t) : n, 0);
  const under = (...prefixes: readonly string[]) => (path: string): boolean =>
    prefixes.some((prefix) => path.startsWith(prefix));
  const results = plans.flatMap(([plan]) => plan.memory.buffers).filter(({ role }) => role === "output");
  const temporary = plans.map(([plan]) => worst(plan)).reduce((a, b) => bytesIn(b) > bytesIn(a) ? b : a);
  // a program that writes gradients where they are stored updates nothing, and all its temporaries are others
  const [gradients, activations] = sums === 0
    ? [temporary.gradients, temporary.activations]
    : [sums * bytes(under("grad.")), bytesIn(temporary)];
  const parts = {
    weights: bytes(under("state.params.")),
    optimiser: bytes(under("state.opt.")),
    data: bytes((path) => !under("state.params.", "state.opt.", "grad.", "held.")(path)) +
      results.reduce((n, buffer) => n + buffer.bytes, 0),
    gradients,
    activations,
  };
  return {
    memory: { ...parts, peak: Object.values(parts).reduce((a, b) => a + b, 0) },
    work: workOf(plans, device),
  };
};

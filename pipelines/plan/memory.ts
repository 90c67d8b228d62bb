/**
 * Memory of a compiled step, by what lies in it. Temporaries are those of the compiler's memory plan, alive from the
 * kernel that writes them to the last one that reads them; in half precision the same tensors take half.
 */
import { bytesOf, isGiven, sizeOf, type Tensor } from "@chain-of-sight/core";
import { type Kernel, type Plan, readsOf } from "@chain-of-sight/kernels";
import type { Precision } from "../train/precision.ts";
import type { PlannedStep } from "./step.ts";

/** Bytes on one device at the moment when most memory is needed. */
export interface MemoryNeed {
  /** Parameters, frozen and trained; in mixed precision with the half copy of the trained ones. */
  readonly weights: number;
  /** What the optimiser remembers. */
  readonly optimiser: number;
  /** The batch, scalars, and results that are kept. */
  readonly data: number;
  /** Gradients of parameters that are alive at that moment. */
  readonly gradients: number;
  /** All other temporaries that are alive at that moment: what grows with the number of images. */
  readonly activations: number;
  /** The sum. */
  readonly peak: number;
  /** What one more image takes: its inputs, and its share of temporaries that are not gradients when they take most. */
  readonly perImage: number;
}

/** What decides how many bytes a step takes. */
export interface ElementSizes {
  /** Images of the step. */
  readonly images: number;
  /** Element types of the step. */
  readonly precision: Precision;
  /** Whether a parameter is trained, by its path in the model. */
  readonly trained: (path: string) => boolean;
  /** What the paths of inputs begin with. */
  readonly prefixes: PlannedStep["prefixes"];
  /** Length of the last axis of logits, which stay f32. */
  readonly vocabulary: number;
}

/** A temporary: its bytes in f32, and the first and the last kernel of its life. */
interface Temporary {
  readonly tensor: Tensor;
  readonly bytes: number;
  readonly from: number;
  readonly to: number;
  readonly gradient: boolean;
}

/** Whether a kernel writes new state in place of the old. */
export const isUpdate = ({ memory: { slots, slotOf } }: Plan): (kernel: Kernel) => boolean => (kernel) =>
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
      tensor,
      bytes,
      from,
      to: Math.max(lastRead.get(tensor) ?? -1, from),
      gradient: gradients.has(rootOf(plan, id)),
    }];
  });
};

/** Gradients and other temporaries when both together take most, and the most that the others take. */
interface Worst extends Pick<MemoryNeed, "gradients" | "activations"> {
  readonly mostActivations: number;
}

const worst = (temporaries: readonly Temporary[], bytes: (t: Temporary) => number): Worst => {
  const length = temporaries.reduce((n, t) => Math.max(n, t.to + 2), 0);
  const change = { gradients: new Float64Array(length), activations: new Float64Array(length) };
  for (const t of temporaries) {
    const of = change[t.gradient ? "gradients" : "activations"];
    of[t.from]! += bytes(t);
    of[t.to + 1]! -= bytes(t);
  }
  let gradients = 0, activations = 0, mostActivations = 0, most = { gradients, activations };
  for (let i = 0; i < length; i++) {
    gradients += change.gradients[i]!;
    activations += change.activations[i]!;
    mostActivations = Math.max(mostActivations, activations);
    if (gradients + activations > most.gradients + most.activations) most = { gradients, activations };
  }
  return { ...most, mostActivations };
};

/** Bytes of one parameter and its copies. */
const weightBytes = (t: Tensor, path: string, { precision, trained }: ElementSizes): number =>
  sizeOf(t.shape) * (precision === "f32" ? 4 : trained(path) ? 4 + 2 : 2);

/** The memory of a compiled step. */
export const memoryOf = (plan: Plan, sizes: ElementSizes): MemoryNeed => {
  const { precision, images, vocabulary, prefixes } = sizes;
  const half = ({ tensor, gradient }: Temporary): boolean =>
    precision === "mixed" && !gradient && tensor.dtype === "f32" && tensor.shape.at(-1) !== vocabulary;
  const { gradients, activations, mostActivations } = worst(
    temporariesOf(plan),
    (t) => half(t) ? t.bytes / 2 : t.bytes,
  );
  let weights = 0, optimiser = 0;
  let data = plan.memory.buffers.filter((b) => b.role === "output").reduce((n, b) => n + b.bytes, 0);
  for (const [path, t] of Object.entries(plan.inputs)) {
    const bytes = sizeOf(t.shape) * bytesOf(t.dtype);
    if (path.startsWith(prefixes.params)) {
      weights += weightBytes(t, path.slice(prefixes.params.length), sizes);
    } else if (path.startsWith(prefixes.optimiser)) optimiser += bytes;
    else data += bytes;
  }
  return {
    weights,
    optimiser,
    data,
    gradients,
    activations,
    peak: weights + optimiser + data + gradients + activations,
    perImage: (data + mostActivations) / images,
  };
};

/**
 * How many images at a time a memory holds, 0 for none. All gradients are taken to be alive, so that it is rather one
 * too few.
 */
export const imagesThatFit = (
  { weights, optimiser, perImage }: MemoryNeed,
  gradients: number,
  memory: number,
): number => Math.max(0, Math.floor((memory - weights - optimiser - gradients) / perImage));

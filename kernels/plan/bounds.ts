/**
 * Accesses that are not proved to lie inside their tensors. A device that keeps accesses inside its buffers needs no
 * proof; one without that check runs only programs of which nothing is left here.
 */
import { sizeOf, type Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { type PlainKernel, valuesOf, walkValues } from "../graph/kernel.ts";
import type { Index } from "../ir/index_expr.ts";
import { scheduleContraction } from "../schedule/contraction.ts";
import { matrixSchedule } from "../schedule/matrix.ts";
import { kernelLabel } from "./explain.ts";
import { type Plan, profileFor } from "./plan.ts";
import { stepsOf } from "./steps.ts";

/** An access that may lie outside of its tensor. */
export interface Unproved {
  /** The kernel. */
  readonly kernel: PlainKernel;
  /** The kernel as plans name it. */
  readonly label: string;
  /** What is accessed, how, and what is known of the place. */
  readonly access: string;
}

/** Whether a position depends on numbers in memory: then its range is a promise, not a proof. */
const fromMemory = (at: Index): boolean =>
  at.terms.some(({ atom }) => atom.kind === "value" || atom.kind !== "var" && fromMemory(atom.of));

/** What is wrong with a position in a tensor; undefined if it is in range whatever the data. */
const wrongPlace = (t: Tensor, at: Index): string | undefined => {
  const size = sizeOf(t.shape);
  if (fromMemory(at)) return `depends on data, of ${size} elements`;
  return at.min >= 0 && at.max < size ? undefined : `from ${at.min} to ${at.max}, of ${size} elements`;
};

/** Reads that the text of a kernel makes beyond those of its expressions. */
const beyond = (kernel: PlainKernel, profile: DeviceProfile): string | undefined => {
  if (kernel.kind === "loop") return undefined;
  if (kernel.kind !== "contraction") return `reads of ${kernel.kind} kernels`;
  if (matrixSchedule(kernel, profile) !== undefined) return undefined;
  const schedule = scheduleContraction(kernel, profile), { k } = kernel.size;
  if (schedule.kind === "direct") return undefined;
  return schedule.kind === "staged" && k % schedule.depth === 0 && schedule.ahead === "nothing"
    ? undefined
    : `blocks of a ${schedule.kind} product beyond its ${k} steps`;
};

/** Accesses of a kernel that may lie outside of their tensors. */
export const unprovedIn = (kernel: PlainKernel, profile: DeviceProfile): readonly Unproved[] => {
  const found: string[] = [], more = beyond(kernel, profile);
  if (more !== undefined) found.push(more);
  walkValues(valuesOf(kernel), (v) => {
    const wrong = v.kind === "load" ? wrongPlace(v.from, v.at) : undefined;
    if (wrong !== undefined && v.kind === "load") found.push(`read of ${v.from.op}, element ${wrong}`);
  });
  for (const { tensor, at } of kernel.kind === "attention" ? [] : kernel.outputs) {
    const wrong = wrongPlace(tensor, at);
    if (wrong !== undefined) found.push(`write of ${tensor.op}, element ${wrong}`);
  }
  const label = kernelLabel(kernel);
  return [...new Set(found)].map((access) => ({ kernel, label, access }));
};

/** Accesses of a plan that may lie outside of their tensors, kernel by kernel; none for a plan proved in range. */
export const unproved = (plan: Plan, profile: DeviceProfile): readonly Unproved[] =>
  [...new Set(stepsOf(plan).map((s) => s.kernel))]
    .flatMap((kernel) => unprovedIn(kernel, profileFor(plan, profile)));

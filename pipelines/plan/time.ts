/** The least time of a compiled step on a device: every kernel at the ceiling that its work meets first. */
import { kernelCost, type PlainKernel, type Plan, stepsOf } from "@chain-of-sight/kernels";
import type { PlanDevice } from "./device.ts";
import { isUpdate } from "./memory.ts";

/**
 * Seconds of one step at the ceilings. A kernel takes as long as its arithmetic or as its memory, whichever is longer;
 * kernels follow each other. Scores under the causal mask are not computed. In mixed precision, kernels move half the
 * bytes, but for those of the update.
 */
export const secondsAt = (plan: Plan, { precision, flops, bytes }: PlanDevice): number => {
  const updates = isUpdate(plan), known = new Map<PlainKernel, number>();
  const secondsOf = (kernel: PlainKernel): number => {
    const before = known.get(kernel);
    if (before !== undefined) return before;
    const cost = kernelCost(kernel), share = precision === "mixed" && !updates(kernel) ? 0.5 : 1;
    const seconds = Math.max(cost.flops / flops, share * cost.bytes / bytes);
    known.set(kernel, seconds);
    return seconds;
  };
  return stepsOf(plan).reduce((sum, { kernel }) => sum + secondsOf(kernel), 0);
};

/** Renders any kernel as WGSL dispatches. */
import { sizeOf, type Tensor } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import type { Kernel } from "../graph/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import { renderAttention } from "./attention.ts";
import { renderContraction } from "./contraction.ts";
import { renderLoop } from "./loop.ts";
import type { Dispatch } from "./module.ts";
import { renderScatter } from "./scatter.ts";

/** The dispatches of a plan, in order. */
export const dispatchesOf = (plan: Plan, profile: DeviceProfile): Dispatch[] =>
  plan.kernels.flatMap((k) => renderWgsl(k, plan.memory.slotOf, profile));

/** The dispatches of a kernel; none where every result is empty. */
export const renderWgsl = (
  kernel: Kernel,
  slotOf: ReadonlyMap<Tensor, number>,
  profile: DeviceProfile,
): Dispatch[] => {
  if (kernel.outputs.every((o) => sizeOf(o.tensor.shape) === 0)) return [];
  switch (kernel.kind) {
    case "loop":
      return [renderLoop(kernel, slotOf, profile)];
    case "contraction":
      return [renderContraction(kernel, slotOf, profile)];
    case "attention":
      return [renderAttention(kernel, slotOf, profile)];
    case "scatter":
      return renderScatter(kernel, slotOf, profile);
  }
};

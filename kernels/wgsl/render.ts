/** Renders any kernel as WGSL dispatches. */
import { sizeOf } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import type { Kernel } from "../graph/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import { renderAttention } from "./attention.ts";
import { renderContraction } from "./contraction.ts";
import { renderLoop } from "./loop.ts";
import { type Dispatch, type Homes, homesOf } from "./module.ts";
import { renderScatter } from "./scatter.ts";

/** The dispatches of a plan, in order. `homes` says where tensors lie if it is not as planned. */
export const dispatchesOf = (
  plan: Plan,
  profile: DeviceProfile,
  homes: Homes = homesOf(plan.memory),
): Dispatch[] => plan.kernels.flatMap((k) => renderWgsl(k, homes, profile));

/** The dispatches of a kernel; none where every result is empty. */
export const renderWgsl = (
  kernel: Kernel,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch[] => {
  if (kernel.outputs.every((o) => sizeOf(o.tensor.shape) === 0)) return [];
  switch (kernel.kind) {
    case "loop":
      return [renderLoop(kernel, homes, profile)];
    case "contraction":
      return [renderContraction(kernel, homes, profile)];
    case "attention":
      return [renderAttention(kernel, homes, profile)];
    case "scatter":
      return renderScatter(kernel, homes, profile);
  }
};

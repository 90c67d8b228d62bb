/** Renders any kernel as WGSL dispatches. */
import { sizeOf } from "@chain-of-sight/core";
import type { DeviceProfile } from "../device_profile.ts";
import { kernelLabel, type PlainKernel } from "../graph/kernel.ts";
import type { Plan } from "../plan/plan.ts";
import { memoizePair } from "../plan/memo.ts";
import { stepsOf } from "../plan/steps.ts";
import type { KernelSchedule } from "../schedule/schedule.ts";
import { renderAttention } from "./attention.ts";
import { renderContraction } from "./contraction.ts";
import { renderLoop } from "./loop.ts";
import { type Dispatch, type Homes, homesOf } from "./module.ts";
import { renderScatter } from "./scatter.ts";
import { iterationHomes } from "./iterations.ts";

/** A dispatch and the kernel that it computes, or a part of. */
export interface KernelDispatch extends Dispatch {
  /** The kernel. */
  readonly kernel: PlainKernel;
}

/** The dispatches of a plan, in order. `homes` says where tensors are if it is not as planned. */
export const dispatchesOf = (
  plan: Plan,
  profile: DeviceProfile,
  homes?: Homes,
): readonly KernelDispatch[] => homes === undefined ? asPlanned(plan, profile) : placed(plan, profile, homes);

const asPlanned = memoizePair((plan: Plan, profile: DeviceProfile) =>
  placed(plan, profile, homesOf(plan.memory))
);

const placed = (plan: Plan, profile: DeviceProfile, homes: Homes): readonly KernelDispatch[] => {
  const texts = new Map<string, string>();
  // equal texts are kept once
  const once = (code: string): string => texts.get(code) ?? (texts.set(code, code), code);
  const steps = stepsOf(plan), inside = iterationHomes(steps.map((s) => s.frame), homes);
  const known = new Map<Homes, Map<PlainKernel, readonly KernelDispatch[]>>();
  return steps.flatMap(({ kernel, frame }) => {
    const here = frame.scan === undefined ? homes : inside.get(frame.scan)!;
    const before = known.get(here) ?? new Map<PlainKernel, readonly KernelDispatch[]>();
    const rendered = before.get(kernel) ?? renderWgsl(kernel, plan.schedules.get(kernel), here, profile)
      .map((d) => ({ ...d, code: once(d.code), kernel }));
    known.set(here, before.set(kernel, rendered));
    return frame.scan === undefined ? rendered : rendered.map((d) => ({
      ...d,
      bindings: d.bindings.map(({ slot, window, write }) => {
        const { slot: outside, ...part } = frame.partsOf(slot)[window]!;
        return { slot: outside, window: 0, write, part };
      }),
    }));
  });
};

/** The dispatches of a kernel under a schedule; none where every result is empty. */
export const renderWgsl = (
  kernel: PlainKernel,
  schedule: KernelSchedule | undefined,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch[] => {
  if (kernel.outputs.every((o) => sizeOf(o.tensor.shape) === 0)) return [];
  if (kernel.kind === "scatter") return renderScatter(kernel, homes, profile);
  if (kernel.kind === "loop" && schedule?.kind === "loop") {
    return [renderLoop(kernel, schedule, homes, profile)];
  }
  if (kernel.kind === "attention" && schedule?.kind === "attention") {
    return [renderAttention(kernel, schedule, homes, profile)];
  }
  if (
    kernel.kind === "contraction" && schedule !== undefined && schedule.kind !== "loop" &&
    schedule.kind !== "attention"
  ) return [renderContraction(kernel, schedule, homes, profile)];
  throw new Error(`${kernelLabel(kernel)} has no schedule of its kind`);
};

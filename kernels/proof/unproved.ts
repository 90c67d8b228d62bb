/**
 * Accesses that are not proved to lie inside their memory, found in the text of kernels as it is given to the device. A
 * device that keeps accesses inside its buffers needs no proof; one without that check runs only programs of which
 * nothing is left here.
 */
import type { DeviceProfile } from "../device_profile.ts";
import { type PlainKernel, readsOf } from "../graph/kernel.ts";
import { kernelLabel } from "../plan/explain.ts";
import type { Plan } from "../plan/plan.ts";
import { type Dispatch } from "../wgsl/module.ts";
import { dispatchesOf, type KernelDispatch } from "../wgsl/render.ts";
import { parseModule, UnknownText } from "./syntax.ts";
import { type Outside, walkText } from "./walk.ts";

/** An access that may lie outside of its memory. */
export interface Unproved {
  /** The kernel. */
  readonly kernel: PlainKernel;
  /** The kernel as plans name it. */
  readonly label: string;
  /** What is accessed, how, and what is known of the place. */
  readonly access: string;
}

/** Fewest and most lanes of a subgroup where a device does not say. */
const ANY_SUBGROUP = { least: 1, most: 128 };

/** Accesses of one dispatch that are not proved; `bytes` are those of its buffers, in order of binding. */
export const outsideOf = (
  { code, workgroups }: Pick<Dispatch, "code" | "workgroups">,
  bytes: readonly number[],
  subgroups?: DeviceProfile["subgroups"],
): readonly Outside[] =>
  walkText(parseModule(code), { workgroups, bytes, subgroups: subgroups ?? ANY_SUBGROUP });

const placeText = ({ at, from, to, size }: Outside): string =>
  Number.isFinite(to) && (from > 0 || to < 2 ** 31)
    ? `element ${at}, from ${from} to ${to}, of ${size}`
    : `element ${at}, which may be any, of ${size}`;

/** Bytes of the buffers of a dispatch, as planned. */
const plannedBytes = ({ memory }: Plan, { bindings }: Dispatch): readonly number[] =>
  bindings.map(({ slot, window, part }) => part?.bytes ?? memory.slots[slot]!.ranges[window]!.bytes);

/** What lies in a buffer of a dispatch, for people. */
const contentOf = (
  { memory }: Plan,
  { kernel, bindings }: KernelDispatch,
  { array, binding }: Outside,
): string => {
  const slot = binding === undefined ? undefined : bindings[binding]?.slot;
  const tensors = [...readsOf(kernel), ...kernel.outputs.map((o) => o.tensor)];
  const found = slot === undefined ? undefined : tensors.find((t) => memory.slotOf.get(t) === slot);
  return found?.op ?? array;
};

const unprovedIn = (
  plan: Plan,
  dispatch: KernelDispatch,
  { subgroups }: DeviceProfile,
): readonly Unproved[] => {
  const { kernel } = dispatch, label = kernelLabel(kernel);
  try {
    return outsideOf(dispatch, plannedBytes(plan, dispatch), subgroups).map((o) => ({
      kernel,
      label,
      access: `${o.write ? "write" : "read"} of ${contentOf(plan, dispatch, o)}, ${placeText(o)}`,
    }));
  } catch (e) {
    if (!(e instanceof UnknownText)) throw e;
    return [{ kernel, label, access: `a text that cannot be read: ${e.message}` }];
  }
};

/** Accesses of a plan that may lie outside of their memory, kernel by kernel; none for a plan proved in range. */
export const unproved = (
  plan: Plan,
  profile: DeviceProfile,
  dispatches: readonly KernelDispatch[] = dispatchesOf(plan, profile),
): readonly Unproved[] => {
  const seen = new Set<string>();
  return dispatches.flatMap((dispatch) => {
    const key = `${dispatch.workgroups} ${plannedBytes(plan, dispatch)} ${dispatch.code}`;
    if (seen.has(key)) return [];
    seen.add(key);
    return unprovedIn(plan, dispatch, profile);
  });
};

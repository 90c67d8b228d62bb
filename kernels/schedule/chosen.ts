/** Schedules that a profile has for forms of kernels: what measurements found. */
import type { DeviceProfile } from "../device_profile.ts";
import type { PlainKernel } from "../graph/kernel.ts";
import type { AttentionTiles } from "./attention.ts";
import type { ContractionSchedule } from "./contraction.ts";
import { formOf } from "./form.ts";
import type { LoopSchedule } from "./loop.ts";
import type { MatrixSchedule } from "./matrix.ts";
import type { PiecesSchedule } from "./pieces.ts";

/** How a kernel is spread over a device, or how many kernels a product becomes. */
export type Schedule = ContractionSchedule | MatrixSchedule | AttentionTiles | LoopSchedule | PiecesSchedule;

/** Schedules by the form of their kernel, as `formOf` names it. */
export type Schedules = Readonly<Record<string, Schedule>>;

/** The schedule of a kernel that is in the profile and passes; `undefined` where the default is to be taken. */
export const chosen = <S extends Schedule>(
  kernel: PlainKernel,
  profile: DeviceProfile,
  passes: (s: Schedule) => s is S,
): S | undefined => {
  if (profile.schedules === undefined) return undefined;
  const form = formOf(kernel);
  const found = Object.hasOwn(profile.schedules, form) ? profile.schedules[form] : undefined;
  return found !== undefined && passes(found) ? found : undefined;
};

/** Lanes that can read each other's registers. */
import type { DeviceProfile } from "../device_profile.ts";

/**
 * Lanes of a workgroup that is one subgroup, on devices where a load costs the same for every lane, whatever it reads:
 * there numbers that all lanes need are loaded once, spread over the lanes, and passed from one to all. 0 elsewhere.
 */
export const lanesOf = ({ software, provider, subgroups }: DeviceProfile): number => {
  // Dawn wants the extension named, and runs on GPUs
  if (!software || provider !== "deno" || subgroups === undefined) return 0;
  const { least, most } = subgroups;
  return least === most && (least === 4 || least === 8 || least === 16) ? least : 0;
};

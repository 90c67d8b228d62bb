/** How attention and its gradients are tiled without matrix units. */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel } from "../graph/kernel.ts";
import { whole } from "./loop.ts";
import type { StagedAttention } from "./schedule.ts";

/** Bytes of workgroup memory of one line of a block: two rows and three numbers. */
const lineBytes = (width: number): number => 2 * 16 * Math.ceil(width / 4) + 12;

/** Channels of a head of which a worker keeps rows in registers. */
const MOST_CHANNELS = 512;

/** The widest heads for which there are kernels: with room in workgroup memory for a block of one line. */
export const widestHead = ({ workgroupBytes }: DeviceProfile): number =>
  Math.min(MOST_CHANNELS, 4 * Math.floor((workgroupBytes - 20) / 32));

/** Whether tiles are well formed and within the limits of the device. */
export const stagedAttentionFits = (
  { workers, own, block, together }: StagedAttention,
  { size }: AttentionKernel,
  { maxInvocations, workgroupBytes }: DeviceProfile,
): boolean =>
  whole(workers, own, block, together) && workers <= maxInvocations && block % together === 0 &&
  block * lineBytes(size.width) + 8 <= workgroupBytes;

/** The default tiles: the largest block that fits, up to 64 lines and to what holds all others. */
export const stagedAttention = (
  { size: { queries, keys, width }, node: { op } }: AttentionKernel,
  { software, workgroupBytes }: DeviceProfile,
): StagedAttention => {
  const [lines, others] = op === "attentionGradKeyValue" ? [keys, queries] : [queries, keys];
  const room = Math.floor((workgroupBytes - 8) / lineBytes(width));
  const block = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(64, room, 2 * others - 1))));
  return {
    kind: "staged",
    // a software adapter pays for every barrier, less where a workgroup is one vector of its lanes
    workers: software ? 8 : lines > 32 ? 64 : 32,
    own: op === "attention" && width <= 32 && lines >= 128 ? 2 : 1,
    block,
    together: Math.min(4, block),
  };
};

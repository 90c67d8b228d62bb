/** Tiling of attention and its gradients without matrix units. */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel } from "../graph/kernel.ts";
import { whole } from "./loop.ts";
import type { StagedAttention } from "./schedule.ts";

/** Bytes of workgroup memory of one line of a block: two rows and three numbers. */
const lineBytes = (width: number): number => 2 * 16 * Math.ceil(width / 4) + 12;

/** Bytes of workgroup memory: of a block, and for the gradient of own keys and of a score gradient for each pair. */
const bytesOf = (
  { workers, own, block }: StagedAttention,
  { size: { width }, node }: AttentionKernel,
): number => {
  const keys = node.op === "attentionGrad" ? workers * own : 0;
  return block * (lineBytes(width) + 4 * keys) + 16 * Math.ceil(width / 4) * keys + 8;
};

/** Channels of a head of which a worker keeps rows in registers. */
const MAX_CHANNELS = 512;

/** Minimum number of workers of a workgroup. */
const MIN_WORKERS = 8;

/** The widest heads for which there are kernels: with room in workgroup memory for the minimum number of keys and a block of one. */
export const widestHead = ({ workgroupBytes }: DeviceProfile): number =>
  Math.min(MAX_CHANNELS, 4 * Math.floor((workgroupBytes - 52) / (32 + 16 * MIN_WORKERS)));

/** Whether tiles are well formed and within the limits of the device. */
export const stagedAttentionFits = (
  tiles: StagedAttention,
  kernel: AttentionKernel,
  { maxInvocations, workgroupBytes }: DeviceProfile,
): boolean => {
  const { workers, own, block, together } = tiles;
  return whole(workers, own, block, together) && workers <= maxInvocations && block % together === 0 &&
    bytesOf(tiles, kernel) <= workgroupBytes;
};

/**
 * The default tiles: for the most workers with room for a block of eight lines or more, the largest block up to 64 lines
 * and to what holds all others.
 */
export const stagedAttention = (
  kernel: AttentionKernel,
  { software, workgroupBytes }: DeviceProfile,
): StagedAttention => {
  const { size: { queries, keys, width }, node: { op } } = kernel,
    [lines, others] = op === "attentionGrad" ? [keys, queries] : [queries, keys];
  const own = op === "attention" && width <= 32 && lines >= 128 ? 2 : 1;
  // a software adapter pays for every barrier, less where a workgroup is one vector of its lanes
  const most = software ? MIN_WORKERS : lines > 32 ? 64 : 32;
  const tiles = [64, 32, 16, MIN_WORKERS].filter((n) => n <= most).flatMap((workers) =>
    [64, 32, 16, 8, 4, 2, 1].filter((block) => block < 2 * others).map((block): StagedAttention => ({
      kind: "staged",
      workers,
      own,
      block,
      together: Math.min(4, block),
    }))
  ).filter((t) => bytesOf(t, kernel) <= workgroupBytes);
  return tiles.find(({ block }) => block >= Math.min(8, others)) ?? tiles[0]!;
};

/** How attention and its gradients are tiled. */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel } from "../graph/kernel.ts";
import { type MatrixAttention, matrixAttention, matrixAttentionFits } from "./attention_matrices.ts";
import { chosen, type Schedule } from "./chosen.ts";
import { lanesOf } from "./lanes.ts";

/** A worker owns one query, or one key for the gradients of keys and values, and reads the others for itself. */
export interface SingleAttention {
  /** Discriminates schedules. */
  readonly kind: "single";
  /** Workers of a workgroup. */
  readonly workers: number;
}

/** A subgroup owns a tile: lanes own queries (or keys), load a block of the others together and pass them around. */
export interface SpreadAttention {
  /** Discriminates schedules. */
  readonly kind: "spread";
  /** Lanes of the workgroup, which is one subgroup. */
  readonly lanes: number;
  /** Queries, or keys, of one lane. */
  readonly own: number;
  /** Keys, or queries, of one block: at most one for each lane. */
  readonly block: number;
}

/** Workers own queries (or keys); a workgroup copies blocks of the others into its memory. */
export interface StagedAttention {
  /** Discriminates schedules. */
  readonly kind: "staged";
  /** Workers of a workgroup. */
  readonly workers: number;
  /** Queries, or keys, of one worker. */
  readonly own: number;
  /** Keys, or queries, of one block. */
  readonly block: number;
  /** Of a block, those that one turn takes together; divides it. */
  readonly together: number;
}

/** How an attention kernel is tiled. */
export type AttentionSchedule = SingleAttention | SpreadAttention | StagedAttention | MatrixAttention;

/** Tiles that measurements found for an attention kernel. */
export interface AttentionTiles {
  /** Discriminates schedules. */
  readonly kind: "attention";
  /** The tiles. */
  readonly tiles: SingleAttention | StagedAttention | MatrixAttention;
}

/** Bytes of workgroup memory of one line of a block: two rows and two numbers. */
const lineBytes = (width: number): number => 2 * 16 * Math.ceil(width / 4) + 8;

/** Whether tiles are well formed and within the limits of the device. */
export const attentionFits = (
  { tiles }: AttentionTiles,
  kernel: AttentionKernel,
  profile: DeviceProfile,
): boolean => {
  if (tiles.kind === "matrices") return matrixAttentionFits(tiles, kernel, profile);
  const { size } = kernel, { maxInvocations, workgroupBytes } = profile;
  const whole = (n: number): boolean => Number.isInteger(n) && n >= 1;
  if (!whole(tiles.workers) || tiles.workers > maxInvocations) return false;
  if (tiles.kind === "single") return true;
  const { own, block, together } = tiles;
  return whole(own) && whole(block) && whole(together) && block % together === 0 &&
    block * lineBytes(size.width) <= workgroupBytes;
};

/** Most multiply-adds of 4-vectors that one turn of a loop spells out: drivers take long to compile long text. */
const LONGEST_TURN = { usual: 256, large: 512 } as const;

/** Multiply-adds of one product from which long text pays. */
const LARGE = 2 ** 26;

/** The default schedule without matrix units: what all lanes need is loaded once where lanes can pass it on. */
export const plainAttention = (
  { size, node }: AttentionKernel,
  profile: DeviceProfile,
): Exclude<AttentionSchedule, MatrixAttention> => {
  const perKey = node.op === "attentionGradKeyValue", lines = perKey ? size.keys : size.queries;
  const lanes = lanesOf(profile);
  if (lanes === 0) {
    // few lines leave most of a workgroup idle, and blocks of wide heads do not fit
    const bytes = lineBytes(size.width), room = Math.floor(profile.workgroupBytes / bytes);
    const most = 2 ** Math.floor(Math.log2(Math.max(1, Math.min(64, room))));
    if (!profile.software && lines > 16 && most >= 8) {
      const own = node.op === "attention" && size.width <= 32 && lines >= 128 ? 2 : 1;
      return { kind: "staged", workers: lines > 32 ? 64 : 32, own, block: most, together: 4 };
    }
    return { kind: "single", workers: Math.min(profile.software ? 16 : 64, Math.max(8, lines)) };
  }
  const products = { attention: 2, attentionGradQuery: 3, attentionGradKeyValue: 4 }[node.op];
  const turn = products * Math.ceil(size.width / 4);
  const others = perKey ? size.queries : size.keys;
  const work = size.batch * size.heads * size.queries * size.keys * size.width;
  const longest = LONGEST_TURN[work >= LARGE ? "large" : "usual"];
  const blockOf = (own: number): number => {
    let block = lanes;
    while (block > 1 && (own * block * turn > longest || block / 2 >= others)) block /= 2;
    return block;
  };
  // two lines of a lane share what is passed around, unless text is then short of others
  const own = lines > lanes && blockOf(2) >= Math.min(4, blockOf(1)) ? 2 : 1, block = blockOf(own);
  return { kind: "spread", lanes, own, block };
};

/** The default schedule: through matrix units where they take the kernel. */
export const defaultAttention = (kernel: AttentionKernel, profile: DeviceProfile): AttentionSchedule =>
  matrixAttention(kernel, profile) ?? plainAttention(kernel, profile);

/** How an attention kernel is tiled: as measured, where the profile says so, else by default. */
export const scheduleAttention = (kernel: AttentionKernel, profile: DeviceProfile): AttentionSchedule => {
  const passes = (s: Schedule): s is AttentionTiles =>
    s.kind === "attention" && attentionFits(s, kernel, profile);
  return chosen(kernel, profile, passes)?.tiles ?? defaultAttention(kernel, profile);
};

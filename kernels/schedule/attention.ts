/** How attention and its gradients are tiled. */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel } from "../graph/kernel.ts";
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

/** How an attention kernel is tiled. */
export type AttentionSchedule = SingleAttention | SpreadAttention;

/** Most multiply-adds of 4-vectors that one turn of a loop spells out: longer text takes drivers long to compile. */
const LONGEST_TURN = 512;

/** The default schedule: what all lanes need is loaded once where lanes can pass it on. */
export const scheduleAttention = (
  { size, node }: AttentionKernel,
  profile: DeviceProfile,
): AttentionSchedule => {
  const perKey = node.op === "attentionGradKeyValue", lines = perKey ? size.keys : size.queries;
  const lanes = lanesOf(profile);
  if (lanes === 0) {
    return { kind: "single", workers: Math.min(profile.software ? 16 : 64, Math.max(8, lines)) };
  }
  const products = { attention: 2, attentionGradQuery: 3, attentionGradKeyValue: 4 }[node.op];
  const turn = products * Math.ceil(size.width / 4);
  const others = perKey ? size.queries : size.keys;
  let block = lanes;
  while (block > 1 && (block * turn > LONGEST_TURN || block / 2 >= others)) block /= 2;
  const own = lines > lanes && 2 * block * turn <= LONGEST_TURN ? 2 : 1;
  return { kind: "spread", lanes, own, block };
};

/**
 * Renders attention and its gradients as WGSL; scores never reach memory. Tiles of queries (or of keys, for their
 * gradients) share what they read of the others in workgroup memory, and on matrix units where there are some for f16.
 */
import type { DeviceProfile } from "../device_profile.ts";
import { type AttentionKernel, kernelLabel } from "../graph/kernel.ts";
import type { AttentionSchedule } from "../schedule/schedule.ts";
import { writeMatrixTile } from "./attention_matrices.ts";
import { MatrixTile } from "./attention_matrix_tile.ts";
import { AttentionWriter, SPAN } from "./attention_parts.ts";
import { Staged } from "./attention_staged.ts";
import { writeTile } from "./attention_tile.ts";
import { type Dispatch, groupBox, type Homes, moduleText } from "./module.ts";
import { MATRIX_EXTENSIONS, UNIFORM } from "./subgroup_matrix.ts";

/** Renders an attention kernel. */
export const renderAttention = (
  kernel: AttentionKernel,
  { tiles }: AttentionSchedule,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { size, node } = kernel, perKey = node.op === "attentionGrad";
  const heads = perKey ? size.groups : size.heads;

  const units = tiles.kind === "matrices",
    own = perKey ? ["batch", "kv", "key"] : ["batch", "head", "kv", "row"];
  const w = new AttentionWriter(kernel, homes, own, units);
  const workers = units ? tiles.rows / tiles.each * tiles.lanes : tiles.workers;
  const side = units ? tiles.rows : workers * tiles.own;
  const { workgroups, lines: first, at: [block, , pair] } = groupBox(
    [perKey ? w.splits : Math.ceil(size.queries / side), 1, size.batch * heads],
    profile,
  );
  w.top.lines.push(
    ...first,
    `let pair_index = ${pair};`,
    `let batch = pair_index / ${heads}u;`,
    `let ${perKey ? "kv" : "head"} = pair_index % ${heads}u;`,
    ...(perKey ? [] : [`let kv = head / ${size.heads / size.groups}u;`]),
    perKey ? `let split = ${block};` : `let line_first = ${block} * ${side}u;`,
  );
  const tile = units ? new MatrixTile(w, tiles) : new Staged(w, tiles);
  if (tile instanceof MatrixTile) writeMatrixTile(tile);
  else writeTile(tile);
  const globals = [...(kernel.segments === undefined ? [] : [SPAN]), ...tile.globals];
  const code = moduleText(w.bindings, [workers, 1], w.top.lines, globals, units ? MATRIX_EXTENSIONS : []);
  return {
    label: kernelLabel(kernel),
    code: units ? `${UNIFORM}\n${code}` : code,
    bindings: w.bindings.list(),
    workgroups,
  };
};

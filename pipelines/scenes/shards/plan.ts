/** Contents of a folder of scenes: which scenes of which splits, in which files, made by which configuration. */
import * as t from "io-ts";
import {
  type DataConfig,
  dataConfigCodec,
  evaluationSplits,
  type Split,
  splitCodec,
  trainingSplits,
} from "../config.ts";
import type { TypeOf } from "../../base/bridge.ts";
import { countTo } from "../../base/numbers.ts";

/** Scenes of a split. */
export interface SplitCount extends TypeOf<typeof splitCountCodec> {}

/** What is decided before anything is drawn. */
export interface ScenesPlan extends TypeOf<typeof scenesPlanCodec> {}

/** A finished folder: the plan, and the hashes of what was made. */
export interface ScenesManifest extends TypeOf<typeof scenesManifestCodec> {}

/** Maximum number of scenes of a folder, which has a file for every shard of them. */
export const MAX_SCENES = 2 ** 26;

/** @internal */
export const splitCountCodec = t.strict({
  /** The split. */
  split: splitCodec,
  /** How many scenes, from the first. */
  count: countTo(MAX_SCENES),
});

/** @internal */
export const scenesPlanCodec = t.strict({
  /** Version of the format. */
  format: t.literal(1),
  /** How scenes are made. */
  config: dataConfigCodec(),
  /** Sources of the art, with versions. */
  art: t.string,
  /** Scenes of a shard; the last of a split has fewer. */
  shard: countTo(MAX_SCENES),
  /** The splits and their sizes. */
  splits: t.readonlyArray(splitCountCodec),
});

/** @internal */
export const scenesManifestCodec = t.strict({
  /** What was to be made. */
  plan: scenesPlanCodec,
  /** By split: the sha-256 of each shard's content, in order. */
  shards: t.readonlyArray(t.strict({ split: splitCodec, contents: t.readonlyArray(t.string) })),
  /** The sha-256 over the plan's splits and all contents: equal hashes, equal records and pixels. */
  hash: t.string,
});

/** Scenes of a shard. */
export const SHARD = 256;

/** Share of the evaluation splits, all together. */
const EVALUATION = 0.16;

/**
 * `count` scenes dealt to the splits: 84 % for training in three equal parts, the rest to the splits of evaluation in
 * equal parts, one each where they are few. A configuration without `world` has one split of evaluation.
 */
export const dealt = (config: DataConfig, count: number): readonly SplitCount[] => {
  const most = config.world === undefined ? 1 : evaluationSplits.length;
  const scored = evaluationSplits.slice(0, Math.min(count, most));
  const each = Math.max(1, Math.floor(count * EVALUATION / scored.length));
  const left = Math.max(0, count - each * scored.length), third = Math.floor(left / trainingSplits.length);
  const training = trainingSplits.map((split, i) => ({ split, count: i === 0 ? left - third * 2 : third }));
  return [...training, ...scored.map((split) => ({ split, count: each }))].filter((s) => s.count > 0);
};

/** The shards of a split: the first scene of each and the one after its last. */
export const shardRanges = (count: number, shard: number): readonly (readonly [from: number, to: number])[] =>
  Array.from(
    { length: Math.ceil(count / shard) },
    (_, i) => [i * shard, Math.min(count, (i + 1) * shard)] as const,
  );

/** Path of a shard in a folder. */
export const shardPath = (folder: string, split: Split, number: number): string =>
  `${folder}/${split}/${String(number).padStart(5, "0")}.shard`;

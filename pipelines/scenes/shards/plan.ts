/** What a folder of scenes holds: which scenes of which splits, in which files, made by which configuration. */
import * as t from "io-ts";
import {
  type DataConfig,
  dataConfigCodec,
  evaluationSplits,
  type Split,
  splitCodec,
  trainingSplits,
} from "../config.ts";

/** Scenes of a split. */
export interface SplitCount {
  /** The split. */
  readonly split: Split;
  /** How many scenes, from the first. */
  readonly count: number;
}

/** What is decided before anything is drawn. */
export interface ScenesPlan {
  /** Version of the format. */
  readonly format: 1;
  /** How scenes are made. */
  readonly config: DataConfig;
  /** Sources of the art, with versions. */
  readonly art: string;
  /** Scenes of a shard; the last of a split has fewer. */
  readonly shard: number;
  /** The splits and their sizes. */
  readonly splits: readonly SplitCount[];
}

/** A finished folder: the plan, and the hashes of what was made. */
export interface ScenesManifest {
  /** What was to be made. */
  readonly plan: ScenesPlan;
  /** By split: the sha-256 of each shard's content, in order. */
  readonly shards: readonly { readonly split: Split; readonly contents: readonly string[] }[];
  /** The sha-256 over the plan's splits and all contents: equal hashes, equal records and pixels. */
  readonly hash: string;
}

/** Most scenes of a folder, which has a file for every shard of them. */
export const MOST_SCENES = 2 ** 26;

const countUpTo = (most: number): t.Type<number> =>
  t.refinement(t.number, (n) => Number.isInteger(n) && n >= 1 && n <= most, `an integer from 1 to ${most}`);

const planType: t.Type<ScenesPlan> = t.strict({
  format: t.literal(1),
  config: dataConfigCodec(),
  art: t.string,
  shard: countUpTo(MOST_SCENES),
  splits: t.readonlyArray(t.strict({ split: splitCodec(), count: countUpTo(MOST_SCENES) })),
});

/** Codec of {@link ScenesPlan}. */
export const scenesPlanCodec = (): t.Type<ScenesPlan> => planType;

const manifestType: t.Type<ScenesManifest> = t.strict({
  plan: planType,
  shards: t.readonlyArray(t.strict({ split: splitCodec(), contents: t.readonlyArray(t.string) })),
  hash: t.string,
});

/** Codec of {@link ScenesManifest}. */
export const scenesManifestCodec = (): t.Type<ScenesManifest> => manifestType;

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

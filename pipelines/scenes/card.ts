/** Data cards: what a folder of scenes holds, where its art comes from and on which terms, and how to make it again. */
import * as Effect from "effect/Effect";
import { concepts } from "./concepts.ts";
import type { DataConfig, Split } from "./config.ts";
import { shippedStyles, styleSources, styleVersion } from "./drawings.ts";
import type { DataError } from "../base/data_error.ts";
import { plateFonts } from "./plate_fonts.ts";
import { realismLicences } from "./realism_pack.ts";
import type { Scene } from "./record.ts";
import { readRecord, type SceneFolder } from "./shards/read.ts";

/** Bounds of the bins of sizes, in pixels of the master: a bin holds its lower bound. */
export const sizeBins: readonly number[] = [0, 16, 32, 64, 100, Infinity];

/** Numbers of things by name. */
export type Tally = Readonly<Record<string, number>>;

/** Contents of one split. */
export interface SplitCard {
  /** The split. */
  readonly split: Split;
  /** Scenes. */
  readonly scenes: number;
  /** Objects. */
  readonly objects: number;
  /** Plates. */
  readonly plates: number;
  /** Scenes that show a held-out pair of concepts. */
  readonly heldOutPairs: number;
  /** Objects by style. */
  readonly styles: Tally;
  /** Objects by size, in pixels of the master. */
  readonly sizes: Tally;
  /** Scenes by pattern of the background. */
  readonly patterns: Tally;
  /** Objects by name of the concept. */
  readonly concepts: Tally;
  /** Groups of equal objects by their number. */
  readonly counts: Tally;
}

/** A source of images or letters. */
export interface SourceCard {
  /** Its result. */
  readonly gives: string;
  /** Package and version. */
  readonly source: string;
  /** Its licence. */
  readonly licence: string;
  /** Who must be named; empty if the package says it. */
  readonly by: string;
}

/** The card of a folder. */
export interface DataCard {
  /** Hash of all records and pixels. */
  readonly hash: string;
  /** How the scenes are made. */
  readonly config: DataConfig;
  /** The command that makes them again. */
  readonly command: string;
  /** Bytes of images and records on disk. */
  readonly bytes: number;
  /** Names of the concepts that only `held-out-concepts` shows. */
  readonly heldOutConcepts: readonly string[];
  /** Where the art comes from. */
  readonly sources: readonly SourceCard[];
  /** By split. */
  readonly splits: readonly SplitCard[];
}

const count = (tally: Record<string, number>, key: string): void => {
  tally[key] = (tally[key] ?? 0) + 1;
};

const binName = (pixels: number): string => {
  const i = sizeBins.findLastIndex((low) => pixels >= low), next = sizeBins[i + 1]!;
  return next === Infinity ? `${sizeBins[i]} and more` : `${sizeBins[i]} to ${next - 1}`;
};

/** Collects the numbers of a split, scene by scene. */
const collector = (split: Split, side: number) => {
  const styles: Record<string, number> = {},
    sizes: Record<string, number> = {},
    patterns: Record<string, number> = {};
  const names: Record<string, number> = {}, counts: Record<string, number> = {};
  let scenes = 0, objects = 0, plates = 0, heldOutPairs = 0;
  for (const low of sizeBins.slice(0, -1)) sizes[binName(low)] = 0;
  return {
    add: (scene: Scene): void => {
      const groups: Record<string, number> = {};
      scenes++, objects += scene.objects.length, plates += scene.plates.length;
      if (scene.composition === "held-out") heldOutPairs++;
      count(patterns, scene.background.pattern);
      for (const { concept, style, size } of scene.objects) {
        count(styles, style), count(sizes, binName(Math.round(size * side)));
        count(names, concepts[concept]!.name), count(groups, String(concept));
      }
      for (const n of Object.values(groups)) count(counts, String(n));
    },
    card: (): SplitCard => ({
      split,
      scenes,
      objects,
      plates,
      heldOutPairs,
      styles,
      sizes,
      patterns,
      concepts: names,
      counts,
    }),
  };
};

/** Sources of a configuration's art and letters. */
export const sourcesOf = (config: DataConfig): readonly SourceCard[] => {
  const art = shippedStyles(config).map((style) => ({
    gives: `style ${style}`,
    source: styleVersion(style),
    licence: styleSources[style].licence,
    by: styleSources[style].by,
  }));
  const fonts = plateFonts.map(({ family, source, licence }) => ({
    gives: `letters ${family}`,
    source,
    licence,
    by: "",
  }));
  const realism = (config.world?.realism?.packages ?? []).map((source) => ({
    gives: "stamps and photos",
    source: `Debian ${source}`,
    licence: realismLicences[source.split("=")[0]!] ?? "see the package",
    by: "",
  }));
  return [...art, ...fonts, ...realism];
};

/**
 * Reads all records of a folder and counts.
 * Fails with a {@link DataError} if a shard is damaged.
 */
export const cardOf = (
  folder: SceneFolder,
  command: string,
  bytes: number,
): Effect.Effect<DataCard, DataError> =>
  Effect.gen(function* () {
    const { plan, hash } = folder.manifest, splits: SplitCard[] = [];
    for (const { split, count: all } of plan.splits) {
      const { add, card } = collector(split, plan.config.master);
      for (let i = 0; i < all; i++) add(yield* readRecord(folder, split, i));
      splits.push(card());
    }
    const heldOutConcepts = plan.config.world === undefined
      ? []
      : concepts.slice(0, plan.config.concepts).filter((c) => c.heldOut).map((c) => c.name);
    return {
      hash,
      config: plan.config,
      command,
      bytes,
      heldOutConcepts,
      sources: sourcesOf(plan.config),
      splits,
    };
  });

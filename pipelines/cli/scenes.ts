/**
 * Generates a dataset of scenes: images, exact records, a data card and an image grid.
 *
 *     deno task cos data scenes --config full --count 100000 --out scenes [--split eval] [--sheet scenes.png] [--card card.md]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { cardOf } from "../scenes/card.ts";
import { cardMarkdown } from "../scenes/card_text.ts";
import { type DataConfig, dataConfigs, splits } from "../scenes/config.ts";
import { findRealism, realismPackages } from "../scenes/realism_pack.ts";
import { sceneGrid } from "../scenes/image_grid.ts";
import { makeScenes } from "../scenes/shards/make.ts";
import { dealt, type SplitCount } from "../scenes/shards/plan.ts";
import { openScenes, readScene, type SceneFolder } from "../scenes/shards/read.ts";
import { atomicWrite } from "../base/disk.ts";
import { duration } from "../terminal/progress.ts";
import { shellLine } from "../terminal/shell_line.ts";
import { notice, print } from "../terminal/output.ts";
import { optionalText, switchFlag, textFlag, wholeFlag } from "./flags.ts";

const parts = {
  config: Flag.Literals("config", Object.keys(dataConfigs) as (keyof typeof dataConfigs)[]).pipe(
    Flag.withDefault("full" as const),
    Flag.withDescription("full: hundreds of concepts at 448 pixels; default: the small benchmark at 224"),
  ),
  count: wholeFlag("count", "number of scenes; 84 % of them are for training"),
  split: Flag.Literals("split", splits).pipe(
    Flag.optional,
    Flag.withDescription("generate all scenes for this split instead of all splits"),
  ),
  out: Flag.String("out").pipe(
    Flag.withDescription("output folder; an unfinished dataset of the same command is resumed"),
  ),
  seed: Flag.Int("seed").pipe(Flag.optional, Flag.withDescription("another random seed")),
  core: switchFlag("core", "leave out stamps and photos of Debian packages even if they are installed"),
  workers: Flag.optional(wholeFlag("workers", "number of threads; default: number of cores")),
  cache: textFlag("cache", "cache/scenes", "cache folder of packed sprites"),
  sheet: optionalText("sheet", "write an image grid of some scenes as a PNG"),
  card: optionalText("card", "write the data card as Markdown, with JSON next to it"),
};

/** The configuration with what is installed of the realism pack. */
const withRealism = (config: DataConfig) =>
  Effect.map(
    findRealism(),
    Option.match({
      onNone: () => {
        notice(
          `no stamps and no photos: none of the Debian packages ${realismPackages.join(", ")} is installed`,
        );
        return config;
      },
      onSome: (realism) => {
        notice(
          `${realism.stamps.length} stamps and ${realism.photos.length} photos of ${
            realism.packages.join(", ")
          }`,
        );
        return { ...config, world: { ...config.world!, realism } };
      },
    }),
  );

/** Scenes of the sheet: four of every split that has them, training once. */
const sample = (folder: SceneFolder) => {
  const shown = folder.manifest.plan.splits.filter(({ split }) => split !== "vision" && split !== "pretrain");
  const wanted = (shown.length > 0 ? shown : folder.manifest.plan.splits)
    .flatMap(({ split, count }) => Array.from({ length: Math.min(4, count) }, (_, i) => [split, i] as const));
  return Effect.forEach(wanted, ([split, i]) => readScene(folder, split, i));
};

const bytesOf = async (path: string): Promise<number> => {
  let sum = 0;
  for await (const { name, isDirectory } of Deno.readDir(path)) {
    sum += isDirectory ? await bytesOf(`${path}/${name}`) : (await Deno.stat(`${path}/${name}`)).size;
  }
  return sum;
};

const write = (path: string, content: string | Uint8Array) =>
  atomicWrite(path, [typeof content === "string" ? new TextEncoder().encode(content) : content]);

/** The command. */
export const command = Command.make(
  "scenes",
  parts,
  ({ config: name, count, split, out, seed, core, cache, sheet, card, ...given }) =>
    Effect.gen(function* () {
      const workers = Option.getOrUndefined(given.workers);
      const named = Option.match(seed, {
        onNone: () => dataConfigs[name],
        onSome: (key) => ({ ...dataConfigs[name], seed: key }),
      });
      const config = core || named.world === undefined ? named : yield* withRealism(named);
      const counts: readonly SplitCount[] = Option.match(split, {
        onNone: () => dealt(config, count),
        onSome: (one) => [{ split: one, count }],
      });
      const begun = performance.now();
      const manifest = yield* makeScenes(config, counts, out, {
        cache,
        ...(workers === undefined ? {} : { workers }),
        onShard: (done, all, found) => {
          const seconds = (performance.now() - begun) / 1000, rate = (done - found) / Math.max(seconds, 1e-3);
          const left = rate > 0 ? `, ${rate.toFixed(0)} scenes/s, ${duration((all - done) / rate)} left` : "";
          notice(`${done} of ${all} scenes${left}`);
        },
      });
      const folder = yield* openScenes(out);
      if (Option.isSome(sheet)) yield* write(sheet.value, sceneGrid(yield* sample(folder), config.master));
      if (Option.isSome(card)) {
        const again = shellLine([
          ...["deno", "task", "cos", "data", "scenes"],
          ...["--config", name, "--count", String(count), "--out", out],
          ...(Option.isSome(split) ? ["--split", split.value] : []),
          ...(Option.isSome(seed) ? ["--seed", String(seed.value)] : []),
          ...(config.world?.realism === undefined ? ["--core"] : []),
        ]);
        const made = yield* cardOf(folder, again, yield* Effect.promise(() => bytesOf(out)));
        const json = card.value.replace(/(?:\.md)?$/, ".json");
        yield* write(card.value, cardMarkdown(made, json.slice(json.lastIndexOf("/") + 1)));
        yield* write(json, `${JSON.stringify(made, null, 1)}\n`);
      }
      print(manifest.hash);
    }),
).pipe(
  Command.withDescription(
    "Generates a dataset of scenes: images, exact records, a data card and an image grid.",
  ),
);

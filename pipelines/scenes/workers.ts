/** Rendering of whole splits in worker threads; bytes and order do not depend on how many there are. */
import * as Effect from "effect/Effect";
import { type DataConfig, dataConfigCodec, evaluationSplits, type Split } from "./config.ts";
import { cached } from "./cache.ts";
import { DataError } from "../base/data_error.ts";
import { loadPacks } from "./world_packs.ts";
import type { SpritePack } from "./sprite_pack.ts";
import { sampleScenes } from "./scene.ts";
import { hashImages, type SceneSet } from "../images/image_set.ts";
import { shardRanges } from "./shards/plan.ts";
import { badReply, drawAll } from "./worker_pool.ts";

/** How a split is rendered. */
export interface RenderOptions {
  /** Sides of the images wanted, each at most `config.master`; the master alone if absent. */
  readonly sides?: readonly number[];
  /** Worker threads; as many as cores if absent. */
  readonly workers?: number;
  /**
   * A folder where sets, and packed sprites of worlds at full strength, are kept between runs; nothing is kept if
   * absent, and packing hundreds of concepts takes some ten seconds.
   */
  readonly cache?: string;
}

/** Scenes of one message: large enough to hide its cost, small enough to share the last ones out. */
const CHUNK = 48;

const refuse = (got: string, expected: string, hint: string): DataError =>
  new DataError({ op: "renderDataset", got, expected, hint });

const allocate = (
  count: number,
  sides: readonly number[],
): Effect.Effect<Readonly<Record<number, Uint8Array>>, DataError> =>
  Effect.try({
    try: () => Object.fromEntries(sides.map((s) => [s, new Uint8Array(count * s * s * 3)])),
    catch: () =>
      refuse(
        `${count} scenes at sides ${sides.join(", ")}`,
        "images that fit in memory",
        "draw fewer scenes or lower sides",
      ),
  });

/**
 * Draws scenes with packs that are at hand, in `threads` workers.
 * Fails with a {@link DataError} if the images do not fit in memory or a worker fails.
 */
export const renderWith = (
  packs: readonly SpritePack[],
  config: DataConfig,
  split: Split,
  count: number,
  sides: readonly number[],
  threads: number,
): Effect.Effect<SceneSet, DataError> =>
  Effect.gen(function* () {
    const images = yield* allocate(count, sides);
    yield* drawAll(packs, config, shardRanges(count, CHUNK), threads, ([from, to], draw) =>
      Effect.gen(function* () {
        const reply = yield* draw({ kind: "draw", split, sides, from, to });
        if (reply.kind !== "drawn") {
          return yield* Effect.fail(badReply(reply.kind));
        }
        for (const side of sides) {
          images[side]!.set(reply.images[side]!, from * side * side * 3);
        }
      }));
    return { scenes: sampleScenes(config, split, count), images, hash: hashImages(images) };
  });

/** Refuses configurations out of range, and splits that a configuration does not have. */
export const checkedConfig = (
  config: DataConfig,
  wanted: readonly Split[],
): Effect.Effect<void, DataError> => {
  if (!dataConfigCodec().is(config)) {
    const bad = dataConfigCodec().decode(config);
    const named = bad._tag === "Left" ? bad.left[0]?.message ?? bad.left[0]?.context.at(-1)?.key : "";
    return Effect.fail(refuse(
      `a configuration with a wrong ${named}`,
      "a configuration in range",
      "start from `defaultData` and change what differs",
    ));
  }
  const alien = config.world === undefined ? wanted.filter((s) => evaluationSplits.indexOf(s) > 0) : [];
  return alien.length === 0 ? Effect.void : Effect.fail(refuse(
    `the split ${alien[0]} of a configuration without \`world\``,
    "one of vision, pretrain, finetune, eval",
    "start from `fullData`",
  ));
};

const checked = (
  config: DataConfig,
  split: Split,
  count: number,
  sides: readonly number[],
): Effect.Effect<void, DataError> => {
  const wrong = sides.filter((s) => !Number.isInteger(s) || s < 1 || s > config.master);
  const fits = wrong.length === 0 && sides.length > 0 && Number.isInteger(count) && count >= 1;
  return Effect.andThen(
    checkedConfig(config, [split]),
    fits ? Effect.void : Effect.fail(refuse(
      `${count} scenes at sides ${sides.join(", ") || "none"}`,
      `one or more scenes and sides from 1 to the master's ${config.master}`,
      "lower the side or raise `master`",
    )),
  );
};

/**
 * Draws the first `count` scenes of a split at the sides asked for.
 * With a `cache` folder a set that was drawn before is read back and its hash checked; a set that is damaged is drawn
 * again, which is logged once as a warning.
 * Fails with a {@link DataError} if the configuration is out of range, art is missing or a worker dies.
 */
export const renderDataset = (
  config: DataConfig,
  split: Split,
  count: number,
  options: RenderOptions = {},
): Effect.Effect<SceneSet, DataError> => {
  const sides = [...new Set(options.sides ?? [config.master])].toSorted((a, b) => a - b);
  const threads = options.workers ?? navigator.hardwareConcurrency;
  const draw = Effect.flatMap(
    loadPacks(config, [split], options.cache),
    (packs) => renderWith(packs, config, split, count, sides, threads),
  );
  return Effect.andThen(
    checked(config, split, count, sides),
    options.cache === undefined ? draw : cached(options.cache, { config, split, count, sides }, draw),
  );
};

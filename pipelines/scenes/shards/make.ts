/** Making of folders of scenes: shards drawn in workers, each written whole or not at all, so that a killed run goes on. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { decodeEither, parseJson } from "../../base/bridge.ts";
import { atomicWrite, ifThere, onDisk } from "../../base/disk.ts";
import { canonicalJson, sha256 } from "../../base/hash.ts";
import type { DataConfig, Split } from "../config.ts";
import { DataError } from "../../base/data_error.ts";
import { materialsVersion } from "../drawings.ts";
import { loadPacks } from "../world_packs.ts";
import { badReply, drawAll } from "../worker_pool.ts";
import { checkedConfig } from "../workers.ts";
import {
  MAX_SCENES,
  type ScenesManifest,
  type ScenesPlan,
  scenesPlanCodec,
  SHARD,
  shardPath,
  shardRanges,
  type SplitCount,
} from "./plan.ts";
import { isWhole, readFooter } from "./shard.ts";

/** How a folder of scenes is made. */
export interface MakeOptions {
  /** Worker threads; as many as cores if absent. */
  readonly workers?: number;
  /** A folder where packed sprites are kept between runs; they are made again if absent. */
  readonly cache?: string;
  /** Scenes of a shard; 256 if absent. */
  readonly shard?: number;
  /** Called after every shard: scenes that are there, of how many, and how many of them were there before this run. */
  readonly onShard?: (done: number, all: number, found: number) => void;
}

/** The name of the file that is written first. */
export const scenesPlanFile = "plan.json";
/** The name of the file that is written last: a folder without it is not complete. */
export const scenesManifestFile = "scenes.json";

const fault = (folder: string) => (cause: unknown): DataError =>
  cause instanceof DataError ? cause : new DataError({
    op: `make scenes in ${folder}`,
    got: cause instanceof Error ? cause.message : String(cause),
    expected: "a folder that can be written",
    hint: "free space there, or name another folder",
  });

const writeText = (path: string, value: unknown, folder: string): Effect.Effect<void, DataError> =>
  atomicWrite(path, [new TextEncoder().encode(`${JSON.stringify(value, null, 1)}\n`)]).pipe(
    Effect.mapError(fault(folder)),
  );

/** The plan of a folder that was begun before; refused if it is another. */
const begin = (folder: string, plan: ScenesPlan): Effect.Effect<void, DataError> =>
  Effect.gen(function* () {
    const path = `${folder}/${scenesPlanFile}`;
    for (const { split } of plan.splits) {
      yield* onDisk("make", `${folder}/${split}`, () => Deno.mkdir(`${folder}/${split}`, { recursive: true }))
        .pipe(Effect.mapError(fault(folder)));
    }
    const text = yield* onDisk("read", path, () => ifThere(Deno.readTextFile(path))).pipe(
      Effect.mapError(fault(folder)),
    );
    if (text === undefined) return yield* writeText(path, plan, folder);
    const json = parseJson(path)(text),
      found = E.isLeft(json) ? json : decodeEither(scenesPlanCodec, path)(json.right);
    if (E.isRight(found) && canonicalJson(found.right) === canonicalJson(plan)) return;
    return yield* Effect.fail(
      new DataError({
        op: `make scenes in ${folder}`,
        got: E.isRight(found) ? "a folder that was begun with another plan" : `a damaged ${scenesPlanFile}`,
        expected: "a new folder, or one that the same command began",
        hint: "name another folder, or remove this one",
      }),
    );
  });

interface Job {
  readonly split: Split;
  readonly from: number;
  readonly to: number;
  readonly path: string;
}

/** The sha-256 of a shard's content, if the file is there and whole. */
const contentOf = ({ path, from, to }: Job): Effect.Effect<string | undefined, DataError> =>
  Effect.gen(function* () {
    const bytes = yield* onDisk(
      "read",
      path,
      () => ifThere(Deno.readFile(path)),
    ).pipe(Effect.mapError(fault(path)));
    if (bytes === undefined) return undefined;
    const footer = readFooter(bytes);
    if (footer !== undefined && isWhole(bytes) && footer.first === from && footer.count === to - from) {
      return footer.content;
    }
    yield* Effect.logWarning(`${path} is damaged and is drawn again`);
    return undefined;
  });

const hashOfShards = (shards: ScenesManifest["shards"]): string =>
  sha256(shards.map(({ split, contents }) => `${split}\n${contents.join("\n")}\n`).join(""));

/**
 * Makes a folder of scenes: every split's from its first, in shards, then the manifest. A folder that was begun with
 * the same plan is completed: shards that are whole stay. The bytes do not depend on the number of workers.
 * Memory: the packed sprites once, and for every worker one shard and its sprites.
 * Fails with a {@link DataError} if the configuration is out of range or has not the splits, art is missing, the folder
 * was begun with another plan or cannot be written.
 */
export const makeScenes = (
  config: DataConfig,
  splits: readonly SplitCount[],
  folder: string,
  options: MakeOptions = {},
): Effect.Effect<ScenesManifest, DataError> =>
  Effect.gen(function* () {
    yield* checkedConfig(config, splits.map((s) => s.split));
    const shard = options.shard ?? SHARD, wanted = splits.reduce((n, { count }) => n + count, 0);
    if (wanted > MAX_SCENES) {
      return yield* Effect.fail(
        new DataError({
          op: `make scenes in ${folder}`,
          got: `${wanted} scenes`,
          expected: `at most ${MAX_SCENES}`,
          hint: "make several folders",
        }),
      );
    }
    const plan: ScenesPlan = { format: 1, config, art: materialsVersion(config), shard, splits };
    yield* begin(folder, plan);
    const jobs = splits.flatMap(({ split, count }) =>
      shardRanges(count, shard).map(([from, to], i): Job => ({
        split,
        from,
        to,
        path: shardPath(folder, split, i),
      }))
    );
    const all = jobs.reduce((sum, j) => sum + j.to - j.from, 0), contents = new Map<string, string>();
    let done = 0, found = 0;
    const finished = (job: Job, content: string): void => {
      contents.set(job.path, content);
      options.onShard?.(done += job.to - job.from, all, found);
    };
    const left: Job[] = [];
    for (const job of jobs) {
      const content = yield* contentOf(job);
      if (content === undefined) left.push(job);
      else found += job.to - job.from, finished(job, content);
    }
    if (left.length > 0) {
      const packs = yield* loadPacks(config, splits.map((s) => s.split), options.cache);
      const threads = options.workers ?? navigator.hardwareConcurrency;
      yield* drawAll(packs, config, left, threads, (job, draw) =>
        Effect.gen(function* () {
          const { split, from, to, path } = job;
          const reply = yield* draw({ kind: "shard", split, sides: [], from, to });
          if (reply.kind !== "sharded") return yield* Effect.fail(badReply(reply.kind));
          yield* atomicWrite(path, [reply.bytes]).pipe(Effect.mapError(fault(folder)));
          finished(job, reply.content);
        }));
    }
    const shards = splits.map(({ split }) => ({
      split,
      contents: jobs.filter((j) => j.split === split).map((j) => contents.get(j.path)!),
    }));
    const manifest: ScenesManifest = { plan, shards, hash: hashOfShards(shards) };
    yield* writeText(`${folder}/${scenesManifestFile}`, manifest, folder);
    return manifest;
  });

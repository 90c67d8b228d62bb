/** Worker threads that draw scenes, as Effects: they end with the scope that they were opened in. */
import * as Effect from "effect/Effect";
import { openPool, type Requesting } from "../threads/pool.ts";
import type { DataConfig } from "./config.ts";
import { DataError } from "../base/data_error.ts";
import type { SpritePack } from "./sprite_pack.ts";
import type { Begin, Draw, Drawn } from "./worker.ts";

/** The error of a worker that does something else than drawing. */
const workerError = (got: string): DataError =>
  new DataError({
    op: "renderDataset",
    got,
    expected: "a worker that draws its scenes",
    hint: "check that the npm packages of the art and of the canvas load on this machine",
  });

/** The error of an answer of the wrong kind. */
export const badReply = (kind: string): DataError => workerError(`the reply ${kind}`);

/** What draws in a worker. */
export type Drawer = Requesting<Draw, Drawn, DataError>;

/**
 * Deals jobs to workers that have the packs, in order, as each gets free; there are never more workers than jobs.
 * Fails with a {@link DataError} if a worker or a job fails.
 */
export const drawAll = <J>(
  packs: readonly SpritePack[],
  config: DataConfig,
  jobs: readonly J[],
  threads: number,
  work: (job: J, draw: Drawer) => Effect.Effect<void, DataError>,
): Effect.Effect<void, DataError> =>
  Effect.scoped(Effect.gen(function* () {
    const useful = Math.max(1, Math.min(threads, jobs.length));
    const draw = yield* openPool<Begin | Draw, Drawn, DataError>({
      script: new URL("./worker.ts", import.meta.url),
      size: useful,
      setup: { kind: "begin", packs, config },
      fault: workerError,
    });
    yield* Effect.forEach(jobs, (job) => work(job, draw), { concurrency: useful, discard: true });
  }));

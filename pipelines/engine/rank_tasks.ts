/** What rank 0 tells the other ranks to do. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { type RanksError, theRanks } from "../ranks/ranks.ts";
import { manifestCodec } from "../runs/manifest.ts";
import type { StageRun } from "../stages/stage.ts";
import { experimentCodec } from "./experiment.ts";
import type { Job } from "./jobs.ts";

/** Codec of what rank 0 tells the others. */
export const taskType = t.union([
  /** A job of an experiment, in a directory that rank 0 has opened. */
  t.strict({
    kind: t.literal("make"),
    experiment: experimentCodec(),
    hashes: t.record(t.string, t.string),
    key: t.string,
    directory: t.string,
    manifest: manifestCodec,
  }),
  /** There is nothing more to do. */
  t.strict({ kind: t.literal("end") }),
]);

/** Does a job on all ranks: the others join rank 0 in it. */
export const onAllRanks = <A, E, R>(
  { key, resolved: { experiment, hashes } }: Job,
  { directory: { path: directory }, manifest }: StageRun,
  job: Effect.Effect<A, E, R>,
): Effect.Effect<A, E | RanksError, R> =>
  Effect.gen(function* () {
    const { rank, size, announce } = yield* theRanks;
    if (size > 1 && rank === 0) {
      yield* announce(JSON.stringify({ kind: "make", experiment, hashes, key, directory, manifest }));
    }
    return yield* job;
  });

/** Tells the other ranks that there is nothing more to do. */
export const endRanks: Effect.Effect<void, RanksError> = Effect.flatMap(
  theRanks,
  ({ size, announce }) => size === 1 ? Effect.void : Effect.asVoid(announce(JSON.stringify({ kind: "end" }))),
);

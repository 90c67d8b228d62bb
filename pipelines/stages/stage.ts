/** Stages as values: each goes from one state to the next, and is noted in the manifest of its run. */
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import type { DiskError } from "../base/disk.ts";
import { onLead } from "../ranks/ranks.ts";
import { type Manifest, stageDone, stageFailed, stageOf, stageStarted } from "../runs/manifest.ts";
import {
  checkpointPath,
  metricsPath,
  type OpenedRun,
  type RunDirectory,
  writeManifest,
} from "../runs/run_directory.ts";

/**
 * From one state to the next. What it finished before is read from its checkpoint instead of made again.
 * @internal
 */
export type Stage<A, B, E = never, R = never> = (given: A) => Effect.Effect<B, E, R>;

/** The stage that goes on where another ends; use with `pipe`. (Not `then`: a module that exports that name is taken for a promise.) */
export const followedBy = <B, C, E2, R2>(
  next: Stage<B, C, E2, R2>,
): <A, E1, R1>(first: Stage<A, B, E1, R1>) => Stage<A, C, E1 | E2, R1 | R2> =>
<A, E1, R1>(first: Stage<A, B, E1, R1>): Stage<A, C, E1 | E2, R1 | R2> =>
(given: A) => Effect.flatMap(first(given), next);

/** A run whose manifest stages change as they go. */
export interface StageRun {
  /** Its places. */
  readonly directory: RunDirectory;
  /** The manifest unchanged. */
  manifest: Manifest;
}

/** A run for stages. */
export const stageRun = (run: OpenedRun): StageRun => ({ directory: run.directory, manifest: run.manifest });

/** Where a stage of a run keeps its checkpoint and metrics. */
export const stagePlaces = (
  run: StageRun,
  name: string,
): { readonly checkpoint: string; readonly metrics: string } => ({
  checkpoint: checkpointPath(run.directory, name),
  metrics: metricsPath(run.directory, name),
});

/** Changes the manifest of a run, on disk too; of several ranks one does. */
export const note = (
  run: StageRun,
  change: (manifest: Manifest) => Manifest,
): Effect.Effect<void, DiskError> =>
  Effect.suspend(() => {
    run.manifest = change(run.manifest);
    return onLead(writeManifest(run.directory, run.manifest));
  });

const now = (): string => new Date().toISOString();

/** A stage that is noted in the manifest as it begins, ends and fails; the times of one that was done before stay. */
export const noted =
  <A, B, E, R>(run: StageRun, name: string, stage: Stage<A, B, E, R>): Stage<A, B, E | DiskError, R> =>
  (given: A): Effect.Effect<B, E | DiskError, R> =>
    Effect.gen(function* () {
      const before = stageOf(run.manifest, name)?.status === "done";
      if (!before) yield* note(run, stageStarted(name, now()));
      const value = yield* stage(given).pipe(
        Effect.onError((cause) => {
          const reason = Cause.hasInterruptsOnly(cause) ? "interrupted" : String(Cause.squash(cause));
          return Effect.ignore(note(run, stageFailed(name, now(), reason)));
        }),
      );
      if (!before) yield* note(run, stageDone(name, now()));
      return value;
    });

/** The run directories below a folder. */
import * as Effect from "effect/Effect";
import { type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { type DiskError, ifThere, onDisk } from "../base/disk.ts";
import type { Manifest } from "./manifest.ts";
import { readOwnText, runFolders } from "../base/own_file.ts";
import { readManifest, type RunError } from "./run_directory.ts";
import { isHeld } from "./run_lock.ts";
import { type RunScores, type Scores, scoresOfResult, scoresOfSummary } from "./run_scores.ts";
import { type RunStatus, statusOf } from "./status.ts";

/** A run directory. */
export interface IndexedRun {
  /** The directory. */
  readonly path: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** How it is. */
  readonly status: RunStatus;
  /** Its scores by name; of a run with several arms the best. */
  readonly scores: Scores;
  /** Its scores by arm and name. */
  readonly arms: RunScores["arms"];
}

/** A directory that says it is a run and cannot be read. */
export interface UnreadableRun {
  /** The directory. */
  readonly path: string;
  /** Why. */
  readonly reason: string;
}

/** Contents of a folder, by path. */
export interface RunIndex {
  /** The runs. */
  readonly runs: readonly IndexedRun[];
  /** What looks like runs and cannot be read. */
  readonly unreadable: readonly UnreadableRun[];
}

/** Folders below the first that are looked through. */
const MOST_DEEP = 32;

interface Found {
  readonly runs: IndexedRun[];
  readonly unreadable: UnreadableRun[];
}

const read = (folder: string): Effect.Effect<IndexedRun, DecodeError | DiskError | RunError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(folder);
    const held = yield* Effect.promise(() => isHeld(`${folder}/lock`));
    const json = (path: string) =>
      Effect.flatMap(
        onDisk("read", path, () => ifThere(readOwnText(path))),
        (text) => text === undefined ? Effect.succeed(undefined) : fromEither(parseJson(path)(text)),
      );
    const result = yield* json(`${folder}/result.json`);
    const found = result === undefined
      ? scoresOfSummary(yield* json(`${folder}/summary.json`))
      : scoresOfResult(result);
    return { path: folder, manifest, status: statusOf(manifest, held), ...found };
  });

const walk = (folder: string, found: Found, deep: number): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const entries = yield* onDisk("list", folder, () => Array.fromAsync(Deno.readDir(folder)));
    if (entries.some(({ name }) => name === "manifest.json")) {
      yield* read(folder).pipe(
        Effect.match({
          onSuccess: (run) => void found.runs.push(run),
          onFailure: ({ message }) => void found.unreadable.push({ path: folder, reason: message }),
        }),
      );
    }
    if (deep === 0) return;
    const folders = entries.filter((e) => e.isDirectory && !runFolders.includes(e.name));
    for (const name of folders.map((e) => e.name).toSorted()) {
      const path = `${folder}/${name}`;
      yield* walk(path, found, deep - 1).pipe(
        Effect.catch(({ message }) =>
          Effect.sync(() => void found.unreadable.push({ path, reason: message }))
        ),
      );
    }
  });

/** Every run directory below a folder, by path. What cannot be read is reported alongside, and hides no other. */
export const indexRuns = (folder: string): Effect.Effect<RunIndex, DiskError> =>
  Effect.gen(function* () {
    const found: Found = { runs: [], unreadable: [] };
    yield* walk(folder.replace(/(?<=.)\/+$/, ""), found, MOST_DEEP);
    return found;
  });

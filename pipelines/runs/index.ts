/** The run directories below a folder. */
import * as Effect from "effect/Effect";
import { type DiskError, ifThere, onDisk } from "./disk.ts";
import type { Manifest } from "./manifest.ts";
import { readManifest } from "./run_directory.ts";
import { isHeld } from "./run_lock.ts";
import { type RunStatus, statusOf } from "./status.ts";

/** A run directory. */
export interface IndexedRun {
  /** The directory. */
  readonly path: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** How it stands. */
  readonly status: RunStatus;
  /** What it found by name: `numbers` of its `result.json`, or nothing. */
  readonly scores: Readonly<Record<string, number>>;
}

/** A directory that says it is a run and cannot be read. */
export interface UnreadableRun {
  /** The directory. */
  readonly path: string;
  /** Why. */
  readonly reason: string;
}

/** What stands below a folder, by path. */
export interface RunIndex {
  /** The runs. */
  readonly runs: readonly IndexedRun[];
  /** What looks like runs and cannot be read. */
  readonly unreadable: readonly UnreadableRun[];
}

const scoresIn = (text: string | undefined): Readonly<Record<string, number>> => {
  try {
    const { numbers } = JSON.parse(text ?? "{}") as { readonly numbers?: Readonly<Record<string, unknown>> };
    const pairs = Object.entries(numbers ?? {}).filter(([, value]) => typeof value === "number");
    return Object.fromEntries(pairs) as Readonly<Record<string, number>>;
  } catch {
    return {};
  }
};

/** Folders of a run that hold no runs. */
const INSIDE = ["checkpoints", "metrics", "samples", "figures", "logs", "pictures"];

const walk = (
  folder: string,
  found: { readonly runs: IndexedRun[]; readonly unreadable: UnreadableRun[] },
): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const entries = yield* onDisk("list", folder, () => Array.fromAsync(Deno.readDir(folder)));
    if (entries.some(({ name, isFile }) => isFile && name === "manifest.json")) {
      yield* readManifest(folder).pipe(
        Effect.flatMap((manifest) =>
          Effect.gen(function* () {
            const held = yield* Effect.promise(() => isHeld(`${folder}/lock`));
            const scores = scoresIn(
              yield* onDisk(
                "read",
                `${folder}/result.json`,
                () => ifThere(Deno.readTextFile(`${folder}/result.json`)),
              ),
            );
            found.runs.push({ path: folder, manifest, status: statusOf(manifest, held), scores });
          })
        ),
        Effect.catch((error) =>
          Effect.sync(() => void found.unreadable.push({ path: folder, reason: error.message }))
        ),
      );
    }
    const folders = entries.filter((e) => e.isDirectory && !INSIDE.includes(e.name)).map(({ name }) => name);
    for (const name of folders.toSorted()) yield* walk(`${folder}/${name}`, found);
  });

/** Every run directory below a folder, by path. What cannot be read is told beside, and hides no other. */
export const indexRuns = (folder: string): Effect.Effect<RunIndex, DiskError> =>
  Effect.gen(function* () {
    const found = { runs: [] as IndexedRun[], unreadable: [] as UnreadableRun[] };
    yield* walk(folder.replace(/(?<=.)\/+$/, ""), found);
    return found;
  });

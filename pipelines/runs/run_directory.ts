/** A run directory: manifest, metrics, checkpoints, samples and figures of one run, used by one process at a time. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type * as t from "io-ts";
import { decode, type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { atomicWrite, type DiskError, existing, onDisk, ownFolder, sweepTemps } from "../base/disk.ts";
import { TaggedFault } from "../base/fault.ts";
import { hashOf } from "../base/hash.ts";
import { type Manifest, manifestCodec } from "./manifest.ts";
import { checkPlace, readOwnText } from "../base/own_file.ts";
import { acquireLock, type LockError, type LockHolder } from "./run_lock.ts";

/** A run directory that cannot be created or does not belong to the run. */
export class RunError extends TaggedFault("RunError")<{
  /** The run directory. */
  readonly path: string;
}> {}

/** The places of a run directory. */
export interface RunDirectory {
  /** The directory. */
  readonly path: string;
  /** `manifest.json`. */
  readonly manifest: string;
  /** Folder of checkpoints. */
  readonly checkpoints: string;
  /** Folder of metrics, one JSON-lines file a stage. */
  readonly metrics: string;
  /** Folder of samples. */
  readonly samples: string;
  /** Folder of figures. */
  readonly figures: string;
  /** Folder of predictions, one JSON-lines file for each evaluation. */
  readonly predictions: string;
  /** The dead process from which this one took the directory over, if any. */
  readonly takenFrom: LockHolder | undefined;
}

/** A run directory that existed, with its manifest. */
export interface OpenedRun {
  /** Its places. */
  readonly directory: RunDirectory;
  /** Its manifest. */
  readonly manifest: Manifest;
}

/** The places of a run directory by its path. */
export const runPlacesOf = (path: string, takenFrom: LockHolder | undefined): RunDirectory => ({
  path,
  manifest: `${path}/manifest.json`,
  checkpoints: `${path}/checkpoints`,
  metrics: `${path}/metrics`,
  samples: `${path}/samples`,
  figures: `${path}/figures`,
  predictions: `${path}/predictions`,
  takenFrom,
});

/** The metrics file of a stage. */
export const metricsPath = (directory: RunDirectory, stage: string): string =>
  `${directory.metrics}/${stage}.jsonl`;

/** The checkpoint file of a stage. */
export const checkpointPath = (directory: RunDirectory, stage: string): string =>
  `${directory.checkpoints}/${stage}.safetensors`;

/** Writes a value as indented JSON, whole or not at all. */
export const writeJson = (path: string, value: unknown): Effect.Effect<void, DiskError> =>
  atomicWrite(path, [new TextEncoder().encode(`${JSON.stringify(value, null, 2)}\n`)]);

/** Reads a JSON file of a run through a codec; the error names the fields that do not fit. */
export const readJson = <A, O>(
  path: string,
  codec: t.Type<A, O, unknown>,
): Effect.Effect<A, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const text = yield* onDisk("read", path, () => readOwnText(path));
    const value = yield* fromEither(parseJson(path)(text));
    return yield* decode(codec, path)(value);
  });

/** Writes the manifest of a run. */
export const writeManifest = (directory: RunDirectory, manifest: Manifest): Effect.Effect<void, DiskError> =>
  writeJson(directory.manifest, manifest);

/** Reads the manifest of a run and checks that its configuration is the one whose hash it states. */
export const readManifest = (path: string): Effect.Effect<Manifest, DecodeError | DiskError | RunError> =>
  Effect.gen(function* () {
    const manifest = yield* readJson(`${path}/manifest.json`, manifestCodec);
    const found = hashOf(manifest.config);
    if (found === manifest.configHash) return manifest;
    return yield* Effect.fail(
      new RunError({
        op: `read ${path}/manifest.json`,
        got: `a configuration with hash ${found}`,
        expected: `hash ${manifest.configHash}, as the manifest says`,
        hint: "restore the manifest; configurations are not edited in place, derive a new run instead",
        path,
      }),
    );
  });

const locked = (path: string): Effect.Effect<RunDirectory, DiskError | LockError, Scope.Scope> =>
  Effect.gen(function* () {
    const lock = yield* acquireLock(`${path}/lock`);
    const places = runPlacesOf(path, lock.takenFrom);
    for (
      const folder of [places.checkpoints, places.metrics, places.samples, places.figures, places.predictions]
    ) {
      yield* onDisk("make", folder, () => {
        checkPlace(`${folder}/`);
        return Deno.mkdir(folder, { recursive: true });
      });
    }
    yield* sweepTemps(places.manifest);
    return places;
  });

/** What a run is gone on with by, and what to do where it is another's. */
const resumed = {
  configHash: "resume with the configuration of that run, or choose another directory",
  dataHash: "resume with the data of that run, or choose another directory",
  device: "resume on that device (--device), or choose another directory",
  code: "its artefacts were made by other code: choose another directory, or go back to that code",
} as const;

const agrees = (a: Manifest, b: Manifest): boolean =>
  Object.keys(resumed).every((key) => a[key as keyof typeof resumed] === b[key as keyof typeof resumed]);

/**
 * The summary of the run at `path` where that is finished and the one that a manifest begins, by configuration, data,
 * device and code; nothing otherwise, or where its summary cannot be read. Nothing of a finished run is written again.
 */
export const finishedRun = <A, O>(
  path: string,
  manifest: Manifest,
  summary: t.Type<A, O, unknown>,
): Effect.Effect<A | undefined> =>
  Effect.gen(function* () {
    const before = yield* readManifest(path);
    if (before.finished === undefined || !agrees(before, manifest)) return undefined;
    return yield* readJson(`${path}/summary.json`, summary);
  }).pipe(Effect.catch(() => Effect.succeed(undefined)));

/** Files that only run directories have; a run that was stopped at its very start has but its lock. */
const RUN_MARKS = ["manifest.json", "lock", "record.json", "experiment.json"];

/** Makes the folder of a run that is opened later, with what is written beforehand in it; its lock marks it as one. */
export const beginRunFolder = (path: string): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    yield* ownFolder(path, RUN_MARKS);
    yield* onDisk("make", path, async () => {
      await Deno.mkdir(path, { recursive: true });
      checkPlace(`${path}/lock`);
      await Deno.writeFile(`${path}/lock`, new Uint8Array(), { append: true });
    });
  });

/** Opens the run at `path`, or makes it with `manifest`; one of another configuration, data, device or code is refused. */
export const openOrCreateRun = (
  path: string,
  manifest: Manifest,
): Effect.Effect<OpenedRun, DecodeError | DiskError | LockError | RunError, Scope.Scope> =>
  Effect.gen(function* () {
    // a run that cannot be read is refused before anything is made; looked at again under the lock, as others make runs too
    yield* ownFolder(path, RUN_MARKS);
    if (yield* existing(`${path}/manifest.json`)) yield* readManifest(path);
    yield* onDisk("make", path, () => Deno.mkdir(path, { recursive: true }));
    const directory = yield* locked(path);
    if (!(yield* existing(directory.manifest))) {
      yield* writeManifest(directory, manifest);
      return { directory, manifest };
    }
    const opened = { directory, manifest: yield* readManifest(path) };
    for (const [key, hint] of Object.entries(resumed) as Iterable<readonly [keyof typeof resumed, string]>) {
      if (opened.manifest[key] === manifest[key]) continue;
      const { commit = "unknown" } = opened.manifest;
      return yield* Effect.fail(
        new RunError({
          op: `open ${path}`,
          got: `a run with ${key} ${opened.manifest[key]}${key === "code" ? `, commit ${commit}` : ""}`,
          expected: String(manifest[key]),
          hint,
          path,
        }),
      );
    }
    return opened;
  });

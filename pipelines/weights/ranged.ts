/** Files read by range, so that a checkpoint never is in memory as a whole. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { type DecodeError, fromEither, parseJson } from "../base/bridge.ts";
import { type DiskError, onDisk, openScoped } from "../base/disk.ts";
import { inFile, refuse, type SafetensorsError } from "./fault.ts";

/** An open file. */
export interface RangedFile extends Disposable {
  /** Its size. */
  readonly bytes: number;
  /** Fills the array with the bytes from `at` on, and says how many there were. */
  readonly readAt: (at: number, into: Uint8Array) => Promise<number>;
}

/** The system calls of ranged reading; tests put others in their place. */
export interface RangedDisk {
  /** Opens a file for reading. */
  readonly open: (path: string) => Promise<RangedFile>;
}

const fill = async (file: Deno.FsFile, into: Uint8Array): Promise<number> => {
  let at = 0;
  while (at < into.byteLength) {
    const got = await file.read(into.subarray(at));
    if (got === null) break;
    at += got;
  }
  return at;
};

const rangedOf = (file: Deno.FsFile, bytes: number): RangedFile => ({
  bytes,
  readAt: async (at, into) => {
    await file.seek(at, Deno.SeekMode.Start);
    return await fill(file, into);
  },
  [Symbol.dispose]: () => file.close(),
});

/** Deno's own disk. */
export const denoRanged: RangedDisk = {
  open: async (path) => {
    const file = await Deno.open(path);
    const { size, isFile } = await file.stat();
    if (!isFile) {
      file.close();
      throw new Deno.errors.InvalidData("not a regular file");
    }
    return rangedOf(file, size);
  },
};

/** Opens a regular file of a run for as long as the scope lives; what else is in its place is refused. */
export const openOwnRanged = (path: string): Effect.Effect<RangedFile, DiskError, Scope.Scope> =>
  Effect.flatMap(
    openScoped(path),
    (file) => onDisk("read", path, async () => rangedOf(file, (await file.stat()).size)),
  );

const RangedDiskInUse = Context.Reference<RangedDisk>("chain-of-sight/RangedDisk", {
  defaultValue: () => denoRanged,
});

/** Runs a program whose ranged reads go to another disk than {@link denoRanged}. */
export const withRangedDisk = <A, E, R>(
  disk: RangedDisk,
  program: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> => Effect.provideService(program, RangedDiskInUse, disk);

/** Opens a file for as long as the scope lives. */
export const openRanged = (path: string): Effect.Effect<RangedFile, DiskError, Scope.Scope> =>
  Effect.gen(function* () {
    const disk = yield* RangedDiskInUse;
    return yield* Effect.acquireRelease(
      onDisk("open", path, () => disk.open(path)),
      (file) => Effect.sync(() => file[Symbol.dispose]()),
    );
  });

/** Fills an array with the bytes of a file from `at` on; a file that ends before is refused. */
export const readRange = (
  path: string,
  file: RangedFile,
  at: number,
  into: Uint8Array,
): Effect.Effect<void, DiskError | SafetensorsError> =>
  Effect.flatMap(
    onDisk("read", path, () => file.readAt(at, into)),
    (got) =>
      got === into.byteLength ? Effect.void : Effect.fail(
        inFile(path)(
          refuse("truncated", `an end at byte ${at + got}`, `data up to byte ${at + into.byteLength}`),
        ),
      ),
  );

/** A whole text file, if it is not longer than `most` bytes. */
export const readText = (
  path: string,
  most: number,
): Effect.Effect<string, DiskError | SafetensorsError> =>
  Effect.scoped(Effect.gen(function* () {
    const file = yield* openRanged(path);
    if (file.bytes > most) {
      return yield* Effect.fail(
        inFile(path)(
          refuse("header-length", `a file of ${file.bytes} bytes`, `at most ${most} bytes of JSON`),
        ),
      );
    }
    const bytes = new Uint8Array(file.bytes);
    yield* readRange(path, file, 0, bytes);
    return new TextDecoder().decode(bytes);
  }));

/** Longest JSON file of a model's configuration that is read, bytes. */
const MAX_CONFIG_BYTES = 2 ** 20;

/** Reads a JSON file of at most a megabyte. */
export const readJsonFile = (
  path: string,
): Effect.Effect<unknown, DiskError | SafetensorsError | DecodeError> =>
  Effect.flatMap(readText(path, MAX_CONFIG_BYTES), (text) => fromEither(parseJson(path)(text)));

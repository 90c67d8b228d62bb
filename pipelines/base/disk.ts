/** Files written whole or not at all. */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { holdingSignals } from "./signals.ts";
import { TaggedFault } from "./fault.ts";
import { checkPlace, openOwn, type OwnOptions } from "./own_file.ts";
import { folderOf } from "./paths.ts";

/** A file or folder that could not be read, written, locked or renamed. */
export class DiskError extends TaggedFault("DiskError")<{
  /** The file or folder. */
  readonly path: string;
  /** The system's code, such as `ENOSPC`, or the class of the error. */
  readonly code: string;
}> {}

const codeOf = (cause: unknown): string => {
  if (cause instanceof Deno.errors.NotFound) return "ENOENT";
  if (!(cause instanceof Error)) return "unknown";
  const code = (cause as { readonly code?: unknown }).code;
  return typeof code === "string" ? code : cause.name;
};

const hints: Readonly<Record<string, string>> = {
  ENOSPC: "free space on that file system, or point the run at another one",
  EDQUOT: "free some of your quota, or point the run at another file system",
  ENOENT: "check the path",
  EACCES: "check who owns the folder and its permissions",
  PermissionDenied: "check who owns the folder and its permissions",
  NotCapable: "allow Deno to read and write there",
  EROFS: "point the run at a file system that can be written",
  ENOTREG: "a run holds regular files and folders alone: put the file itself there, or remove what is there",
  EFBIG: "restore the file from a copy, or remove it",
  EILSEQ: "restore the file from a copy, or remove it",
};

/** The error of one thing tried on one path. */
export const diskError = (op: string, path: string, cause: unknown): DiskError => {
  const code = codeOf(cause);
  return new DiskError({
    op: `${op} ${path}`,
    got: code === "ENOENT"
      ? "no such file or folder"
      : cause instanceof Error
      ? cause.message
      : String(cause),
    expected: `to ${op} it`,
    hint: hints[code] ?? "check the path and the disk",
    path,
    code,
  });
};

/** A file that is being written. */
export interface NewFile extends Disposable {
  /** Writes some of the bytes, and says how many. */
  readonly write: (bytes: Uint8Array) => Promise<number>;
  /** Writes all of the bytes over those from `at` on. */
  readonly overwrite: (at: number, bytes: Uint8Array) => Promise<void>;
  /** Returns once the file is on the disk itself. */
  readonly sync: () => Promise<void>;
}

/** The system calls of a write; tests put failing ones in their place. */
export interface Disk {
  /** Opens a new file for writing. */
  readonly create: (path: string) => Promise<NewFile>;
  /** Gives one file another's name, replacing what stood there. */
  readonly rename: (from: string, to: string) => Promise<void>;
}

/** Deno's own disk. */
export const denoDisk: Disk = {
  create: async (path) => {
    checkPlace(path);
    const file = await Deno.open(path, { write: true, createNew: true });
    return {
      write: (bytes) => file.write(bytes),
      overwrite: async (at, bytes) => {
        await file.seek(at, Deno.SeekMode.Start);
        await writeAll(file, bytes);
      },
      sync: () => file.sync(),
      [Symbol.dispose]: () => file.close(),
    };
  },
  rename: (from, to) => Deno.rename(from, to),
};

const DiskInUse = Context.Reference<Disk>("chain-of-sight/Disk", { defaultValue: () => denoDisk });

/** Runs a program whose atomic writes go to another disk than {@link denoDisk}. */
export const withDisk = <A, E, R>(disk: Disk, program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.provideService(program, DiskInUse, disk);

/** Runs a promise of the disk; what it throws becomes a {@link DiskError}. */
export const onDisk = <A>(op: string, path: string, run: () => Promise<A>): Effect.Effect<A, DiskError> =>
  Effect.tryPromise({ try: run, catch: (cause) => diskError(op, path, cause) });

/** What reading gives; nothing where there is no such file or folder. Rejects with whatever else is wrong. */
export const ifThere = <A>(reading: Promise<A>): Promise<A | undefined> =>
  reading.catch((cause) => {
    if (cause instanceof Deno.errors.NotFound) return undefined;
    throw cause;
  });

/** Whether there is something at a path. */
export const existing = (path: string): Effect.Effect<boolean, DiskError> =>
  Effect.map(onDisk("look for", path, () => ifThere(Deno.stat(path))), (info) => info !== undefined);

/**
 * Fails unless a folder may be written: one that is not there, is empty, or has one of the files that mark it as written
 * by the same kind of command. Nothing is put among the files of somebody else.
 */
export const ownFolder = (path: string, marks: readonly string[]): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const info = yield* onDisk("look for", path, () => ifThere(Deno.stat(path)));
    if (info === undefined) return;
    const names = info.isDirectory
      ? yield* onDisk("list", path, () => Array.fromAsync(Deno.readDir(path), ({ name }) => name))
      : [];
    if (info.isDirectory && (names.length === 0 || names.some((name) => marks.includes(name)))) return;
    return yield* Effect.fail(
      new DiskError({
        op: `write into ${path}`,
        got: info.isDirectory ? `a folder with other files, such as ${names.toSorted()[0]}` : "a file",
        expected: "a new or an empty folder, or one that the same command wrote",
        hint: "name another folder",
        path,
        code: "EEXIST",
      }),
    );
  });

/** Names of the files in a folder that end in a certain way and are not hidden, without the ending, sorted; none where there is no folder. */
export const namesIn = (folder: string, ending: string): Effect.Effect<readonly string[], DiskError> =>
  onDisk("list", folder, async () => {
    checkPlace(`${folder}/`);
    const entries = await ifThere(Array.fromAsync(Deno.readDir(folder))) ?? [];
    return entries.flatMap(({ name, isFile }) =>
      isFile && !name.startsWith(".") && name.endsWith(ending) ? [name.slice(0, -ending.length)] : []
    ).toSorted();
  });

/** Writes all of the bytes where the file is. */
export const writeAll = async (file: Pick<NewFile, "write">, bytes: Uint8Array): Promise<void> => {
  for (let at = 0; at < bytes.byteLength;) at += await file.write(bytes.subarray(at));
};

// The rename itself is durable once the folder is on disk. Windows cannot open folders and needs no such call.
const syncFolder = async (folder: string): Promise<void> => {
  if (Deno.build.os === "windows") return;
  using file = await Deno.open(folder);
  await file.sync();
};

/** The name that a file has while it is being written. */
export const tempName = (path: string): string =>
  `${path}.${Deno.pid}.${crypto.randomUUID().slice(0, 8)}.tmp`;

/** Whether a name is one that {@link tempName} gives for the file `base`. */
export const isTempOf = (name: string, base: string): boolean =>
  name.startsWith(`${base}.`) && /\.\d+\.[0-9a-f]{8}\.tmp$/.test(name);

/** A file that is written piece by piece, and there under its name once all of it is. */
export interface StreamedFile {
  /** Writes bytes behind those before. */
  readonly append: (bytes: Uint8Array) => ReturnType<typeof onDisk<void>>;
  /** Writes bytes over those from `at` on; the last thing that is done to a file. */
  readonly overwrite: (at: number, bytes: Uint8Array) => ReturnType<typeof onDisk<void>>;
}

/**
 * Writes a file whole or not at all by a program: a temporary file next to it, synced, then renamed onto it.
 * On failure or interruption the older file is untouched and the temporary one is removed.
 */
export const atomicStream = <A, E, R>(
  path: string,
  program: (file: StreamedFile) => Effect.Effect<A, E, R>,
): Effect.Effect<A, E | DiskError, R> =>
  Effect.gen(function* () {
    const disk = yield* DiskInUse, temp = tempName(path);
    const writing = (run: () => Promise<void>): Effect.Effect<void, DiskError> => onDisk("write", path, run);
    const removeTemp = Effect.promise(() => Deno.remove(temp).catch(() => undefined));
    const made = yield* Effect.gen(function* () {
      const made = yield* Effect.acquireUseRelease(
        onDisk("write", path, () => disk.create(temp)),
        (file) =>
          Effect.tap(
            program({
              append: (bytes) => writing(() => writeAll(file, bytes)),
              overwrite: (at, bytes) => writing(() => file.overwrite(at, bytes)),
            }),
            () => writing(() => file.sync()),
          ),
        (file) => Effect.sync(() => file[Symbol.dispose]()),
      );
      yield* onDisk("rename", path, () => disk.rename(temp, path));
      return made;
    }).pipe(Effect.uninterruptible, Effect.onError(() => removeTemp), holdingSignals);
    yield* onDisk("sync", folderOf(path), () => syncFolder(folderOf(path)));
    return made;
  });

/** Writes parts as a file, whole or not at all. */
export const atomicWrite = (path: string, parts: Iterable<Uint8Array>): Effect.Effect<void, DiskError> =>
  atomicStream(path, ({ append }) =>
    Effect.gen(function* () {
      for (const part of parts) yield* append(part);
    }));

/** Removes what earlier writes of a file left behind when their process died. */
export const sweepTemps = (path: string): Effect.Effect<readonly string[], DiskError> =>
  onDisk("sweep", folderOf(path), async () => {
    const folder = folderOf(path);
    const base = path.slice(path.lastIndexOf("/") + 1);
    const found: string[] = [];
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (!isDirectory && isTempOf(name, base)) found.push(name);
    }
    for (const name of found) await Deno.remove(`${folder}/${name}`);
    return found;
  });

/** Opens a regular file for as long as the scope lives. */
export const openScoped = (
  path: string,
  options: OwnOptions = {},
): Effect.Effect<Deno.FsFile, DiskError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.try({ try: () => openOwn(path, options), catch: (cause) => diskError("open", path, cause) }),
    (file) => Effect.sync(() => file.close()),
  );

/**
 * Checkpoints: safetensors files with a hash of their content, replaced atomically; from a size on in shards with an index,
 * as Hugging Face lays them out.
 */
import type { NdArray } from "@chain-of-sight/core";
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { pipe } from "fp-ts/lib/function.js";
import { fromEither } from "../base/bridge.ts";
import { DiskError, existing, ifThere, onDisk, sweepTemps } from "../base/disk.ts";
import { TaggedFault } from "../base/fault.ts";
import { hashOf } from "../base/hash.ts";
import { folderOf } from "../base/paths.ts";
import { writeJson } from "../runs/run_directory.ts";
import { type Check, inFile, refuse, SafetensorsError } from "./fault.ts";
import type { Header } from "./header.ts";
import type { LazyArray } from "./lazy.ts";
import { openOwnRanged, openRanged, type RangedFile, readRange } from "./ranged.ts";
import { formsOf, planFile, type Safetensors, type Tensors } from "./safetensors.ts";
import {
  type Forms,
  indexOf,
  indexPath,
  SHARD_BYTES,
  shardNames,
  shardsOf,
  shardStem,
  sweepShards,
} from "./shards.ts";
import { headerIn, openShards } from "./source.ts";
import { fromStored, isFloatType } from "./stored.ts";
import { storedArrays } from "./stream.ts";
import { CONTENT_HASH, hashAt, readFrom, type StoredArrays, writePlanned, ZEROS } from "./write.ts";

/** Why a checkpoint could not be saved or loaded. */
export type CheckpointReason = "missing" | "corrupt" | "disk" | "tensors";

/** A checkpoint that could not be saved or loaded. */
export class CheckpointError extends TaggedFault("CheckpointError")<{
  /** `missing` or `corrupt` file, a `disk` that refused, or `tensors` that cannot be saved. */
  readonly reason: CheckpointReason;
  /** The file. */
  readonly path: string;
  /** The check of the format that failed, or the system's code. */
  readonly check: Check | string;
}> {}

const ofDisk = (op: string, path: string) => (error: DiskError): CheckpointError =>
  new CheckpointError({
    op,
    got: error.got,
    expected: error.code === "ENOENT" ? `a file or its folder at ${path}` : error.expected,
    hint: error.hint,
    reason: op.startsWith("load") && error.code === "ENOENT" ? "missing" : "disk",
    path,
    check: error.code,
  });

const ofFormat =
  (op: string, path: string, reason: CheckpointReason) => (error: SafetensorsError): CheckpointError =>
    new CheckpointError({
      op,
      got: `${error.got} (check: ${error.check})`,
      expected: error.expected,
      hint: reason === "corrupt" ? "resume from an older checkpoint; this file is damaged" : error.hint,
      reason,
      path,
      check: error.check,
    });

/** What {@link save} wrote. */
export interface Saved {
  /** The file. */
  readonly path: string;
  /** The sha-256 of its content, hexadecimal. */
  readonly hash: string;
  /** Its size. */
  readonly bytes: number;
}

/**
 * Saves arrays and metadata as a safetensors file with a content hash, whole or not at all.
 *
 * Equal arrays and metadata give equal files. Float64 arrays keep their bits.
 * On any failure the older checkpoint at `path` is intact and nothing is left next to it.
 *
 * ```ts
 * import * as Effect from "effect/Effect";
 * import { load, save } from "./checkpoint.ts";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * const tensors = { w: { dtype: "f32", shape: [2], data: Float32Array.of(1, 2) } } as const;
 * await Effect.runPromise(save(path, tensors, { step: "100" }));
 * const { metadata } = await Effect.runPromise(load(path));
 * if (metadata.step !== "100") throw new Error("another step");
 * await Deno.remove(path);
 * ```
 */
export const save = (
  path: string,
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): Effect.Effect<Saved, CheckpointError> =>
  Effect.flatMap(inMemory(path, tensors), (stored) => saveFrom(path, stored, metadata));

/** Arrays in memory, to be saved at a path. */
export const inMemory = (path: string, tensors: Tensors): Effect.Effect<StoredArrays, CheckpointError> =>
  fromEither(formsOf(tensors)).pipe(
    Effect.mapError(ofFormat(`save ${path}`, path, "tensors")),
    Effect.map((forms) => ({ forms, read: readFrom(tensors) })),
  );

/** Writes one file of a checkpoint, whole or not at all. */
const saveFile = <E, R>(
  path: string,
  { forms, read }: StoredArrays<E, R>,
  metadata: Readonly<Record<string, string>>,
): Effect.Effect<Saved, DiskError | SafetensorsError | E, R> =>
  Effect.gen(function* () {
    const plan = yield* fromEither(planFile(forms, { ...metadata, [CONTENT_HASH]: ZEROS }));
    const hash = yield* writePlanned(path, plan, read, hashAt(plan.header));
    return { path, hash, bytes: plan.header.byteLength + plan.dataBytes };
  });

/** The hash of a checkpoint of several files. */
const indexHash = (
  metadata: Readonly<Record<string, string>>,
  shards: Readonly<Record<string, string>>,
): string => hashOf({ metadata, shards });

/** Writes the index of shards that are written: from then on they are the checkpoint. */
const saveIndex = (
  path: string,
  shards: readonly Forms[],
  saved: readonly Saved[],
  metadata: Readonly<Record<string, string>>,
): Effect.Effect<Saved, DiskError> =>
  Effect.gen(function* () {
    const names = saved.map(({ path }) => path.slice(path.lastIndexOf("/") + 1));
    const { total, weight_map } = indexOf(shards, names);
    const hash = indexHash(metadata, Object.fromEntries(saved.map(({ hash }, i) => [names[i]!, hash])));
    yield* writeJson(indexPath(path), {
      metadata: { ...metadata, [CONTENT_HASH]: hash, total_size: total },
      weight_map,
    });
    return { path: indexPath(path), hash, bytes: saved.reduce((n, { bytes }) => n + bytes, 0) };
  });

const saving = (path: string) =>
<A, E, R>(
  write: Effect.Effect<A, DiskError | SafetensorsError | E, R>,
): Effect.Effect<A, CheckpointError | E, R> =>
  Effect.mapError(
    write,
    (error) =>
      error instanceof DiskError
        ? ofDisk(`save ${path}`, path)(error)
        : error instanceof SafetensorsError
        ? ofFormat(`save ${path}`, path, "tensors")(error)
        : error,
  );

/** Writes one of several files of a checkpoint, which {@link saveShardIndex} makes a checkpoint. */
export const saveShard = <E = never, R = never>(
  path: string,
  { index, of }: { readonly index: number; readonly of: number },
  arrays: StoredArrays<E, R>,
  metadata: Readonly<Record<string, string>>,
): Effect.Effect<Saved, CheckpointError | E, R> =>
  saving(path)<Saved, E, R>(
    saveFile(`${folderOf(path)}/${shardNames(shardStem(path, hashOf(metadata)), of)[index]}`, arrays, {}),
  );

/** Makes a checkpoint of files that {@link saveShard} has written, of these arrays, in place of an older one. */
export const saveShardIndex = (
  path: string,
  shards: readonly Forms[],
  saved: readonly Pick<Saved, "bytes" | "hash">[],
  metadata: Readonly<Record<string, string>>,
): Effect.Effect<Saved, CheckpointError> =>
  saving(path)<Saved, never, never>(Effect.gen(function* () {
    const names = shardNames(shardStem(path, hashOf(metadata)), shards.length);
    const whole = yield* saveIndex(
      path,
      shards,
      saved.map((of, i) => ({ ...of, path: names[i]! })),
      metadata,
    );
    yield* onDisk("remove", path, () => ifThere(Deno.remove(path)));
    yield* sweepShards(path);
    return whole;
  }));

/**
 * Saves a checkpoint whose arrays are read as they are written, some megabytes at a time, as from a device: the host never
 * holds all of them. One of more than `shardBytes` is written as shards of names of their own, then the index that makes them
 * the checkpoint. Otherwise as {@link save}.
 */
export const saveFrom = <E = never, R = never>(
  path: string,
  { forms, read }: StoredArrays<E, R>,
  metadata: Readonly<Record<string, string>> = {},
  shardBytes: number = SHARD_BYTES,
): Effect.Effect<Saved, CheckpointError | E, R> =>
  Effect.gen(function* () {
    const shards = shardsOf(forms, shardBytes);
    if (shards.length === 1) {
      return yield* saving(path)<Saved, E, R>(
        Effect.tap(
          saveFile(path, { forms, read }, metadata),
          () =>
            Effect.andThen(
              onDisk("remove", path, () => ifThere(Deno.remove(indexPath(path)))),
              sweepShards(path),
            ),
        ),
      );
    }
    const saved = yield* Effect.forEach(
      shards,
      (shard, index) => saveShard(path, { index, of: shards.length }, { forms: shard, read }, metadata),
    );
    return yield* saveShardIndex(path, shards, saved, metadata);
  });

/** Bytes that are hashed at a time. */
const HASHED = 2 ** 22;

/** The content hash that a file says, checked; undefined where it says none. */
const verified = (path: string, file: RangedFile, header: Header, lead: Uint8Array) =>
  Effect.gen(function* () {
    const said = header.metadata[CONTENT_HASH];
    if (said === undefined) return undefined;
    const at = hashAt(lead), hash = createHash("sha256");
    hash.update(lead.subarray(0, at)).update(ZEROS).update(lead.subarray(at + ZEROS.length));
    const piece = new Uint8Array(Math.min(HASHED, file.bytes));
    for (let from = header.dataStart; from < file.bytes; from += piece.byteLength) {
      const part = piece.subarray(0, Math.min(piece.byteLength, file.bytes - from));
      yield* readRange(path, file, from, part);
      hash.update(part);
    }
    const found = hash.digest("hex");
    return found === said ? said : yield* Effect.fail(
      refuse("hash", `content with sha-256 ${found}`, `sha-256 ${said}, as the file says`),
    );
  });

/** A file whose layout and content hash are checked. */
interface CheckedFile {
  readonly path: string;
  readonly file: RangedFile;
  readonly header: Header;
  readonly hash: string | undefined;
}

const checkedFile = (
  path: string,
  opened: Effect.Effect<RangedFile, DiskError, Scope.Scope>,
): Effect.Effect<CheckedFile, DiskError | SafetensorsError, Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* opened, { header, lead } = yield* headerIn(path, file);
    return { path, file, header, hash: yield* verified(path, file, header, lead) };
  });

/** A file of a checkpoint, opened again: it is the one that was verified. */
const sameFile = (hash: string | undefined) => (path: string) =>
  Effect.gen(function* () {
    const file = yield* openOwnRanged(path), { header } = yield* headerIn(path, file);
    return header.metadata[CONTENT_HASH] === hash ? file : yield* Effect.fail(
      inFile(path)(refuse(
        "hash",
        "another checkpoint than the one that was opened",
        `the one with sha-256 ${hash}`,
        "repeat the command: the training that goes on has replaced it",
      )),
    );
  });

/** A checkpoint whose layout and content hash are checked, and of which no array is read yet. */
export interface OpenedCheckpoint extends StoredArrays<CheckpointError> {
  /** The metadata given to {@link save}. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The sha-256 of the content, hexadecimal; undefined for a file of another program, which says none. */
  readonly hash: string | undefined;
  /** Its arrays of floats, which can be read after the scope. */
  readonly arrays: Readonly<Record<string, LazyArray>>;
}

const openedFrom = (
  files: readonly CheckedFile[],
  about: Pick<OpenedCheckpoint, "metadata" | "hash">,
  refused: (
    reading: Effect.Effect<Record<string, NdArray>, DiskError | SafetensorsError>,
  ) => Effect.Effect<Record<string, NdArray>, CheckpointError>,
): OpenedCheckpoint => {
  const places = new Map(
    files.flatMap((of) =>
      of.header.tensors.map(([name, { dtype, shape, data_offsets: [begin, end] }]) => {
        const { path, header: { dataStart } } = of;
        const from = { name, type: dtype, shape, file: path, at: dataStart + begin, bytes: end - begin };
        return [name, { of, from }] as const;
      })
    ),
  );
  return {
    ...about,
    forms: Object.fromEntries(
      [...places].map(([name, { from: { type, shape } }]) => [name, { type, shape }]),
    ),
    arrays: Object.assign(
      {},
      ...[...places].filter(([, { from }]) => isFloatType(from.type)).map(([path, { of, from }]) =>
        storedArrays([{ path, shape: from.shape, transposed: false, from }], sameFile(of.hash))
      ),
    ),
    read: (names) =>
      refused(Effect.gen(function* () {
        const out: Record<string, NdArray> = {};
        for (const name of names) {
          const place = places.get(name);
          if (place === undefined) continue;
          const { of, from } = place, bytes = new Uint8Array(from.bytes);
          yield* readRange(of.path, of.file, from.at, bytes);
          out[name] = yield* fromEither(fromStored(name, from.type, from.shape, bytes, "keep"));
        }
        return out;
      })),
  };
};

const refusing = (path: string) =>
  Effect.mapError((error: DiskError | SafetensorsError): CheckpointError =>
    error instanceof DiskError
      ? ofDisk(`load ${path}`, path)(error)
      : ofFormat(`load ${path}`, path, "corrupt")(error)
  );

/** Opens the one file of a checkpoint. */
const openFile = (
  path: string,
  opened: Effect.Effect<RangedFile, DiskError, Scope.Scope>,
): Effect.Effect<OpenedCheckpoint, CheckpointError, Scope.Scope> =>
  Effect.map(refusing(path)(checkedFile(path, opened)), (one) => {
    const { [CONTENT_HASH]: _, ...metadata } = one.header.metadata;
    return openedFrom([one], { metadata, hash: one.hash }, refusing(path));
  });

/**
 * Reads a safetensors file from anywhere, checking its layout, and its content hash where it has one.
 * Float64 numbers are kept as they are.
 */
export const read = (path: string): Effect.Effect<Safetensors, CheckpointError> =>
  Effect.scoped(Effect.gen(function* () {
    const { forms, metadata, read } = yield* openFile(path, openRanged(path));
    return { tensors: yield* read(Object.keys(forms)), metadata };
  }));

/** Opens the shards of a checkpoint; its hash is that of its metadata and of theirs. */
const openSharded = (path: string) =>
  Effect.gen(function* () {
    const { tensors, metadata: { [CONTENT_HASH]: said, ...metadata } } = yield* openShards(indexPath(path));
    const files = yield* Effect.forEach(
      [...new Set(tensors.map(({ file }) => file))],
      (file) => checkedFile(file, openOwnRanged(file)),
    );
    const shards = files.map(({ path, hash = "" }) => [path.slice(path.lastIndexOf("/") + 1), hash] as const);
    const hash = indexHash(metadata, Object.fromEntries(shards));
    return hash === said ? { files, about: { metadata, hash } } : yield* Effect.fail(
      refuse("hash", `metadata and shards with sha-256 ${hash}`, `sha-256 ${said}, as the index says`),
    );
  });

/**
 * Opens a checkpoint that {@link save} wrote, in one file or in shards, for as long as the scope lives, and verifies its
 * content hash, so that any changed bit is found. Links and files without a hash are refused; {@link read} takes those.
 */
export const open = (path: string): Effect.Effect<OpenedCheckpoint, CheckpointError, Scope.Scope> =>
  Effect.gen(function* () {
    if (yield* refusing(path)(existing(indexPath(path)))) {
      const { files, about } = yield* refusing(indexPath(path))(openSharded(path));
      return openedFrom(files, about, refusing(path));
    }
    const opened = yield* openFile(path, openOwnRanged(path));
    return opened.hash !== undefined ? opened : yield* Effect.fail(
      ofFormat(`load ${path}`, path, "corrupt")(
        refuse("hash", "a file without a content hash", `a ${CONTENT_HASH} entry`),
      ),
    );
  });

/** A loaded checkpoint. */
export interface Checkpoint {
  /** Arrays by name. */
  readonly tensors: Tensors;
  /** The metadata given to {@link save}. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The sha-256 of the content, hexadecimal. */
  readonly hash: string;
}

/** Loads a checkpoint that {@link save} wrote whole; {@link open} says which are refused. */
export const load = (path: string): Effect.Effect<Checkpoint, CheckpointError> =>
  Effect.scoped(Effect.gen(function* () {
    const { forms, metadata, hash, read } = yield* open(path);
    return { tensors: yield* read(Object.keys(forms)), metadata, hash: hash! };
  }));

/** Removes the temporary files that saves to `path` left behind when their process was killed. */
export const sweep = (path: string): Effect.Effect<readonly string[], CheckpointError> =>
  pipe(sweepTemps(path), Effect.mapError(ofDisk(`sweep ${path}`, path)));

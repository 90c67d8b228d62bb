/** Checkpoints: safetensors files with a hash of their content, replaced atomically. */
import type { NdArray } from "@chain-of-sight/core";
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { pipe } from "fp-ts/lib/function.js";
import { fromEither } from "../base/bridge.ts";
import { DiskError, sweepTemps } from "../base/disk.ts";
import { TaggedFault } from "../base/fault.ts";
import { type Check, refuse, SafetensorsError } from "./fault.ts";
import type { Header } from "./header.ts";
import { openOwnRanged, openRanged, type RangedFile, readRange } from "./ranged.ts";
import { formsOf, planFile, type Safetensors, type Tensors } from "./safetensors.ts";
import { headerIn } from "./source.ts";
import { firstNonFinite, fromStored } from "./stored.ts";
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
    mend: error.mend,
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
      mend: reason === "corrupt" ? "resume from an older checkpoint; this file is damaged" : error.mend,
      reason,
      path,
      check: error.check,
    });

/** The error of arrays with a number that is NaN or infinite, by the name of the first; undefined if all are finite. */
export const nonFinite = (path: string, tensors: Tensors): CheckpointError | undefined => {
  for (const [name, { data }] of Object.entries(tensors)) {
    const at = data instanceof Float32Array ? firstNonFinite(data) : -1;
    if (at >= 0) {
      return new CheckpointError({
        op: `load ${path}`,
        got: `${name} with ${data[at]} at element ${at}`,
        expected: "finite numbers",
        mend: "the training that wrote it diverged: take a checkpoint from before, or train again",
        reason: "tensors",
        path,
        check: "value",
      });
    }
  }
  return undefined;
};

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
 * On any failure the older checkpoint at `path` is intact and nothing is left beside it.
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

/**
 * Saves a checkpoint whose arrays are read as they are written, some megabytes at a time, as from a device: the host never
 * holds all of them. Otherwise as {@link save}.
 */
export const saveFrom = <E = never, R = never>(
  path: string,
  { forms, read }: StoredArrays<E, R>,
  metadata: Readonly<Record<string, string>> = {},
): Effect.Effect<Saved, CheckpointError | E, R> =>
  Effect.gen(function* () {
    const op = `save ${path}`, inTensors = ofFormat(op, path, "tensors");
    const plan = yield* Effect.mapError(
      fromEither(planFile(forms, { ...metadata, [CONTENT_HASH]: ZEROS })),
      inTensors,
    );
    const hash = yield* writePlanned(path, plan, read, hashAt(plan.header)).pipe(
      Effect.mapError((error) =>
        error instanceof DiskError
          ? ofDisk(op, path)(error)
          : error instanceof SafetensorsError
          ? inTensors(error)
          : error
      ),
    );
    return { path, hash, bytes: plan.header.byteLength + plan.dataBytes };
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

const tensorIn = (
  path: string,
  file: RangedFile,
  { dataStart }: Header,
  [name, { dtype, shape, data_offsets: [begin, end] }]: Header["tensors"][number],
): Effect.Effect<NdArray, DiskError | SafetensorsError> =>
  Effect.gen(function* () {
    const bytes = new Uint8Array(end - begin);
    yield* readRange(path, file, dataStart + begin, bytes);
    return yield* fromEither(fromStored(name, dtype, shape, bytes, "keep"));
  });

/** A checkpoint whose layout and content hash are checked, and of which no array is read yet. */
export interface OpenedCheckpoint extends StoredArrays<CheckpointError> {
  /** The metadata given to {@link save}. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The sha-256 of the content, hexadecimal; undefined for a file of another program, which says none. */
  readonly hash: string | undefined;
}

const openedIn = (
  path: string,
  file: RangedFile,
): Effect.Effect<OpenedCheckpoint, CheckpointError> => {
  const op = `load ${path}`;
  const refused = Effect.mapError((error: DiskError | SafetensorsError) =>
    error instanceof DiskError ? ofDisk(op, path)(error) : ofFormat(op, path, "corrupt")(error)
  );
  return refused(Effect.gen(function* () {
    const { header, lead } = yield* headerIn(path, file);
    const hash = yield* verified(path, file, header, lead);
    const { [CONTENT_HASH]: _, ...metadata } = header.metadata, entries = new Map(header.tensors);
    return {
      forms: Object.fromEntries(
        header.tensors.map(([name, { dtype, shape }]) => [name, { type: dtype, shape }]),
      ),
      metadata,
      hash,
      read: (names) =>
        refused(Effect.gen(function* () {
          const out: Record<string, NdArray> = {};
          for (const name of names) {
            const entry = entries.get(name);
            if (entry !== undefined) out[name] = yield* tensorIn(path, file, header, [name, entry]);
          }
          return out;
        })),
    };
  }));
};

/**
 * Reads a safetensors file from anywhere, checking its layout, and its content hash where it has one.
 * Float64 numbers are kept as they are.
 */
export const read = (path: string): Effect.Effect<Safetensors, CheckpointError> =>
  Effect.scoped(Effect.gen(function* () {
    const file = yield* Effect.mapError(openRanged(path), ofDisk(`load ${path}`, path));
    const { forms, metadata, read } = yield* openedIn(path, file);
    return { tensors: yield* read(Object.keys(forms)), metadata };
  }));

/**
 * Opens a checkpoint that {@link save} wrote, for as long as the scope lives, and verifies its content hash, so that any
 * changed bit is found. Links and files without a hash are refused; {@link read} takes those.
 */
export const open = (path: string): Effect.Effect<OpenedCheckpoint, CheckpointError, Scope.Scope> =>
  Effect.gen(function* () {
    const file = yield* Effect.mapError(openOwnRanged(path), ofDisk(`load ${path}`, path));
    const opened = yield* openedIn(path, file);
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

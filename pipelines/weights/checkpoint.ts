/** Checkpoints: safetensors files with a hash of their content, replaced atomically. */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import { pipe } from "fp-ts/lib/function.js";
import { fromEither } from "../base/bridge.ts";
import { atomicWrite, type DiskError, onDisk, sweepTemps } from "../base/disk.ts";
import { FaultError } from "../base/fault.ts";
import { readOwnBytes } from "../base/own_file.ts";
import type { Check, SafetensorsError } from "./fault.ts";
import { firstNonFinite } from "./stored.ts";
import { decode, encodeParts, type Safetensors, type Tensors } from "./safetensors.ts";

/** Metadata entry that holds the sha-256 of the whole file, computed with 64 zeros in its own place. */
export const CONTENT_HASH = "content_sha256";

/** Why a checkpoint could not be saved or loaded. */
export type CheckpointReason = "missing" | "corrupt" | "disk" | "tensors";

/** A checkpoint that could not be saved or loaded. */
export class CheckpointError extends FaultError<{
  /** `missing` or `corrupt` file, a `disk` that refused, or `tensors` that cannot be saved. */
  readonly reason: CheckpointReason;
  /** The file. */
  readonly path: string;
  /** The check of the format that failed, or the system's code. */
  readonly check: Check | string;
}> {
  /** Discriminates the error. */
  readonly _tag = "CheckpointError";
  /** The class name shown in stack traces. */
  override readonly name = "CheckpointError";
}

const ZEROS = "0".repeat(64);

const hashOfParts = (parts: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

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

const corrupt = (path: string, check: Check, got: string, expected: string): CheckpointError =>
  new CheckpointError({
    op: `load ${path}`,
    got,
    expected,
    mend: "resume from an older checkpoint; this file is damaged or was not written by save",
    reason: "corrupt",
    path,
    check,
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

// The hash is found by its key with the quotes around it, which no other place of a JSON header can contain.
const hashAt = (bytes: Uint8Array): number => {
  const key = `"${CONTENT_HASH}":"`;
  const header = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  const text = new TextDecoder("latin1").decode(bytes.slice(8, 8 + Number(header)));
  const at = text.indexOf(key);
  return at < 0 ? -1 : 8 + at + key.length;
};

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
  Effect.gen(function* () {
    const op = `save ${path}`;
    const parts = yield* pipe(
      encodeParts(tensors, { ...metadata, [CONTENT_HASH]: ZEROS }),
      fromEither,
      Effect.mapError(ofFormat(op, path, "tensors")),
    );
    const hash = hashOfParts(parts);
    const header = parts[0]!;
    header.set(new TextEncoder().encode(hash), hashAt(header));
    yield* pipe(atomicWrite(path, parts), Effect.mapError(ofDisk(op, path)));
    return { path, hash, bytes: parts.reduce((n, part) => n + part.byteLength, 0) };
  });

const verify = (path: string, bytes: Uint8Array, said: string): Effect.Effect<void, CheckpointError> =>
  Effect.suspend(() => {
    const at = hashAt(bytes);
    const zeros = new TextEncoder().encode(ZEROS);
    const found = hashOfParts([bytes.subarray(0, at), zeros, bytes.subarray(at + 64)]);
    return found === said ? Effect.void : Effect.fail(
      corrupt(path, "hash", `content with sha-256 ${found}`, `sha-256 ${said}, as the file says`),
    );
  });

const readWith = (
  path: string,
  reading: () => Promise<Uint8Array<ArrayBuffer>>,
): Effect.Effect<Safetensors, CheckpointError> =>
  Effect.gen(function* () {
    const op = `load ${path}`;
    const bytes = yield* pipe(onDisk("read", path, reading), Effect.mapError(ofDisk(op, path)));
    const file = yield* pipe(
      decode(bytes, { float64: "keep" }),
      fromEither,
      Effect.mapError(ofFormat(op, path, "corrupt")),
    );
    const hash = file.metadata[CONTENT_HASH];
    if (hash !== undefined) yield* verify(path, bytes, hash);
    return file;
  });

/**
 * Reads a safetensors file from anywhere, checking its layout, and its content hash where it has one.
 * Float64 numbers are kept as they are.
 */
export const read = (path: string): Effect.Effect<Safetensors, CheckpointError> =>
  readWith(path, () => Deno.readFile(path));

/** A loaded checkpoint. */
export interface Checkpoint {
  /** Arrays by name. */
  readonly tensors: Tensors;
  /** The metadata given to {@link save}. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The sha-256 of the content, hexadecimal. */
  readonly hash: string;
}

/**
 * Loads a checkpoint that {@link save} wrote and verifies its content hash, so that any changed bit is found.
 * Links and files without a hash are refused; {@link read} takes those.
 */
export const load = (path: string): Effect.Effect<Checkpoint, CheckpointError> =>
  Effect.gen(function* () {
    const { tensors, metadata: { [CONTENT_HASH]: hash, ...metadata } } = yield* readWith(
      path,
      () => readOwnBytes(path, Infinity),
    );
    if (hash === undefined) {
      return yield* Effect.fail(
        corrupt(path, "hash", "a file without a content hash", `a ${CONTENT_HASH} entry`),
      );
    }
    return { tensors, metadata, hash };
  });

/** Removes the temporary files that saves to `path` left behind when their process was killed. */
export const sweep = (path: string): Effect.Effect<readonly string[], CheckpointError> =>
  pipe(sweepTemps(path), Effect.mapError(ofDisk(`sweep ${path}`, path)));

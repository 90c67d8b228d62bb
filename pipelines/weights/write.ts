/** Files of tensors written as their arrays are read, so that the host never holds all of them. */
import { createHash } from "node:crypto";
import * as Effect from "effect/Effect";
import { fromEither } from "../base/bridge.ts";
import { atomicStream, type DiskError } from "../base/disk.ts";
import type { SafetensorsError } from "./fault.ts";
import { type LazyArray, type LazyError, readLazy } from "./lazy.ts";
import {
  bytesOf,
  dataOf,
  type FilePlan,
  type PlannedTensor,
  type TensorForm,
  type Tensors,
} from "./safetensors.ts";

/** Metadata entry that holds the sha-256 of the whole file, computed with 64 zeros in its own place. */
export const CONTENT_HASH = "content_sha256";

/** What is in the place of the hash while it is computed. */
export const ZEROS: string = "0".repeat(64);

/** Reads arrays by name: from memory, a device or a file. */
export type ReadTensors<E = never, R = never> = (names: readonly string[]) => Effect.Effect<Tensors, E, R>;

/** Arrays that need not be in memory: what each is, and how some of them are read. */
export interface StoredArrays<E = never, R = never> {
  /** Type and shape of each, by name. */
  readonly forms: Readonly<Record<string, TensorForm>>;
  /** Reads some of them. */
  readonly read: ReadTensors<E, R>;
}

/** Gives stored arrays to a program, a group of at most {@link GROUP_BYTES} at a time. */
export const eachGroup = <E, R, E2, R2>(
  { forms, read }: StoredArrays<E, R>,
  names: readonly string[],
  use: (arrays: Tensors) => Effect.Effect<void, E2, R2>,
): Effect.Effect<void, E | E2, R | R2> =>
  Effect.forEach(
    groupsOf(names.map((name) => ({ name, ...forms[name]! }))),
    (group) => Effect.flatMap(read(group.map(({ name }) => name)), use),
    { discard: true },
  );

/** Lazy arrays, each read whole when it is asked for. */
export const storedLazies = (arrays: Readonly<Record<string, LazyArray>>): StoredArrays<LazyError> => ({
  forms: Object.fromEntries(
    Object.entries(arrays).map(([name, { shape }]) => [name, { type: "F32", shape }]),
  ),
  read: (names) =>
    Effect.map(
      Effect.forEach(names, (name) => Effect.map(readLazy(arrays[name]!), (array) => [name, array] as const)),
      Object.fromEntries,
    ),
});

/** Arrays that are in memory. */
export const readFrom = (tensors: Tensors): ReadTensors => (names) =>
  Effect.sync(() => Object.fromEntries(names.map((name) => [name, tensors[name]!])));

/**
 * The byte of a header at which the content hash begins. It is found by its key with the quotes around it, which no other
 * place of a JSON header can contain; -1 where there is none.
 */
export const hashAt = (header: Uint8Array): number => {
  const key = `"${CONTENT_HASH}":"`;
  const at = new TextDecoder("latin1").decode(header.subarray(8)).indexOf(key);
  return at < 0 ? -1 : 8 + at + key.length;
};

/** Bytes of the arrays that are read at a time; one that is larger is read alone. */
export const GROUP_BYTES: number = 2 ** 26;

/** Tensors in consecutive groups of at most {@link GROUP_BYTES}. */
const groupsOf = (tensors: readonly PlannedTensor[]): readonly (readonly PlannedTensor[])[] => {
  const groups: PlannedTensor[][] = [];
  let left = 0;
  for (const planned of tensors) {
    const bytes = bytesOf(planned);
    if (groups.length === 0 || bytes > left) {
      groups.push([]);
      left = GROUP_BYTES;
    }
    groups.at(-1)!.push(planned);
    left -= bytes;
  }
  return groups;
};

/**
 * Writes a planned file, whole or not at all. Where its header has a place for it, at `hashed`, the sha-256 of the content is
 * put there; gives the hash in any case.
 */
export const writePlanned = <E, R>(
  path: string,
  { header, tensors }: FilePlan,
  read: ReadTensors<E, R>,
  hashed = -1,
): Effect.Effect<string, DiskError | SafetensorsError | E, R> =>
  atomicStream(path, ({ append, overwrite }) =>
    Effect.gen(function* () {
      const hash = createHash("sha256");
      const put = (bytes: Uint8Array) =>
        Effect.suspend(() => {
          hash.update(bytes);
          return append(bytes);
        });
      yield* put(header);
      for (const group of groupsOf(tensors)) {
        const arrays = yield* read(group.map(({ name }) => name));
        for (const planned of group) {
          for (const part of yield* fromEither(dataOf(planned, arrays[planned.name]!))) yield* put(part);
        }
      }
      const found = hash.digest("hex");
      if (hashed >= 0) yield* overwrite(hashed, new TextEncoder().encode(found));
      return found;
    }));

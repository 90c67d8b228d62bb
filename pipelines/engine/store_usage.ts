/** What a store of artefacts holds, which runs refer to it, and the removal of what none does. */
import * as Effect from "effect/Effect";
import * as Result from "effect/Result";
import { join } from "node:path";
import { type DiskError, ifThere, onDisk } from "../base/disk.ts";
import { readOwnText } from "../base/own_file.ts";
import { indexRuns } from "../runs/index.ts";
import { acquireLock, isHeld } from "../runs/run_lock.ts";
import { isArtefact } from "../runs/run_scores.ts";

/** An artefact of a store. */
export interface StoredArtefact {
  /** Its folder in the store: its kind and its key. */
  readonly name: string;
  /** Its kind: `scenes`, `pretrain`, `evaluate`, ... */
  readonly kind: string;
  /** Bytes of its files. */
  readonly bytes: number;
  /** Bytes that its removal frees: those of files that have no name elsewhere. */
  readonly freed: number;
  /** Runs that need it, by path. */
  readonly runs: readonly string[];
  /** Whether a process works on it. */
  readonly locked: boolean;
}

/** What decides which artefacts a run or an artefact needs. */
const FILES = ["manifest.json", "record.json", "experiment.json", "summary.json"];

const NAMES = /[a-z][a-z-]*-[0-9a-f]{16}(?![0-9a-f])/g;

const namesIn = (folder: string): Effect.Effect<readonly string[], DiskError> =>
  Effect.map(
    Effect.forEach(FILES, (file) =>
      onDisk("read", `${folder}/${file}`, () => ifThere(readOwnText(`${folder}/${file}`)))),
    (texts) => [
      ...new Set(texts.flatMap((text) =>
        text?.match(NAMES) ?? []
      )),
    ],
  );

const sizesOf = async (folder: string): Promise<{ readonly bytes: number; readonly freed: number }> => {
  let [bytes, freed] = [0, 0];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) {
      const inner = await sizesOf(path);
      bytes += inner.bytes;
      freed += inner.freed;
    } else {
      const { size, nlink } = await Deno.lstat(path);
      bytes += size;
      if ((nlink ?? 1) === 1) freed += size;
    }
  }
  return { bytes, freed };
};

/** All artefacts that some need, directly or through others. */
const closure = (
  names: readonly string[],
  needs: ReadonlyMap<string, readonly string[]>,
): ReadonlySet<string> => {
  const found = new Set<string>(), open = names.filter((name) => needs.has(name));
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (found.has(name)) continue;
    found.add(name);
    open.push(...needs.get(name)!.filter((other) => needs.has(other)));
  }
  return found;
};

/**
 * The artefacts of a store by name, with the runs below some folders that need them. A run needs what its files name and
 * what those artefacts name in turn, so that a run that is going on, was stopped or failed keeps all that it has made.
 */
export const readStore = (
  store: string,
  folders: readonly string[],
): Effect.Effect<readonly StoredArtefact[], DiskError> =>
  Effect.gen(function* () {
    const entries = yield* onDisk("list", store, () => Array.fromAsync(Deno.readDir(store)));
    const names = entries.filter(({ name, isDirectory }) => isDirectory && isArtefact(name))
      .map(({ name }) => name).toSorted();
    const needs = new Map<string, readonly string[]>();
    for (const name of names) needs.set(name, yield* namesIn(join(store, name)));
    const users = new Map(names.map((name) => [name, new Set<string>()]));
    for (const folder of new Set(folders)) {
      const { runs, unreadable } = yield* indexRuns(folder);
      for (const { path } of [...runs, ...unreadable].filter(({ path }) => !isArtefact(path))) {
        for (const name of closure(yield* namesIn(path), needs)) users.get(name)!.add(path);
      }
    }
    return yield* Effect.forEach(names, (name) =>
      Effect.gen(function* () {
        const folder = join(store, name);
        const sizes = yield* onDisk("look into", folder, () => sizesOf(folder));
        const locked = yield* Effect.promise(() => isHeld(`${folder}/lock`));
        return {
          name,
          kind: name.slice(0, name.lastIndexOf("-")),
          ...sizes,
          runs: [...users.get(name)!],
          locked,
        };
      }));
  });

/** Artefacts that no run needs and no process works on. */
export const unused = (artefacts: readonly StoredArtefact[]): readonly StoredArtefact[] =>
  artefacts.filter(({ runs, locked }) => runs.length === 0 && !locked);

/**
 * Removes artefacts of a store, each under its lock; one that a process has taken since is left, and gives `false`. The
 * folder gets another name first, so that none is ever seen in part.
 */
export const removeArtefact = (store: string, name: string): Effect.Effect<boolean, DiskError> =>
  Effect.scoped(Effect.gen(function* () {
    const folder = join(store, name), away = join(store, `.removed-${name}`);
    const lock = yield* Effect.result(acquireLock(`${folder}/lock`));
    if (Result.isFailure(lock)) {
      return lock.failure._tag === "LockError" ? false : yield* Effect.fail(lock.failure);
    }
    yield* onDisk("rename", folder, () => Deno.rename(folder, away));
    yield* onDisk("remove", away, () => Deno.remove(away, { recursive: true }));
    return true;
  }));

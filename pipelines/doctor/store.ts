/**
 * Whether locks of a store keep processes out of each other's runs: proved by two of them, on one machine or, as tasks of
 * Slurm, on two. Where a mount keeps locks to itself both get the same one, silently.
 */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { atomicWrite, type DiskError, namesIn, onDisk } from "../base/disk.ts";
import { acquireLock, type LockError } from "../runs/run_lock.ts";

/** What was looked at in a store. */
export interface StoreCheck {
  /** What must hold. */
  readonly name: string;
  /** Whether it does. */
  readonly holds: boolean;
}

/** Seconds that one process waits for a sign of the other; file systems of networks are late by up to a minute. */
const TIMEOUT = 90;

/** Waits for a file of the other process; its folder is listed, as a look-up that failed may be remembered. */
const seen = (folder: string, name: string): Effect.Effect<boolean, DiskError> =>
  Effect.gen(function* () {
    for (const began = performance.now(); performance.now() - began < TIMEOUT * 1000;) {
      if ((yield* namesIn(folder, ".sign")).includes(name)) return true;
      yield* Effect.sleep("50 millis");
    }
    return false;
  });

const sign = (folder: string, name: string): Effect.Effect<void, DiskError> =>
  atomicWrite(`${folder}/${name}.sign`, [new TextEncoder().encode("1")]);

/** The first process: holds the lock until the second has tried it. */
export const holdLock = (folder: string): Effect.Effect<void, DiskError | LockError> =>
  Effect.gen(function* () {
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    yield* Effect.scoped(Effect.gen(function* () {
      yield* acquireLock(`${folder}/lock`);
      yield* sign(folder, "held");
      yield* seen(folder, "tried");
    }));
    yield* sign(folder, "released");
    yield* seen(folder, "done");
  });

const isFree = (folder: string): Effect.Effect<boolean, DiskError, Scope.Scope> =>
  acquireLock(`${folder}/lock`).pipe(
    Effect.as(true),
    Effect.catchTag("LockError", () => Effect.succeed(false)),
  );

/** The second process: tries the lock while the first holds it, and after. */
export const tryLock = (folder: string): Effect.Effect<readonly StoreCheck[], DiskError> =>
  Effect.gen(function* () {
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    const announced = yield* seen(folder, "held");
    const taken = yield* Effect.scoped(isFree(folder));
    yield* sign(folder, "tried");
    const released = yield* seen(folder, "released");
    const free = yield* Effect.scoped(isFree(folder));
    yield* sign(folder, "done");
    return [
      { name: "a file of one process is seen by the other", holds: announced && released },
      { name: "a lock that one process holds is refused to the other", holds: !taken },
      { name: "a lock that was released is free", holds: free },
    ];
  });

/** What checks of a store say to people. */
export const storeText = (store: string, checks: readonly StoreCheck[]): string =>
  [
    ...checks.map(({ name, holds }) => `${holds ? "yes" : "NO "}  ${name}`),
    ...(checks.every(({ holds }) => holds) ? [] : [
      `${store} cannot be shared: processes would write into each other's runs. Mount it with locks that the server ` +
      "keeps (NFS without nolock and local_lock), or choose another folder",
    ]),
  ].join("\n");

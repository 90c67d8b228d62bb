/** The lock that keeps two processes out of one run directory. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import process from "node:process";
import { decodeEither } from "../base/bridge.ts";
import { type DiskError, ifThere, onDisk, writeAll } from "../base/disk.ts";
import { TaggedFault } from "../base/fault.ts";
import { createLease, dropLease, jobLives, leasePath, readLease, slurmJob } from "./lease.ts";
import { openOwn, readOwnText, WrongFile } from "../base/own_file.ts";

/** Who holds a lock. */
export interface LockHolder {
  /** Process id. */
  readonly pid: number;
  /** Name of the machine. */
  readonly host: string;
  /** When the lock was taken, ISO 8601. */
  readonly since: string;
  /** Slurm's number of its job, where it is one. */
  readonly job?: string;
}

/** A run directory that another process is using. */
export class LockError extends TaggedFault("LockError")<{
  /** The lock file. */
  readonly path: string;
  /** Who holds it, as far as the file says. */
  readonly holder: LockHolder | undefined;
}> {}

/** A lock that is held until its scope ends. */
export interface RunLock {
  /** The lock file. */
  readonly path: string;
  /** The dead process from which the lock was taken over, if its file still named one. */
  readonly takenFrom: LockHolder | undefined;
}

const holderCodec = t.intersection([
  t.type({ pid: t.Int, host: t.string, since: t.string }),
  t.partial({ job: t.string }),
]);

const holderIn = (text: string): LockHolder | undefined => {
  try {
    const decoded = decodeEither(holderCodec, "lock")(JSON.parse(text));
    return E.isRight(decoded) ? decoded.right : undefined;
  } catch {
    return undefined; // empty after a release, or cut short by a crash: it names nobody
  }
};

/** Bytes of the longest text that names a holder. */
const LOCK_BYTES = 4096;

/** The text of a lock. What holds anything else is no lock, and is not written over. */
const lockText = async (path: string): Promise<string> => {
  const text = await readOwnText(path, LOCK_BYTES);
  if (text === "" || text.startsWith("{")) return text; // a crash may have cut it short
  throw new WrongFile("ENOTREG", "a file that is no lock");
};

const rewrite = async (file: Deno.FsFile, text: string): Promise<void> => {
  await file.truncate(0);
  await file.seek(0, Deno.SeekMode.Start);
  await writeAll(file, new TextEncoder().encode(text));
};

const hostName = (): string => {
  try {
    return Deno.hostname();
  } catch {
    return "this machine"; // not allowed to ask
  }
};

const busy = (path: string, holder: LockHolder | undefined): LockError =>
  new LockError({
    op: `lock ${path}`,
    got: holder === undefined
      ? "a lock held by another process"
      : `a lock held by process ${holder.pid} on ${holder.host}${
        holder.job === undefined ? "" : `, Slurm's job ${holder.job},`
      } since ${holder.since}`,
    expected: "a run directory that no other process uses",
    hint: "wait for that process or end it, or give this run another directory",
    path,
    holder,
  });

/** Takes the lease alongside a lock whose file is locked; gives who holds it where that is another job. */
const takeLease = async (path: string, holder: LockHolder): Promise<LockHolder | undefined> => {
  const lease = leasePath(path), text = `${JSON.stringify(holder)}\n`;
  for (;;) {
    if (holder.job !== undefined && await createLease(lease, text)) return undefined;
    const found = await readLease(lease, LOCK_BYTES);
    if (found === undefined) {
      if (holder.job === undefined) return undefined;
      continue; // released meanwhile
    }
    const other = holderIn(found.text);
    // on one machine the system's lock excludes, and it was free
    const lives = other === undefined
      ? found.isFresh
      : other.host !== holder.host && other.job !== undefined &&
        other.job !== holder.job &&
        await jobLives(other.job);
    if (lives) return other ?? { ...holder, pid: 0, host: "another machine" };
    await dropLease(lease);
  }
};

interface Taken {
  readonly file: Deno.FsFile;
  readonly lock: RunLock;
}

const take = async (path: string): Promise<Taken | LockError> => {
  const file = openOwn(path, { write: true });
  try {
    const before = holderIn(await lockText(path));
    if (!await file.tryLock(true)) {
      file.close();
      return busy(path, before);
    }
    const job = slurmJob(), own = job === undefined ? {} : { job };
    const holder: LockHolder = { pid: Deno.pid, host: hostName(), since: new Date().toISOString(), ...own };
    const other = await takeLease(path, holder);
    if (other !== undefined) {
      file.close();
      return busy(path, other);
    }
    await rewrite(file, `${JSON.stringify(holder)}\n`);
    return { file, lock: { path, takenFrom: before } };
  } catch (cause) {
    file.close();
    throw cause;
  }
};

/**
 * Takes a lock for as long as the scope lives.
 *
 * The lock is the operating system's, held on the open file: it goes when its process ends, however that happens, so
 * that the lock of a dead process is free to take and a process id used again cannot keep it. The file's text only
 * says who holds it. The file stays when the lock is released, emptied: removing it would let two processes lock two
 * files of one name.
 *
 * Jobs of Slurm hold a lease too (`lease.ts`), for mounts that keep locks of different machines apart.
 */
export const acquireLock = (path: string): Effect.Effect<RunLock, DiskError | LockError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(
      onDisk("lock", path, () => take(path)),
      (taken): Effect.Effect<Taken, LockError> =>
        taken instanceof LockError ? Effect.fail(taken) : Effect.succeed(taken),
    ),
    ({ file, lock }) =>
      Effect.promise(async () => {
        await file.truncate(0).catch(() => undefined); // a full disk must not keep the lock
        if (slurmJob() !== undefined) await ifThere(Deno.remove(leasePath(lock.path))).catch(() => undefined);
        file.close();
      }),
  ).pipe(Effect.map(({ lock }) => lock));

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // one that may not be asked about is not known to be gone
    return cause instanceof Deno.errors.NotCapable || (cause as { readonly code?: string }).code === "EPERM";
  }
};

/**
 * Whether a lock seems to be held, for those who only look: taking it to find out would keep others from it. One that
 * names a process of this machine is held while that process lives; of another machine's, nothing is known but that it
 * was not released.
 */
export const isHeld = async (path: string): Promise<boolean> => {
  const holder = holderIn(await lockText(path).catch(() => ""));
  return holder !== undefined && (holder.host !== hostName() || alive(holder.pid));
};

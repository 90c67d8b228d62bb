/**
 * Leases of jobs of Slurm: files alongside locks that are made by one process alone. Mounts that keep locks of different
 * machines apart (NFS with `nolock`) still make a file once; a lease is over when Slurm says that its job is.
 */
import * as Effect from "effect/Effect";
import { ifThere } from "../base/disk.ts";
import { readOwnText } from "../base/own_file.ts";
import { isOpen, queue } from "../slurm/client.ts";

/** The number of the job that this process is of; undefined outside of Slurm. */
export const slurmJob = (): string | undefined => {
  try {
    return Deno.env.get("SLURM_JOB_ID");
  } catch {
    return undefined; // not allowed to ask
  }
};

/** The lease alongside a lock. */
export const leasePath = (lock: string): string => `${lock}.lease`;

/** Makes a lease that is not there; gives whether it did. */
export const createLease = async (path: string, text: string): Promise<boolean> => {
  try {
    await Deno.writeTextFile(path, text, { createNew: true });
    return true;
  } catch (cause) {
    if (cause instanceof Deno.errors.AlreadyExists) return false;
    throw cause;
  }
};

/** Milliseconds in which a lease that was made is written. */
const WRITTEN = 60_000;

/** A lease that is there. */
export interface FoundLease {
  /** Its text. */
  readonly text: string;
  /** Whether it was made a moment ago. */
  readonly isFresh: boolean;
}

/** Reads a lease; nothing where there is none. */
export const readLease = async (path: string, most: number): Promise<FoundLease | undefined> => {
  const about = await ifThere(Deno.lstat(path)), text = about && await ifThere(readOwnText(path, most));
  return text === undefined
    ? undefined
    : { text, isFresh: Date.now() - (about?.mtime?.getTime() ?? 0) < WRITTEN };
};

/** Removes a lease that is over: of several that find it, one alone, so that none removes the next. */
export const dropLease = async (path: string): Promise<void> => {
  const aside = `${path}.${crypto.randomUUID()}`;
  await ifThere(Deno.rename(path, aside));
  await ifThere(Deno.remove(aside));
};

/** Milliseconds for which an answer of Slurm holds: who waits for a lock tries it several times a second. */
const KNOWN = 10_000;

let known: { readonly at: number; readonly open: Promise<ReadonlySet<string>> } | undefined;

/** Whether Slurm still knows a job that waits or runs. Where it cannot be asked, the job is taken for alive. */
export const jobLives = async (job: string): Promise<boolean> => {
  if (known === undefined || performance.now() - known.at > KNOWN) {
    const open = Effect.map(queue, (jobs) => new Set(jobs.filter(isOpen).map(({ id }) => id)));
    known = { at: performance.now(), open: Effect.runPromise(open) };
  }
  return await known.open.then((open) => open.has(job), () => true);
};

/** What can go wrong with a job. */
import { TaggedFault } from "../base/fault.ts";

/** A job that failed, as its worker reported it, or a worker that ended. */
export class JobError extends TaggedFault("JobError")<{
  /** Directory of the artefact in the store. */
  readonly artefact: string;
  /** The error's tag, `crash` where a worker ended without one. */
  readonly cause: string;
  /** Whether trying again on a fresh worker may help. */
  readonly again: boolean;
  /** Whether every other job would fail for the same reason, as on a full disk. */
  readonly everywhere: boolean;
}> {}

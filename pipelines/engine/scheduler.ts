/**
 * Runs jobs that need each other, several at a time: the first of the list that is ready comes next. What fails keeps
 * only those from running that need it, unless it would fail all of them.
 */
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Cause from "effect/Cause";
import * as Queue from "effect/Queue";
import type * as Scope from "effect/Scope";
import { JobError } from "./fault.ts";
import { artefactName, type Job } from "./jobs.ts";

/** What happens to a job. */
export type JobEvent =
  // it is finished in the store
  | { readonly kind: "found"; readonly job: Job }
  | { readonly kind: "started"; readonly job: Job; readonly slot: number; readonly attempt: number }
  | { readonly kind: "waiting"; readonly job: Job; readonly holder: string }
  // it failed, and is tried again after some seconds
  | { readonly kind: "again"; readonly job: Job; readonly error: JobError; readonly seconds: number }
  | { readonly kind: "done"; readonly job: Job }
  | { readonly kind: "failed"; readonly job: Job; readonly error: JobError }
  // it needs what failed
  | { readonly kind: "skipped"; readonly job: Job; readonly because: Job };

/** Receives events, in order. */
export type OnEvent<E> = (event: JobEvent) => Effect.Effect<void, E>;

/** Makes one job in a lane. */
export type MakeJob<R> = (
  slot: number,
  job: Job,
  onWait: (holder: string) => void,
) => Effect.Effect<void, JobError, R>;

/** How jobs are run. */
export interface ScheduleOptions<E, R> {
  /** Jobs at a time. */
  readonly slots: number;
  /** How often a job is tried again where that may help. */
  readonly retries: number;
  /** Seconds before the first new try; they double with every further one. */
  readonly backoffSeconds: number;
  /** Whether a job is finished already. */
  readonly isDone: (job: Job) => boolean;
  /** Makes a job. */
  readonly make: MakeJob<R>;
  /** Receives events, in order. */
  readonly onEvent: OnEvent<E>;
}

type State = "open" | "running" | "done" | "failed";

interface Ended {
  readonly slot: number;
  readonly job: Job;
  readonly exit: Exit.Exit<void, JobError>;
}

type Message = Ended | JobEvent;

const crashed = (job: Job, cause: Cause.Cause<JobError>): JobError => {
  const error = Cause.squash(cause);
  return error instanceof JobError ? error : new JobError({
    op: `make ${artefactName(job)}`,
    got: error instanceof Error ? error.message : String(error),
    expected: "it to go through",
    hint: "report it with the log of its worker",
    artefact: artefactName(job),
    cause: "crash",
    again: false,
    everywhere: false,
  });
};

/** Tries a job as often as it may help. */
const withRetries = <E, R>(
  { retries, backoffSeconds, make }: ScheduleOptions<E, R>,
  slot: number,
  job: Job,
  tell: (event: JobEvent) => void,
  attempt = 1,
): Effect.Effect<void, JobError, R> =>
  Effect.suspend(() => {
    tell({ kind: "started", job, slot, attempt });
    return make(slot, job, (holder) => tell({ kind: "waiting", job, holder }));
  }).pipe(
    Effect.catch((error): Effect.Effect<void, JobError, R> => {
      if (!error.again || attempt > retries) return Effect.fail(error);
      const seconds = backoffSeconds * 2 ** (attempt - 1);
      tell({ kind: "again", job, error, seconds });
      return Effect.andThen(
        Effect.sleep(`${seconds} seconds`),
        withRetries({ retries, backoffSeconds, make } as ScheduleOptions<E, R>, slot, job, tell, attempt + 1),
      );
    }),
  );

/**
 * Runs all jobs, each after those that it needs. It ends when nothing can be run any more, and gives the first error that
 * concerned every job, if there was one; other failures are reported as events. Interrupting it interrupts what runs.
 */
export const runJobs = <E, R>(
  jobs: readonly Job[],
  options: ScheduleOptions<E, R>,
): Effect.Effect<JobError | undefined, E, R | Scope.Scope> =>
  Effect.gen(function* () {
    const states = new Map<string, State>(jobs.map(({ key }) => [key, "open"]));
    const byKey = new Map(jobs.map((job) => [job.key, job]));
    const free = Array.from({ length: options.slots }, (_, i) => i);
    const queue = yield* Queue.unbounded<Message>();
    const tell = (event: JobEvent): void => void Queue.offerUnsafe(queue, event);
    let running = 0, stopped: JobError | undefined;
    for (const job of jobs) {
      if (!options.isDone(job)) continue;
      states.set(job.key, "done");
      yield* options.onEvent({ kind: "found", job });
    }
    const broken = ({ needs }: Job) => needs.find(({ key }) => states.get(key) === "failed");
    for (;;) {
      for (const job of jobs) {
        const because = states.get(job.key) === "open" ? broken(job) : undefined;
        if (because === undefined) continue;
        states.set(job.key, "failed");
        yield* options.onEvent({ kind: "skipped", job, because: byKey.get(because.key)! });
      }
      while (free.length > 0 && stopped === undefined) {
        const job = jobs.find(({ key, needs }) =>
          states.get(key) === "open" && needs.every((need) => states.get(need.key) === "done")
        );
        if (job === undefined) break;
        const slot = free.shift()!;
        states.set(job.key, "running");
        running++;
        yield* withRetries(options, slot, job, tell).pipe(
          Effect.exit,
          Effect.flatMap((exit) => Queue.offer(queue, { slot, job, exit })),
          Effect.forkScoped,
        );
      }
      if (running === 0) return stopped;
      const message = yield* Queue.take(queue);
      if (!("exit" in message)) {
        yield* options.onEvent(message);
        continue;
      }
      const { slot, job, exit } = message;
      running--;
      free.push(slot);
      free.sort((a, b) => a - b);
      states.set(job.key, Exit.isSuccess(exit) ? "done" : "failed");
      if (Exit.isSuccess(exit)) {
        yield* options.onEvent({ kind: "done", job });
        continue;
      }
      const error = crashed(job, exit.cause);
      if (error.everywhere) stopped ??= error;
      yield* options.onEvent({ kind: "failed", job, error });
    }
  });

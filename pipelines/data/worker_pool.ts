/** Worker threads that draw scenes, as Effects: they end with the scope that they were opened in. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DataConfig } from "./config.ts";
import { DataError } from "./error.ts";
import type { Materials } from "./materials.ts";
import type { Begin, Draw, Reply } from "./worker.ts";

/** What a worker answers when it does not fail. */
export type Answer = Exclude<Reply, { kind: "failed" }>;

/** The error of a worker that does something else than drawing. */
const workerError = (got: string): DataError =>
  new DataError({
    op: "renderDataset",
    got,
    expected: "a worker that draws its scenes",
    mend: "check that the npm packages of the art and of the canvas load on this machine",
  });

/** Sends one message and waits for its reply. */
const ask = (
  worker: Worker,
  message: Begin | Draw,
): Effect.Effect<Answer, DataError> =>
  Effect.callback((resume) => {
    worker.onmessage = (event: MessageEvent<Reply>) =>
      resume(
        event.data.kind === "failed"
          ? Effect.fail(workerError(event.data.message))
          : Effect.succeed(event.data),
      );
    worker.onerror = (event) => {
      event.preventDefault();
      resume(Effect.fail(workerError(event.message)));
    };
    worker.onmessageerror = () => resume(Effect.fail(workerError("a reply that cannot be read")));
    worker.postMessage(message);
  });

const openWorker: Effect.Effect<Worker, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => new Worker(new URL("./worker.ts", import.meta.url), { type: "module" })),
  (worker) => Effect.sync(() => worker.terminate()),
);

/** The error of an answer of the wrong kind. */
export const badReply = (kind: string): DataError => workerError(`the reply ${kind}`);

/** What draws in a worker, one request at a time. */
export type Drawer = (request: Draw) => Effect.Effect<Answer, DataError>;

const openDrawer = (
  materials: Materials,
  config: DataConfig,
): Effect.Effect<Drawer, DataError, Scope.Scope> =>
  Effect.gen(function* () {
    const worker = yield* openWorker;
    yield* ask(worker, { kind: "begin", materials, config });
    return (request) => ask(worker, request);
  });

/**
 * Deals jobs to workers that have their materials, in order, as each gets free; there are never more workers than jobs.
 * Fails with a {@link DataError} if a worker or a job fails.
 */
export const drawAll = <J>(
  materials: Materials,
  config: DataConfig,
  jobs: readonly J[],
  threads: number,
  work: (job: J, draw: Drawer) => Effect.Effect<void, DataError>,
): Effect.Effect<void, DataError> =>
  Effect.scoped(Effect.gen(function* () {
    const left = [...jobs];
    const run = Effect.gen(function* () {
      const draw = yield* openDrawer(materials, config);
      for (let job = left.shift(); job !== undefined; job = left.shift()) yield* work(job, draw);
    });
    const useful = Math.max(1, Math.min(threads, jobs.length));
    yield* Effect.all(Array.from({ length: useful }, () => run), { concurrency: "unbounded", discard: true });
  }));

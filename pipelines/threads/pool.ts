/**
 * A pool of worker threads, one request at a time in each. Every request has an id, and a reply answers only the request
 * of its id. A request that is interrupted ends the thread that works on it, so that it can answer nothing any more and
 * takes no more time; a thread that ends by itself fails its own request. In both cases another thread takes its place
 * when it is needed. Idle threads do not keep the process alive.
 */
import * as Effect from "effect/Effect";
import * as Queue from "effect/Queue";
import type * as Scope from "effect/Scope";
import { Worker } from "node:worker_threads";
import type { Numbered, Reply } from "./protocol.ts";

/** How a pool is opened. */
export interface PoolOptions<Q, E> {
  /** The module that serves: it calls `serve`. */
  readonly script: URL;
  /** Most threads. They start when they are needed. */
  readonly size: number;
  /** The first request to every thread, whose value is dropped; none if absent. */
  readonly setup?: Q;
  /** The error of a thread that fails or ends, from what happened. */
  readonly fault: (got: string) => E;
}

/** Asks a pool: the value of the reply, or its fault. */
export type Requesting<Q, A, E> = (body: Q) => Effect.Effect<A, E>;

/** A place in a pool, and the thread that fills it. */
interface Slot {
  worker: Worker | undefined;
}

let requests = 0;

const ended = (slot: Slot, worker: Worker): Effect.Effect<void> =>
  Effect.promise(async () => {
    if (slot.worker === worker) slot.worker = undefined;
    await worker.terminate();
  });

const ask = <Q, A, E>(slot: Slot, worker: Worker, body: Q, fault: (got: string) => E): Effect.Effect<A, E> =>
  Effect.callback<A, E>((resume) => {
    const id = requests++;
    const settle = (result: Effect.Effect<A, E>): void => {
      worker.off("message", onMessage).off("messageerror", onUnreadable).off("error", onError).off(
        "exit",
        onExit,
      );
      worker.unref();
      resume(result);
    };
    const died = (got: string): void => {
      if (slot.worker === worker) slot.worker = undefined;
      settle(Effect.fail(fault(got)));
    };
    const onMessage = (reply: Reply<A>): void => {
      if (reply.id !== id) return;
      settle("fault" in reply ? Effect.fail(fault(reply.fault)) : Effect.succeed(reply.value));
    };
    const onUnreadable = (): void => died("a reply that cannot be read");
    const onError = (cause: unknown): void =>
      died(`a thread that ended: ${cause instanceof Error ? cause.message : String(cause)}`);
    const onExit = (code: number): void => died(`a thread that ended with code ${code}`);
    worker.on("message", onMessage).on("messageerror", onUnreadable).on("error", onError).on("exit", onExit);
    worker.ref();
    try {
      worker.postMessage({ id, body } satisfies Numbered<Q>);
    } catch (cause) {
      settle(Effect.fail(fault(`a request that cannot be sent: ${cause}`)));
    }
    return ended(slot, worker);
  });

/** A thread for a slot that has none, and its setup. */
const filled = <Q, E>(slot: Slot, { script, setup, fault }: PoolOptions<Q, E>): Effect.Effect<Worker, E> =>
  Effect.suspend(() => {
    if (slot.worker !== undefined) return Effect.succeed(slot.worker);
    const worker = new Worker(script);
    // a thread that ends while it is idle is replaced at the next request
    worker.on("exit", () => {
      if (slot.worker === worker) slot.worker = undefined;
    }).on("error", () => undefined);
    worker.unref();
    slot.worker = worker;
    return setup === undefined ? Effect.succeed(worker) : ask<Q, unknown, E>(slot, worker, setup, fault).pipe(
      Effect.tapError(() => ended(slot, worker)),
      Effect.as(worker),
    );
  });

/** Opens a pool for as long as the scope lives; all its threads end with it. */
export const openPool = <Q, A, E>(
  options: PoolOptions<Q, E>,
): Effect.Effect<Requesting<Q, A, E>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const slots = Array.from({ length: Math.max(1, options.size) }, (): Slot => ({ worker: undefined }));
    const idle = yield* Queue.unbounded<Slot>();
    yield* Queue.offerAll(idle, slots);
    yield* Effect.addFinalizer(() =>
      Effect.forEach(
        slots,
        (slot) => slot.worker === undefined ? Effect.void : ended(slot, slot.worker),
        { discard: true },
      )
    );
    return (body) =>
      Effect.acquireUseRelease(
        Queue.take(idle),
        (slot) =>
          Effect.flatMap(filled(slot, options), (worker) => ask<Q, A, E>(slot, worker, body, options.fault)),
        (slot) => Queue.offer(idle, slot),
      );
  });

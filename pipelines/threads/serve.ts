/** The worker's side of a pool. */
import { isMainThread, parentPort } from "node:worker_threads";
import type { Numbered, Reply } from "./protocol.ts";

/** A value, and the memory that moves to the other thread with it. */
export interface Moved<A> {
  /** The value. */
  readonly value: A;
  /** Buffers that are moved instead of copied. */
  readonly transfer?: readonly ArrayBuffer[];
}

/** Answers one request. What it throws becomes the fault of that request. */
export type Answering<Q, A> = (request: Q) => Moved<A> | Promise<Moved<A>>;

/** Answers the requests of a pool, if this thread is a worker; a module that serves may be imported elsewhere. */
export const serve = <Q, A>(answer: Answering<Q, A>): void => {
  if (isMainThread || parentPort === null) return;
  const port = parentPort;
  port.on("message", ({ id, body }: Numbered<Q>) => {
    const send = (reply: Reply<A>, transfer: readonly ArrayBuffer[] = []): void =>
      port.postMessage(reply, [...transfer]);
    Promise.resolve().then(() => answer(body)).then(
      ({ value, transfer }) => send({ id, value }, transfer),
      (cause) => send({ id, fault: cause instanceof Error ? cause.message : String(cause) }),
    );
  });
};

/** Requirements of the pool of the CPU device on a thread, whichever runtime starts it. */
import type { Reply, Request, WorkerInit } from "./cpu_messages.ts";

/** A thread that runs programs. */
export interface Thread {
  /** Sends a request. */
  readonly post: (request: Request) => void;
  /** Keeps the process alive while a request is under way, where the runtime lets idle threads end with it. */
  readonly keepAlive: (busy: boolean) => void;
  /** Ends the thread. */
  readonly end: () => Promise<void>;
}

/** Callbacks of a thread. */
export interface ThreadEvents {
  /** A reply to a request. */
  readonly onReply: (reply: Reply) => void;
  /** The thread ended, or could not be started, and why. */
  readonly onEnd: (why: string) => void;
}

/** Starts a thread over the device's memory. */
export type SpawnThread = (birth: WorkerInit, events: ThreadEvents) => Thread;

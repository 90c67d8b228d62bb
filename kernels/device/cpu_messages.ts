/** Messages between the main thread and the workers of a CPU device. */

/** A phase of a loaded program. */
export interface Job {
  /** Its computation, for people. */
  readonly label: string;
  /** The exported function. */
  readonly name: string;
  /** Address of its arguments. */
  readonly args: number;
  /** Number of units. */
  readonly units: number;
  /** Units of one claim. */
  readonly chunk: number;
  /** Address of the words that count claimed and finished units. */
  readonly counter: number;
  /** Whether what came before must have been finished. */
  readonly barrier: boolean;
}

/** A program as the workers know it. */
export interface Load {
  /** Discriminates requests. */
  readonly kind: "load";
  /** The program's number. */
  readonly id: number;
  /** Its code. */
  readonly module: WebAssembly.Module;
  /** Its phases in order. */
  readonly jobs: readonly Job[];
  /** Address of the first thread's own memory. */
  readonly scratch: number;
  /** Bytes of one thread's own memory. */
  readonly scratchBytes: number;
}

/** Request of the main thread. */
export type Request = Load | {
  /** Discriminates requests. */
  readonly kind: "run" | "drop" | "profile";
  /** The program's number. */
  readonly id: number;
};

/** What a worker is born with. */
export interface WorkerInit {
  /** The device's memory. */
  readonly memory: WebAssembly.Memory;
  /** The worker's number. */
  readonly thread: number;
}

/** Replies of a worker. */
export type Reply = {
  /** Discriminates replies. */
  readonly kind: "done";
  /** The program's number. */
  readonly id: number;
  /** Milliseconds of each phase, where they were asked for. */
  readonly times?: readonly number[];
} | {
  /** Discriminates replies. */
  readonly kind: "failed";
  /** The program's number. */
  readonly id: number;
  /** Text of the machine. */
  readonly message: string;
  /** Position of the phase at fault; -1 where it was none of them. */
  readonly job: number;
};

/** Words of the memory's first page, in bytes from its start: whether a thread has failed. */
export const WORDS = { failed: 64 } as const;

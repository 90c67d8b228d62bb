/** The worker threads of a CPU device. One request at a time; the process may end while none is under way. */
import { Worker } from "node:worker_threads";
import type { Birth, Load, Reply, Request } from "./cpu_messages.ts";
import { DeviceError } from "./errors.ts";

/** Someone who waits for replies. */
interface Waiting {
  left: number;
  /** Milliseconds of each phase, as the thread saw it that was there longest. */
  times: readonly number[];
  readonly resolve: (times: readonly number[]) => void;
  readonly reject: (e: DeviceError) => void;
}

/** Threads that run programs. */
export class Pool {
  /** Number of threads. */
  readonly threads: number;
  readonly #workers: readonly Worker[];
  #waiting: Waiting | undefined;
  #failure: DeviceError | undefined;

  /** Starts the threads. */
  constructor(memory: WebAssembly.Memory, threads: number) {
    this.threads = threads;
    this.#workers = Array.from({ length: threads }, (_, thread) => {
      const workerData: Birth = { memory, thread };
      const worker = new Worker(new URL("./cpu_worker.ts", import.meta.url), { workerData });
      worker.on("message", (reply: Reply) => this.#hear(reply));
      worker.on("error", (e: Error) => this.#fail(e.message, undefined));
      worker.unref();
      return worker;
    });
  }

  #hear(reply: Reply): void {
    if (reply.kind === "failed") return this.#fail(reply.message, reply.label);
    const waiting = this.#waiting, times = reply.times ?? [];
    if (waiting === undefined) return;
    // a thread that came late saw less of a phase than it took
    waiting.times = times.map((t, i) => Math.max(t, waiting.times[i] ?? 0));
    if (--waiting.left === 0) this.#settle((w) => w.resolve(w.times));
  }

  #fail(got: string, kernel: string | undefined): void {
    const failure = new DeviceError({
      fault: "lost",
      got,
      mend: "report it with the program's kernels, and open the device again",
      ...(kernel ? { kernel } : {}),
    });
    this.#failure ??= failure;
    this.#settle((w) => w.reject(failure));
  }

  #settle(tell: (w: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const w of this.#workers) w.unref();
    if (waiting !== undefined) tell(waiting);
  }

  #ask(request: Request, replies: number): Promise<readonly number[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { left: replies, times: [], resolve, reject };
      for (const w of this.#workers) {
        w.ref();
        w.postMessage(request);
      }
    });
  }

  /** Throws what a thread failed with, if one has. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Hands a program to every thread. */
  async load(program: Load): Promise<void> {
    await this.#ask(program, this.threads);
  }

  /** Runs a loaded program once. */
  async run(id: number): Promise<void> {
    await this.#ask({ kind: "run", id }, this.threads);
  }

  /** Runs a loaded program once, each phase by itself, and gives the milliseconds of each. */
  profile(id: number): Promise<readonly number[]> {
    return this.#ask({ kind: "profile", id }, this.threads);
  }

  /** Forgets a program. */
  drop(id: number): void {
    for (const w of this.#workers) w.postMessage({ kind: "drop", id } satisfies Request);
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    this.#failure ??= new DeviceError({ fault: "lost", got: "the device was closed", mend: "open it again" });
    await Promise.all(this.#workers.map((w) => w.terminate()));
  }
}

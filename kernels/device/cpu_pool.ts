/** The worker threads of a CPU device. One request at a time; the process may end while none is under way. */
import type { Load, Reply, Request } from "./cpu_messages.ts";
import { DeviceError, type DeviceFailure } from "./errors.ts";
import type { SpawnThread, Thread } from "./threads.ts";

/** Someone who waits for replies. */
interface Waiting {
  left: number;
  /** Milliseconds of each phase, as the thread saw it that was there longest. */
  times: readonly number[];
  readonly resolve: (times: readonly number[]) => void;
  readonly reject: (e: DeviceError) => void;
}

/** What an error says of a program: of one of its phases, or of all of it. */
export type About = (job: number | undefined) => Partial<Pick<DeviceFailure, "kernel" | "made">>;

/** Threads that run programs. */
export class Pool {
  /** Number of threads. */
  readonly threads: number;
  readonly #workers: readonly Thread[];
  readonly #programs = new Map<number, About>();
  #waiting: Waiting | undefined;
  #asked: number | undefined;
  #failure: DeviceError | undefined;

  /** Starts the threads. */
  constructor(memory: WebAssembly.Memory, threads: number, spawn: SpawnThread) {
    this.threads = threads;
    this.#workers = Array.from({ length: threads }, (_, thread) =>
      spawn({ memory, thread }, {
        onReply: (reply) => this.#receive(reply),
        onEnd: (why) => this.#fail(`thread ${thread} ended: ${why}`),
      }));
  }

  #receive(reply: Reply): void {
    if (reply.kind === "failed") return this.#fail(reply.message, reply.job < 0 ? undefined : reply.job);
    const waiting = this.#waiting, times = reply.times ?? [];
    if (waiting === undefined) return;
    // a thread that came late saw less of a phase than it took
    waiting.times = times.map((t, i) => Math.max(t, waiting.times[i] ?? 0));
    if (--waiting.left === 0) this.#settle((w) => w.resolve(w.times));
  }

  #fail(got: string, job?: number): void {
    const about = this.#asked === undefined ? undefined : this.#programs.get(this.#asked);
    const failure = this.#failure ??= new DeviceError({
      fault: "lost",
      got,
      hint: "report it with the program's kernels, and open the device again",
      ...about?.(job),
    });
    this.#settle((w) => w.reject(failure));
  }

  #settle(tell: (w: Waiting) => void): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    for (const w of this.#workers) w.keepAlive(false);
    if (waiting !== undefined) tell(waiting);
  }

  #ask(request: Request, replies: number): Promise<readonly number[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#waiting = { left: replies, times: [], resolve, reject };
      this.#asked = request.id;
      for (const w of this.#workers) {
        w.keepAlive(true);
        w.post(request);
      }
    });
  }

  /** Throws what a thread failed with, if one has. */
  check(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Hands a program to every thread; `about` is asked if something of it fails. */
  async load(
    program: Load,
    about: About = (job) => job === undefined ? {} : { kernel: program.jobs[job]!.label },
  ): Promise<void> {
    this.#programs.set(program.id, about);
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
    this.#programs.delete(id);
    for (const w of this.#workers) w.post({ kind: "drop", id });
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    this.#failure ??= new DeviceError({ fault: "lost", got: "the device was closed", hint: "open it again" });
    await Promise.all(this.#workers.map((w) => w.end()));
  }
}

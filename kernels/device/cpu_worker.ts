/** A worker thread of the CPU device: claims units of each phase until none are left, then waits for the others. */
import { type Job, type Load, type Reply, type Request, WORDS, type WorkerInit } from "./cpu_messages.ts";

const FAILED = WORDS.failed / 4;
/** Looks at a word before sleeping: about ten microseconds. */
const SPINS = 4000;

type Kernel = (begin: number, end: number, args: number, scratch: number) => void;

interface Loaded extends Load {
  readonly kernels: readonly Kernel[];
}

/** Waits until a word of the memory has reached a number, or a thread has failed. */
const reached = (words: Int32Array, at: number, goal: number): void => {
  for (let i = 0; i < SPINS; i++) if (Atomics.load(words, at) >= goal) return;
  for (;;) {
    const now = Atomics.load(words, at);
    if (now >= goal || Atomics.load(words, FAILED) !== 0) return;
    Atomics.wait(words, at, now, 100);
  }
};

/** Runs a phase: claims units until none are left. */
const work = (words: Int32Array, job: Job, kernel: Kernel, own: number): void => {
  const claimed = job.counter / 4, finished = claimed + 1, { chunk, units, args } = job;
  try {
    for (;;) {
      const begin = Atomics.add(words, claimed, chunk);
      if (begin >= units) return;
      const end = Math.min(units, begin + chunk);
      kernel(begin, end, args, own);
      if (Atomics.add(words, finished, end - begin) + end - begin === units) Atomics.notify(words, finished);
    }
  } catch (e) {
    throw Object.assign(e instanceof Error ? e : new Error(String(e)), { failed: job });
  }
};

const run = (
  { memory, thread }: WorkerInit,
  { jobs, kernels, scratch, scratchBytes }: Loaded,
  times?: number[],
): void => {
  const own = scratch + thread * scratchBytes, words = new Int32Array(memory.buffer);
  let first = 0, last = performance.now();
  const settle = (end: number): void => {
    // only what has been claimed is waited for: a thread that is late does not hold up the others
    for (; first < end; first++) reached(words, jobs[first]!.counter / 4 + 1, jobs[first]!.units);
  };
  for (let i = 0; i < jobs.length; i++) {
    if (jobs[i]!.barrier || times !== undefined) settle(i);
    if (Atomics.load(words, FAILED) !== 0) return;
    if (times !== undefined) {
      const now = performance.now();
      if (i > 0) times.push(now - last);
      last = now;
    }
    work(words, jobs[i]!, kernels[i]!, own);
  }
  settle(jobs.length);
  times?.push(performance.now() - last);
};

/** Handles a request. */
export type HandleRequest = (request: Request) => void;

/** A thread over the device's memory: what it does with requests, and to whom it answers. */
export const threadOf = (birth: WorkerInit, answer: (reply: Reply) => void): HandleRequest => {
  const { memory } = birth, programs = new Map<number, Loaded>();
  return (request) => {
    if (request.kind === "drop") {
      programs.delete(request.id);
      return;
    }
    try {
      if (request.kind === "load") {
        const { exports } = new WebAssembly.Instance(request.module, { cos: { memory } });
        const kernels = request.jobs.map((j) => exports[j.name] as Kernel);
        programs.set(request.id, { ...request, kernels });
        answer({ kind: "done", id: request.id });
        return;
      }
      const times: number[] | undefined = request.kind === "profile" ? [] : undefined;
      run(birth, programs.get(request.id)!, times);
      answer({ kind: "done", id: request.id, ...(times === undefined ? {} : { times }) });
    } catch (e) {
      Atomics.store(new Int32Array(memory.buffer), FAILED, 1);
      const { message, failed } = e as Error & { failed?: Job };
      const job = failed === undefined ? -1 : programs.get(request.id)?.jobs.indexOf(failed) ?? -1;
      answer({ kind: "failed", id: request.id, message, job });
    }
  };
};

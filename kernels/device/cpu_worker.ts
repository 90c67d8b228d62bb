/** A worker thread of the CPU device: claims units of each phase until none are left, then waits for the others. */
import { parentPort, workerData } from "node:worker_threads";
import { type Birth, type Load, type Reply, type Request, WORDS } from "./cpu_messages.ts";

const { memory, thread, threads } = workerData as Birth;
const words = new Int32Array(memory.buffer, 0, 1024);
const ARRIVED = WORDS.arrived / 4, TURN = WORDS.turn / 4, FAILED = WORDS.failed / 4;
/** Looks at the turn before sleeping: about ten microseconds. */
const SPINS = 4000;

type Kernel = (begin: number, end: number, args: number, scratch: number) => void;

interface Loaded extends Load {
  readonly kernels: readonly Kernel[];
}

const programs = new Map<number, Loaded>();

const barrier = (): void => {
  const turn = Atomics.load(words, TURN);
  if (Atomics.add(words, ARRIVED, 1) === threads - 1) {
    Atomics.store(words, ARRIVED, 0);
    Atomics.add(words, TURN, 1);
    Atomics.notify(words, TURN);
    return;
  }
  for (let i = 0; i < SPINS; i++) if (Atomics.load(words, TURN) !== turn) return;
  while (Atomics.load(words, TURN) === turn && Atomics.load(words, FAILED) === 0) {
    Atomics.wait(words, TURN, turn, 1000);
  }
};

const run = ({ jobs, kernels, scratch, scratchBytes }: Loaded, times?: number[]): void => {
  const own = scratch + thread * scratchBytes, counters = new Int32Array(memory.buffer);
  let last = performance.now();
  for (let i = 0; i < jobs.length; i++) {
    const job = jobs[i]!, kernel = kernels[i]!;
    if ((job.barrier || times !== undefined) && threads > 1) {
      barrier();
      if (Atomics.load(words, FAILED) !== 0) return;
    }
    if (times !== undefined) {
      const now = performance.now();
      if (i > 0) times.push(now - last);
      last = now;
    }
    try {
      if (threads === 1) {
        kernel(0, job.units, job.args, own);
        continue;
      }
      const counter = job.counter / 4, { chunk, units, args } = job;
      for (;;) {
        const begin = Atomics.add(counters, counter, chunk);
        if (begin >= units) break;
        kernel(begin, Math.min(units, begin + chunk), args, own);
      }
    } catch (e) {
      throw Object.assign(e instanceof Error ? e : new Error(String(e)), { label: job.label });
    }
  }
  if (threads > 1) barrier();
  times?.push(performance.now() - last);
};

const answer = (reply: Reply): void => parentPort!.postMessage(reply);

const handle = (request: Request): void => {
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
    run(programs.get(request.id)!, times);
    if (thread === 0 && Atomics.load(words, FAILED) === 0) {
      answer({ kind: "done", id: request.id, ...(times === undefined ? {} : { times }) });
    }
  } catch (e) {
    Atomics.store(words, FAILED, 1);
    Atomics.add(words, TURN, 1);
    Atomics.notify(words, TURN);
    const { message, label } = e as Error & { label?: string };
    answer({ kind: "failed", id: request.id, message, label: label ?? "" });
  }
};

parentPort!.on("message", handle);

/** Threads of the CPU device in a page: web workers where the page is isolated, the calling thread elsewhere. */
import type { Reply, WorkerInit } from "./cpu_messages.ts";
import { threadOf } from "./cpu_worker.ts";
import type { SpawnThread, Thread, ThreadEvents } from "./threads.ts";

/** Starts web workers that run the bundled `cpu_worker_web.ts`. They need a cross-origin isolated page. */
export const webThreads = (script: URL | string): SpawnThread => (birth, events) => {
  const worker = new Worker(script, { type: "module", name: `compute ${birth.thread}` });
  worker.addEventListener("message", ({ data }: MessageEvent<Reply>) => events.onReply(data));
  worker.addEventListener(
    "error",
    (event) => events.onEnd(event.message || `${script} could not be started`),
  );
  worker.postMessage(birth);
  return {
    post: (request) => worker.postMessage(request),
    keepAlive: () => {},
    end: () => Promise.resolve(worker.terminate()),
  };
};

/** One thread: the one that calls. A request blocks it until it is done. */
export const callingThread: SpawnThread = (birth: WorkerInit, { onReply }: ThreadEvents): Thread => {
  const handle = threadOf(birth, (reply) => queueMicrotask(() => onReply(reply)));
  return { post: handle, keepAlive: () => {}, end: () => Promise.resolve() };
};

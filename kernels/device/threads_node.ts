/** Threads of the CPU device by `node:worker_threads`: idle ones do not keep the process alive. */
import { Worker } from "node:worker_threads";
import type { Reply } from "./cpu_messages.ts";
import type { SpawnThread } from "./threads.ts";

/** Starts threads that run a script. */
export const nodeThreads =
  (script: URL = new URL("./cpu_worker_node.ts", import.meta.url)): SpawnThread => (birth, events) => {
    const worker = new Worker(script, { workerData: birth });
    worker.on("message", (reply: Reply) => events.onReply(reply));
    worker.on("error", (e: Error) => events.onEnd(e.message));
    worker.on("exit", (code: number) => events.onEnd(`code ${code}`));
    worker.unref();
    return {
      post: (request) => worker.postMessage(request),
      keepAlive: (busy) => busy ? worker.ref() : worker.unref(),
      end: async () => void await worker.terminate(),
    };
  };

/** Script of a worker thread of the CPU device in Deno and Node. */
import { parentPort, workerData } from "node:worker_threads";
import type { WorkerInit } from "./cpu_messages.ts";
import { threadOf } from "./cpu_worker.ts";

parentPort!.on("message", threadOf(workerData as WorkerInit, (reply) => parentPort!.postMessage(reply)));

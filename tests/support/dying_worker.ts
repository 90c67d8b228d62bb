/** A worker thread that takes programs and ends at the first run. */
import process from "node:process";
import { parentPort } from "node:worker_threads";
import type { Reply, Request } from "../../kernels/device/cpu_messages.ts";

parentPort!.on("message", ({ kind, id }: Request) => {
  if (kind === "run") process.exit(3);
  if (kind === "load") parentPort!.postMessage({ kind: "done", id } satisfies Reply);
});

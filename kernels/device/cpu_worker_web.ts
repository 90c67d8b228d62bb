/** Script of a web worker of the CPU device: the first message gives it memory and number, the others are requests. */
import type { Reply, Request, WorkerInit } from "./cpu_messages.ts";
import { type HandleRequest, threadOf } from "./cpu_worker.ts";

const scope = globalThis as unknown as {
  readonly postMessage: (reply: Reply) => void;
  readonly addEventListener: (
    name: "message",
    listener: (event: MessageEvent<WorkerInit | Request>) => void,
  ) => void;
};

let handle: HandleRequest | undefined;
scope.addEventListener("message", ({ data }) => {
  if (handle === undefined) handle = threadOf(data as WorkerInit, (reply) => scope.postMessage(reply));
  else handle(data as Request);
});

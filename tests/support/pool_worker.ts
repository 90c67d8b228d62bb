/** A worker thread for tests of pools: echoes, waits, throws, ends or spins as it is asked. */
import process from "node:process";
import { serve } from "../../pipelines/threads/serve.ts";

/** What the worker does before it answers with `value`. */
export interface Order {
  /** What is echoed. */
  readonly value: number;
  /** `wait` and `busy` take `ms`; `spin` never ends. */
  readonly does: "echo" | "wait" | "busy" | "throw" | "exit" | "fail late" | "spin";
  /** Milliseconds. */
  readonly ms?: number;
}

let setup = -1;

serve<Order, { readonly value: number; readonly setup: number }>(async ({ value, does, ms = 0 }) => {
  if (value < 0) setup = value;
  switch (does) {
    case "wait":
      await new Promise((resolve) => setTimeout(resolve, ms));
      break;
    case "busy":
      for (const end = performance.now() + ms; performance.now() < end;);
      break;
    case "throw":
      throw new Error(`no ${value}`);
    case "exit":
      process.exit(3);
      break;
    case "fail late":
      queueMicrotask(() => {
        throw new Error("a fault outside of any request");
      });
      await new Promise((resolve) => setTimeout(resolve, 1000));
      break;
    case "spin":
      for (;;);
  }
  return { value: { value, setup } };
});

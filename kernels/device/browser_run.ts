/** Evaluates descriptions in one call in a web page. */
import type * as Layer from "effect/Layer";
import { browserCpu, browserGpu } from "./browser.ts";
import type { Device } from "./device.ts";
import type { DeviceError } from "./errors.ts";
import { gpuOrCpu } from "./gpu_or_cpu.ts";
import { type Run, runWith } from "./run_with.ts";

/** Names of the devices of a page. */
export type BrowserDeviceName = "webgpu" | "cpu" | "auto";

/** The device of a name; WebAssembly text is assembled by wabt, which is loaded where the CPU computes. */
export const browserDevice = (name: BrowserDeviceName): Layer.Layer<Device, DeviceError> => {
  const ours = browserCpu({
    script: new URL("./cpu_worker_web.js", import.meta.url),
    modules: async () => (await import("./cpu_assemble.ts")).wabtModules(),
  });
  return name === "cpu" ? ours : name === "webgpu" ? browserGpu() : gpuOrCpu(browserGpu(), ours);
};

/** Computes descriptions on the visitor's device: its GPU, or the CPU where there is none. */
export const run: Run<BrowserDeviceName> = runWith(browserDevice, "auto");

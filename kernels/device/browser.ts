/** The devices of a page: the browser's WebGPU, and the CPU with web workers. */
import * as Effect from "effect/Effect";
import type * as Layer from "effect/Layer";
import type { DeviceProfile } from "../device_profile.ts";
import { assemblerOf, type ModuleBytes, type OpenAssembler } from "./assembler.ts";
import { cpuOn, type CpuOptions } from "./cpu.ts";
import { type Device, deviceOf } from "./device.ts";
import { DeviceError } from "./errors.ts";
import type { Provider } from "./provider.ts";
import { callingThread, webThreads } from "./threads_web.ts";

/** The browser's WebGPU. Its dialect of WGSL is that of Dawn. */
export const browserProvider = (): Provider => ({
  name: "browser",
  gpu: globalThis.navigator?.gpu,
  more: [],
  hint: "use a browser with WebGPU over https or on localhost, or compute on the CPU",
});

/** Opens the browser's WebGPU device for the length of a scope; `as` overrides the profile that the compiler sees. */
export const browserGpu = (as: Partial<DeviceProfile> = {}): Layer.Layer<Device, DeviceError> =>
  deviceOf(Effect.sync(browserProvider), as);

/** Requirements of the CPU device of a page on the page. */
export interface BrowserCpuOptions extends CpuOptions {
  /** Where the bundled script of the threads is; without it, or in a page that is not isolated, one thread computes. */
  readonly script?: URL | string;
  /** Opens what iterations WebAssembly text into modules. */
  readonly modules: () => Promise<ModuleBytes>;
}

/** Whether threads of this page may share memory. */
export const mayShareMemory = (): boolean =>
  (globalThis as { readonly crossOriginIsolated?: boolean }).crossOriginIsolated === true;

/** Opens the CPU in a page for the length of a scope: web workers where memory may be shared, the calling thread otherwise. */
export const browserCpu = (
  { script, modules, threads, fused }: BrowserCpuOptions,
): Layer.Layer<Device, DeviceError> => {
  const parallel = script !== undefined && mayShareMemory();
  const assembler: OpenAssembler = Effect.map(
    Effect.tryPromise({
      try: modules,
      catch: (e) =>
        new DeviceError({
          fault: "refused",
          got: String(e),
          hint: "reload the page; its scripts are incomplete",
        }),
    }),
    (bytesOf) => assemblerOf(bytesOf),
  );
  const options = {
    ...(threads === undefined ? {} : { threads }),
    ...(parallel ? {} : { threads: 1 }),
    ...(fused === undefined ? {} : { fused }),
  };
  return cpuOn(
    { spawn: parallel ? webThreads(script) : callingThread, assembler },
    options,
  );
};

/** The device that computes in a page, by the visitor's choice. */
import {
  assembledModules,
  browserCpu,
  browserGpu,
  type Device,
  DeviceError,
  gpuOrCpu,
  mayShareMemory,
} from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import type { DeviceChoice } from "./messages.ts";

/** Where the parts of a site are. */
export interface SiteAddresses {
  /** Script of the threads. */
  readonly script: URL;
  /** Folder of the assembled modules. */
  readonly modules: URL;
}

/** The device of a choice; `names` are the modules that the site has, others are assembled by wabt. */
export const pageDevice = (
  choice: DeviceChoice,
  { script, modules }: SiteAddresses,
  names: readonly string[],
): Layer.Layer<Device, DeviceError> => {
  const open = () =>
    Promise.resolve(assembledModules(modules, new Set(names), async (text) => {
      const { wabtModules } = await import("@chain-of-sight/kernels/assemble");
      return await (await wabtModules())(text);
    }));
  const cpu = browserCpu(choice === "thread" ? { modules: open } : { modules: open, script });
  switch (choice) {
    case "webgpu":
      return browserGpu();
    case "auto":
      return gpuOrCpu(browserGpu(), cpu);
    case "threads":
      if (mayShareMemory()) return cpu;
      return Layer.unwrap(Effect.fail(
        new DeviceError({
          fault: "refused",
          got: "threads in a page that is not cross-origin isolated",
          hint: "reload the page, or compute on one thread",
        }),
      ));
    case "thread":
      return cpu;
  }
};

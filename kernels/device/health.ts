/** What a device's driver reports outside any call. */
import * as Effect from "effect/Effect";
import { DeviceError } from "./errors.ts";

/** Remembers what the driver reports outside any call, until someone asks. */
export class Health {
  #failure: DeviceError | undefined;

  /** Watches a device. */
  constructor(device: GPUDevice) {
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      const memory = error.constructor.name === "GPUOutOfMemoryError";
      this.#failure ??= new DeviceError({
        fault: memory ? "out of memory" : "invalid work",
        got: error.message,
        mend: memory ? "use a smaller batch or model" : "report it with the program's kernels",
      });
    });
    device.lost.then((info) => {
      if (info.reason !== "destroyed") {
        this.#failure = new DeviceError({
          fault: "lost",
          got: info.message,
          mend: "start again: the run resumes from its last checkpoint",
        });
      }
    });
  }

  /** What was reported since the last call. A lost device stays lost. */
  take(): DeviceError | undefined {
    const failure = this.#failure;
    if (failure?.fault !== "lost") this.#failure = undefined;
    return failure;
  }
}

/** Fails if anything was reported since the last check. */
export const healthy = (health: Health): Effect.Effect<void, DeviceError> =>
  Effect.suspend(() => {
    const failure = health.take();
    return failure === undefined ? Effect.void : Effect.fail(failure);
  });

/** Errors that a device's driver reports outside any call, and the programs that were running then. */
import * as Effect from "effect/Effect";
import { mostExpensive, planText } from "../plan/blame.ts";
import type { Plan } from "../plan/plan.ts";
import { DeviceError, type DeviceFailure } from "./errors.ts";

/** Remembers what the driver reports outside any call, until someone asks. */
export class Health {
  #failure: DeviceError | undefined;
  #running: Plan | undefined;

  /** Watches a device. */
  constructor(device: GPUDevice) {
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      const { error } = event as GPUUncapturedErrorEvent;
      const memory = error.constructor.name === "GPUOutOfMemoryError";
      this.#failure ??= this.explain({
        fault: memory ? "out of memory" : "invalid work",
        got: error.message,
        hint: memory ? "use a smaller batch or model" : "report it with the program's kernels",
      });
    });
    device.lost.then((info) => this.#failure = this.lost(info.message || info.reason));
  }

  /** Notes what the device was given last, so that a failure can name it. */
  began(plan: Plan): void {
    this.#running = plan;
  }

  /** Forgets a plan that is gone from the device. */
  ended(plan: Plan): void {
    if (this.#running === plan) this.#running = undefined;
  }

  /** A failure of what was running. */
  explain(failure: DeviceFailure): DeviceError {
    const plan = this.#running;
    return new DeviceError(
      plan === undefined
        ? failure
        : { ...failure, got: `${failure.got} while running ${planText(plan)}`, made: mostExpensive(plan) },
    );
  }

  /** The failure of a device that is gone, or does not answer. */
  lost(got: string): DeviceError {
    return this.#failure?.fault === "lost" ? this.#failure : this.explain({
      fault: "lost",
      got,
      hint: "open the device again: a training resumes from its last checkpoint",
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

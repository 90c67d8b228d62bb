/** Errors of devices, typed: what failed, where, and what to do. */
import * as Data from "effect/Data";

/** What went wrong on a device. */
export type DeviceFault =
  | "no adapter"
  | "refused"
  | "out of memory"
  | "rejected kernel"
  | "invalid work"
  | "lost";

/** The parts of a device failure. */
export interface DeviceFailure {
  /** The kind of failure. */
  readonly fault: DeviceFault;
  /** What was got, from the driver where it spoke. */
  readonly got: string;
  /** What to do. */
  readonly mend: string;
  /** The kernel at fault, where it is known. */
  readonly kernel?: string;
}

/** Constructor of an error that carries a failure. */
export type DeviceErrorClass = new (failure: DeviceFailure) => Error & DeviceFailure;

const sentence = ({ fault, got, mend, kernel }: DeviceFailure): string =>
  `${fault}${kernel === undefined ? "" : ` in kernel "${kernel}"`}: ${got}; ${mend}`;

/** The base of {@link DeviceError}: its message is one sentence for people. */
export const DeviceErrorBase: DeviceErrorClass = class extends Data.Error<{ readonly message: string }> {
  constructor(failure: DeviceFailure) {
    super({ ...failure, message: sentence(failure) });
  }
} as unknown as DeviceErrorClass;

/** A device failure; match on `_tag` and `fault`. */
export class DeviceError extends DeviceErrorBase {
  /** Discriminates the error. */
  readonly _tag = "DeviceError";
  /** The class name shown in stack traces. */
  override readonly name = "DeviceError";
}

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

/** A device failure. `kernel` names the dispatch where it is known. */
export class DeviceError extends Data.TaggedError("DeviceError")<{
  /** The kind of failure. */
  readonly fault: DeviceFault;
  /** What was got, from the driver where it spoke. */
  readonly got: string;
  /** What to do. */
  readonly mend: string;
  /** The kernel at fault. */
  readonly kernel?: string;
}> {
  /** One sentence for people. */
  override get message(): string {
    return `${this.fault}${
      this.kernel === undefined ? "" : ` in kernel "${this.kernel}"`
    }: ${this.got}; ${this.mend}`;
  }
}

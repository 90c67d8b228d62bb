/** Errors of devices, typed: what failed, in which kernel, for which lines of the program, and what to do. */
import * as Data from "effect/Data";
import { type Provenance, provenanceText } from "../plan/blame.ts";

/** The failure on a device. */
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
  /** How to fix it. */
  readonly hint: string;
  /** The kernel at fault, where it is known. */
  readonly kernel?: string;
  /** Operations concerned, with the lines they come from: of the kernel, or of what was running, or the largest. */
  readonly made?: readonly Provenance[];
}

/** Constructor of an error that carries a failure. */
export type DeviceErrorClass = new (failure: DeviceFailure) => Error & DeviceFailure;

const MAX_LINES = 8;

const sentence = ({ fault, got, hint, kernel, made = [] }: DeviceFailure): string => {
  const lines = made.slice(0, MAX_LINES).map((m) => `\n  ${provenanceText(m)}`);
  const more = made.length > MAX_LINES ? `\n  and ${made.length - MAX_LINES} more lines` : "";
  const where = kernel === undefined ? "" : ` in kernel "${kernel}"`;
  return `${fault}${where}: ${got}; ${hint}${lines.join("")}${more}`;
};

/** The base of {@link DeviceError}: a sentence for people, and a line for each operation concerned. */
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

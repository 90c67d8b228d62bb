/** Faults of benchmarks. */
import { FaultError } from "../base/fault.ts";

/** A benchmark that cannot be run as asked, or whose numbers are not to be trusted. */
export class BenchError extends FaultError {
  /** Discriminates the error. */
  readonly _tag = "BenchError";
  /** The class name shown in stack traces. */
  override readonly name = "BenchError";
}

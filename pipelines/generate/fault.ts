/** What a generation can refuse. */
import { FaultError } from "../base/fault.ts";

/** A request that cannot be answered as it is asked. */
export class GenerateError extends FaultError {
  /** Discriminates the error. */
  readonly _tag = "GenerateError";
  /** The class name shown in stack traces. */
  override readonly name = "GenerateError";
}

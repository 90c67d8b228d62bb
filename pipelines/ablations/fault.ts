/** What can go wrong with an ablation as a whole. */
import { FaultError } from "../base/fault.ts";

/** An ablation that cannot be run or read. */
export class AblationError extends FaultError<{
  /** Its directory. */
  readonly path: string;
}> {
  /** Discriminates the error. */
  readonly _tag = "AblationError";
  /** The class name shown in stack traces. */
  override readonly name = "AblationError";
}

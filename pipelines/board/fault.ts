/** Why the board cannot be shown. */
import { FaultError } from "../base/fault.ts";

/** A port that is taken, or a folder that is none. */
export class BoardError extends FaultError {
  /** Discriminates the error. */
  readonly _tag = "BoardError";
  /** The class name shown in stack traces. */
  override readonly name = "BoardError";
}

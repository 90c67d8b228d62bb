/** What can go wrong with an ablation as a whole. */
import { TaggedFault } from "../base/fault.ts";

/** An ablation that cannot be run or read. */
export class AblationError extends TaggedFault("AblationError")<{
  /** Its directory. */
  readonly path: string;
}> {}

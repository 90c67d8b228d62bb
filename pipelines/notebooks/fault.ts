/** What can go wrong with a notebook. */
import { TaggedFault } from "../base/fault.ts";

/** A notebook whose cells do not type-check or that asks for outputs there are none of. */
export class NotebookError extends TaggedFault("NotebookError")<{
  /** File of the notebook. */
  readonly path: string;
}> {}

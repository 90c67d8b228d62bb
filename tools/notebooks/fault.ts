/** What can go wrong with the execution of a notebook: its kernel, a cell. */
import { TaggedFault } from "../../pipelines/base/fault.ts";

/** The kernel did not start, died, or stopped answering. */
export class KernelError extends TaggedFault("KernelError")<{
  /** What happened to it. */
  readonly reason: "start" | "died" | "silent" | "protocol";
}> {}

/** A cell that threw, lacks an output that it declares, or was stopped by its kernel's end. */
export class CellError extends TaggedFault("CellError")<{
  /** File of the notebook. */
  readonly path: string;
  /** Number of the cell among all cells, from 1. */
  readonly cell: number;
  /** Line of the cell's source, from 1; absent where it is not known. */
  readonly line?: number;
}> {}

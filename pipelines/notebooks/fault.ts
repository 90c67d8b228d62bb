/** What can go wrong with a notebook: its kernel, a cell, an output that did not come, its file. */
import { FaultError } from "../base/fault.ts";

/** The kernel did not start, died, or stopped answering. */
export class KernelError extends FaultError<{
  /** What happened to it. */
  readonly reason: "start" | "died" | "silent" | "protocol";
}> {
  /** Discriminates the error. */
  readonly _tag = "KernelError";
  /** The class name shown in stack traces. */
  override readonly name = "KernelError";
}

/** A cell that threw, lacks an output that it declares, or was stopped by its kernel's end. */
export class CellError extends FaultError<{
  /** File of the notebook. */
  readonly path: string;
  /** Number of the cell among all cells, from 1. */
  readonly cell: number;
  /** Line of the cell's source, from 1; absent where it is not known. */
  readonly line?: number;
}> {
  /** Discriminates the error. */
  readonly _tag = "CellError";
  /** The class name shown in stack traces. */
  override readonly name = "CellError";
}

/** A notebook whose cells do not type-check or that asks for outputs there are none of. */
export class NotebookError extends FaultError<{
  /** File of the notebook. */
  readonly path: string;
}> {
  /** Discriminates the error. */
  readonly _tag = "NotebookError";
  /** The class name shown in stack traces. */
  override readonly name = "NotebookError";
}

/** What can go wrong with the data: art that is missing, workers that fail, folders that refuse. */
import { FaultError } from "./fault.ts";

/** Art, a worker, a cache folder or a configuration that the benchmark could not use. */
export class DataError extends FaultError<object> {
  /** Discriminates the error. */
  readonly _tag = "DataError";
  /** The class name shown in stack traces. */
  override readonly name = "DataError";
}

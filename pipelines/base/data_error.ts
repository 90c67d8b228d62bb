/** What can go wrong with the data: art that is missing, workers that fail, folders that refuse. */
import { TaggedFault } from "./fault.ts";

/** Art, a worker, a cache folder or a configuration that the benchmark could not use. */
export class DataError extends TaggedFault("DataError") {}

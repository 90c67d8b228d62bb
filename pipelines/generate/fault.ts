/** What a generation can refuse. */
import { TaggedFault } from "../base/fault.ts";

/** A request that cannot be answered as it is asked. */
export class GenerateError extends TaggedFault("GenerateError") {}

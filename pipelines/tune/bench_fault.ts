/** Faults of benchmarks. */
import { TaggedFault } from "../base/fault.ts";

/** A benchmark that cannot be run as asked, or whose numbers are not to be trusted. */
export class BenchError extends TaggedFault("BenchError") {}

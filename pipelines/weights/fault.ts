/** What can be wrong with a safetensors file, by the check that found it. */
import { TaggedFault } from "../base/fault.ts";

/** The check that refused a file or the tensors to be written. */
export type Check =
  | "truncated"
  | "header-length"
  | "header-json"
  | "header-shape"
  | "duplicate-name"
  | "reserved-name"
  | "offsets"
  | "overlap"
  | "gap"
  | "size"
  | "value"
  | "index"
  | "hash";

/** Bytes that are no valid safetensors file, or tensors that cannot be written as one. */
export class SafetensorsError extends TaggedFault("SafetensorsError")<{
  /** The check that failed. */
  readonly check: Check;
}> {}

/** Makes the error of one check. */
export const refuse = (
  check: Check,
  got: string,
  expected: string,
  hint = "get the file again from where it came from; this copy is damaged or not a safetensors file",
): SafetensorsError => new SafetensorsError({ op: "safetensors", check, got, expected, hint });

/** The same error, naming the file in which it was found. */
export const inFile = (path: string): (error: SafetensorsError) => SafetensorsError => (error) =>
  new SafetensorsError({
    op: `read ${path}`,
    check: error.check,
    got: error.got,
    expected: error.expected,
    hint: error.hint,
  });

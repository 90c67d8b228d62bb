/** What a foreign configuration asks for that the models here do not do. */
import { TaggedFault } from "../../base/fault.ts";

/** A configuration of a model that cannot be expressed here, with the reason. */
export class UnsupportedError extends TaggedFault("UnsupportedError")<{
  /** The field of config.json that asks for it. */
  readonly field: string;
}> {}

/** Makes the error of one field of a file. */
export const unsupportedIn =
  (file: string) => (field: string, got: unknown, expected: string): UnsupportedError =>
    new UnsupportedError({
      op: file,
      field,
      got: `${field} ${JSON.stringify(got) ?? "nothing"}`,
      expected,
      hint: "load a model of a supported kind, or extend the adapters in pipelines/weights/huggingface",
    });

/** Makes the error of one field of config.json. */
export const unsupported = unsupportedIn("config.json");

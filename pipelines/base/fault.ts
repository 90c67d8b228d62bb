/** Faults of the outer room: tagged errors that say what was got, what was expected and how to fix it. */
import * as Data from "effect/Data";
import type { Fault } from "@chain-of-sight/core";

/** The sentence of a fault. */
export const sentence = (fault: Fault): string =>
  `${fault.op}: got ${fault.got}; expected ${fault.expected}; ${fault.hint}`;

/** The constructor of an error whose fields are a fault and `Extra`, with the tag that it is matched by. */
export type FaultErrorClass<Tag extends string> = new <Extra extends object = object>(
  parts: Fault & Extra,
) => Error & Readonly<Fault & Extra> & { readonly _tag: Tag; readonly name: Tag };

/**
 * The base of an error class of the outer room; the message is the fault's sentence, and Effect can yield it:
 * `class RunError extends TaggedFault("RunError")<{ readonly path: string }> {}`.
 */
export const TaggedFault = <Tag extends string>(tag: Tag): FaultErrorClass<Tag> =>
  class extends Data.TaggedError(tag)<{ readonly message: string }> {
    constructor(parts: Fault) {
      super({ ...parts, message: sentence(parts) });
    }
  } as unknown as FaultErrorClass<Tag>;

/** Faults of the outer room: tagged errors that say what was got, what was expected and how to mend it. */
import * as Data from "effect/Data";
import type { Fault } from "@chain-of-sight/core";

/** The sentence of a fault. */
export const sentence = (fault: Fault): string =>
  `${fault.op}: got ${fault.got}; expected ${fault.expected}; ${fault.mend}`;

/** The constructor of an error whose fields are a fault and `Extra`; match on the `_tag` of the class. */
export type FaultErrorClass = new <Extra extends object = object>(
  parts: Fault & Extra,
) => Error & Readonly<Fault & Extra>;

/** The base of the outer room's errors; the message is the fault's sentence, and Effect can yield it. */
export const FaultError: FaultErrorClass = class extends Data.Error<{ readonly message: string }> {
  constructor(parts: Fault) {
    super({ ...parts, message: sentence(parts) });
  }
} as unknown as FaultErrorClass;

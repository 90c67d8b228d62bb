/** Typed errors of the language: the operation, the value it got, the expected value, a hint, and the user's line. */
import { currentOrigin } from "./origin.ts";

/** The parts of a language error. */
export interface Fault {
  /** The operation that refused. */
  readonly op: string;
  /** The actual value. */
  readonly got: string;
  /** The expected value. */
  readonly expected: string;
  /** How to fix it. */
  readonly hint: string;
}

/** Common shape of the language's errors; match on `_tag`. */
export abstract class LanguageError extends Error {
  /** Discriminates the error. */
  abstract readonly _tag: string;
  /** The parts of the message. */
  readonly fault: Fault;
  /** `file:line:column` of the user's program at fault; undefined where none is known. */
  readonly at: string | undefined;
  /** An error from its parts; the message joins them with the line. */
  constructor(fault: Fault) {
    const { at } = currentOrigin();
    super(
      `${fault.op}: got ${fault.got}; expected ${fault.expected}; ${fault.hint}${
        at === undefined ? "" : ` (${at})`
      }`,
    );
    this.fault = fault;
    this.at = at;
  }
}

/** Shapes that do not fit an operation; thrown while the description is built, at the caller's line. */
export class ShapeError extends LanguageError {
  /** Discriminates the error. */
  readonly _tag = "ShapeError";
  /** The class name shown in stack traces. */
  override readonly name = "ShapeError";
}

/** Element types that do not fit an operation; thrown while the description is built. */
export class DTypeError extends LanguageError {
  /** Discriminates the error. */
  readonly _tag = "DTypeError";
  /** The class name shown in stack traces. */
  override readonly name = "DTypeError";
}

/** A parameter tree or an input set that lacks, or has too many, entries. */
export class TreeError extends LanguageError {
  /** Discriminates the error. */
  readonly _tag = "TreeError";
  /** The class name shown in stack traces. */
  override readonly name = "TreeError";
}

/** A configuration value out of range, or combinations that cannot be built. */
export class ConfigError extends LanguageError {
  /** Discriminates the error. */
  readonly _tag = "ConfigError";
  /** The class name shown in stack traces. */
  override readonly name = "ConfigError";
}

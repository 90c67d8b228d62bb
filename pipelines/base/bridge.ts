/** The one bridge from the pure world's `Either`, io-ts codecs and what it throws to Effect. */
import type { ConfigError } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import type * as t from "io-ts";
import { TaggedFault } from "./fault.ts";
import { type Misfit, misfits } from "./misfits.ts";
import { MAX_NESTED, nestingOf } from "./nesting.ts";

/** The type that a codec describes: its values are not changed. */
export type TypeOf<C extends { readonly _A: unknown }> = Readonly<C["_A"]>;

/** One field that a codec refused. */
export interface Refusal {
  /** Path of the field, such as `stages.0.name`; `(root)` is the whole value. */
  readonly path: string;
  /** The value that exists, as JSON, shortened. */
  readonly got: string;
  /** The type that the codec wants there, or the codec's own message. */
  readonly expected: string;
  /** Path of the field that was probably meant, of one that does not exist. */
  readonly nearest?: string;
}

/** A value from outside that does not have the shape its codec describes. */
export class DecodeError extends TaggedFault("DecodeError")<{
  /** Every refused field. */
  readonly refusals: readonly Refusal[];
}> {}

const shorten = (text: string, most = 80): string =>
  text.length <= most ? text : `${text.slice(0, most - 1)}…`;

/** Fields, items and characters of a refused value that a message shows at most. */
const SHOWN = 20;

/** Levels of a refused value that a message shows at most. */
const DEEP = 3;

// A refused value may be as large as its file; a message shows its beginning. Throws for one that refers to itself.
const beginning = (value: unknown, inside: readonly unknown[] = []): unknown => {
  if (typeof value === "string") return value.slice(0, 8 * SHOWN);
  if (typeof value !== "object" || value === null) return value;
  if (inside.includes(value)) throw new TypeError("circular");
  if (inside.length === DEEP) return "…";
  const within = [...inside, value];
  return Array.isArray(value)
    ? value.slice(0, SHOWN).map((item) => beginning(item, within))
    : Object.fromEntries(
      Object.entries(value).slice(0, SHOWN).map(([name, item]) => [name, beginning(item, within)]),
    );
};

/** Numbers without JSON, as a message shows them. */
const shown = (_: string, value: unknown): unknown =>
  typeof value === "bigint" || (typeof value === "number" && !Number.isFinite(value)) ? String(value) : value;

/** A value from outside as a message shows it: JSON, where it has some. */
export const display = (value: unknown): string => {
  if (value === undefined) return "nothing";
  if (typeof value === "bigint" || typeof value === "function" || typeof value === "symbol") {
    return String(value);
  }
  if (typeof value === "number") return String(value);
  try {
    return JSON.stringify(value, shown) ?? String(value);
  } catch {
    return "a value that refers to itself";
  }
};

const show = (value: unknown): string => shorten(display(value));

/** How many refusals a message lists before it counts the rest. */
const LISTED = 6;

const decodeError = (op: string, refusals: readonly Refusal[]): DecodeError => {
  const list = (field: "got" | "expected"): string => {
    const said = refusals.slice(0, LISTED).map((r) => `${r.path}: ${r[field]}`).join(", ");
    return refusals.length > LISTED ? `${said} and ${refusals.length - LISTED} more` : said;
  };
  const meant = refusals.flatMap(({ nearest }) => nearest ?? []);
  return new DecodeError({
    op,
    got: list("got"),
    expected: list("expected"),
    hint: meant.length > 0
      ? `the nearest ${meant.length === 1 ? "field is" : "fields are"} ${meant.join(", ")}`
      : `correct ${refusals.length === 1 ? "that field" : "those fields"}`,
    refusals,
  });
};

const refusalAt = ({ path, value, expected, nearest }: Misfit): Refusal => ({
  path: path.length === 0 ? "(root)" : path.join("."),
  got: show(value),
  expected: shorten(expected, 400),
  ...(nearest === undefined ? {} : { nearest }),
});

/**
 * Decodes a value purely.
 * @param codec - the io-ts codec that describes the value.
 * @param op - what is read, as the error should name it, such as `config.json`.
 */
export const decodeEither =
  <A, O>(codec: t.Type<A, O, unknown>, op: string): (value: unknown) => E.Either<DecodeError, A> => (value) =>
    pipe(codec.decode(value), E.mapLeft(() => decodeError(op, refusalsIn(codec, value))));

/** An `Either` as an Effect: `Left` fails, `Right` succeeds. */
export const fromEither = <L, A>(either: E.Either<L, A>): Effect.Effect<A, L> =>
  E.isLeft(either) ? Effect.fail(either.left) : Effect.succeed(either.right);

/** Result of a pure function, as an Effect that fails with the ConfigError that it throws. */
export const tried = <A>(make: () => A): Effect.Effect<A, ConfigError> =>
  Effect.try({ try: make, catch: (cause) => cause as ConfigError });

/**
 * Decodes a value as an Effect that fails with a {@link DecodeError} naming every refused field.
 * @param codec - the io-ts codec that describes the value.
 * @param op - what is read, as the error should name it.
 */
export const decode =
  <A, O>(codec: t.Type<A, O, unknown>, op: string): (value: unknown) => Effect.Effect<A, DecodeError> =>
  (value) => fromEither(decodeEither(codec, op)(value));

/**
 * Parses JSON text purely; the error says where the text stops being JSON.
 * @param op - what is read, as the error should name it.
 */
export const parseJson = (op: string): (text: string) => E.Either<DecodeError, unknown> => (text) => {
  const unread = (got: string, expected: string): DecodeError =>
    new DecodeError({
      op,
      got,
      expected,
      hint: "restore the file from a copy, or remove it and make it again",
      refusals: [],
    });
  const nested = nestingOf(text);
  return nested > MAX_NESTED
    ? E.left(unread(`JSON that is nested ${nested} deep`, `at most ${MAX_NESTED}`))
    : E.tryCatch(
      () => JSON.parse(text) as unknown,
      (cause) =>
        unread(`text that is not JSON (${cause instanceof Error ? cause.message : String(cause)})`, "JSON"),
    );
};

/** What a codec refuses in a value, field by field; nothing where it accepts it. */
export const refusalsIn = (codec: t.Mixed, value: unknown): readonly Refusal[] =>
  misfits(codec, value).map(refusalAt);

/**
 * Reads a file of one JSON object a line; empty lines are passed over. The error names the file, the line and the field.
 * @param file - the name that errors use.
 */
export const parseLines = <A>(
  codec: t.Type<A, unknown, unknown>,
  file: string,
): (text: string) => E.Either<DecodeError, readonly A[]> =>
(text) => {
  const out: A[] = [];
  for (const [i, line] of text.split("\n").entries()) {
    if (line.trim() === "") continue;
    const op = `${file}, line ${i + 1}`;
    const read = pipe(line, parseJson(op), E.flatMap(decodeEither(codec, op)));
    if (E.isLeft(read)) return read;
    out.push(read.right);
  }
  return E.right(out);
};

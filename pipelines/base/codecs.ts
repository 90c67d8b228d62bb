/** Codecs that several annotation formats share. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";
import { isRecord, type Shape, shapeOf } from "./shape.ts";

/** A codec of the values that pass a check, under the name that errors give; they stay as they are. */
export const fromGuard = <A>(name: string, is: (u: unknown) => u is A): t.Type<A, A, unknown> =>
  new t.Type(name, is, (u, context) => is(u) ? t.success(u) : t.failure(u, context, name), t.identity);

/** Maximum number of characters of a text. */
const LIMIT = 2 ** 20;

const isText = (u: unknown): u is string => typeof u === "string" && u.length <= LIMIT && u.isWellFormed();

const textFailure = (u: unknown, context: t.Context, name: string): t.Validation<string> =>
  typeof u !== "string"
    ? t.failure(u, context, name)
    : u.length > LIMIT
    ? t.failure(`${u.length} characters`, context, `${name}, of at most ${LIMIT} characters`)
    : t.failure(u, context, `${name}, without halves of characters (lone surrogates)`);

/** A text, which may be empty: of at most 2^20 characters, all of them whole. */
export const textCodec = (): t.Type<string, string, unknown> => text;

const text = new t.Type<string, string, unknown>(
  "a text",
  isText,
  (u, context) => isText(u) ? t.success(u) : textFailure(u, context, "a text"),
  (s) => s,
);

/** An id, written as text or as a whole number of any length: its text. */
export const idCodec = (): t.Type<string, string, unknown> => id;

const id = new t.Type<string, string, unknown>(
  "an id (text or whole number)",
  (u): u is string => typeof u === "string",
  (u, context) =>
    isText(u) && u !== ""
      ? t.success(u)
      : (typeof u === "number" && Number.isSafeInteger(u)) || typeof u === "bigint"
      ? t.success(String(u))
      : t.failure(u, context),
  (text) => text,
);

/** A text that is not empty. */
export const wordsCodec = (): t.Type<string, string, unknown> => words;

const words = new t.Type<string, string, unknown>(
  "a text that is not empty",
  (u): u is string => isText(u) && u.trim() !== "",
  (u, context) =>
    isText(u)
      ? u.trim() !== "" ? t.success(u) : t.failure(u, context)
      : textFailure(u, context, "a text that is not empty"),
  (text) => text,
);

/** A whole number from 0, up to `most`. */
export const countCodec = (most = Number.MAX_SAFE_INTEGER): t.Type<number, number, unknown> =>
  fromGuard(
    most === Number.MAX_SAFE_INTEGER ? "a whole number from 0" : `a whole number from 0 to ${most}`,
    (u): u is number => typeof u === "number" && Number.isSafeInteger(u) && u >= 0 && u <= most,
  );

/** A length in pixels: finite, above 0. */
export const lengthCodec = (): t.Type<number, number, unknown> => length;

const isLength = (u: unknown): u is number => typeof u === "number" && Number.isFinite(u) && u > 0;
const length = fromGuard("a number above 0", isLength);

/** A finite number. */
export const finiteCodec = (): t.Type<number, number, unknown> => finite;

const finite = fromGuard("a number", (u): u is number => typeof u === "number" && Number.isFinite(u));

/** One of some words. */
export const oneOf = <K extends string>(names: readonly K[]): t.Type<K, K, unknown> =>
  t.keyof(Object.fromEntries(names.map((name) => [name, null])) as Record<K, null>) as t.Type<K, K, unknown>;

/** The codec that reads `null` as if the field were absent. */
export const nullable = <A>(codec: t.Type<A, unknown, unknown>): t.Type<A | undefined, unknown, unknown> =>
  new t.Type<A | undefined, unknown, unknown>(
    `${codec.name} or null`,
    (u): u is A | undefined => u === undefined || codec.is(u),
    (u, context): E.Either<t.Errors, A | undefined> =>
      u === null || u === undefined ? t.success(undefined) : codec.validate(u, context),
    (a) => a === undefined ? null : codec.encode(a),
  );

/** A codec of the same form, with one more condition: `why` says what is wrong with a value, or nothing. */
export const checked = <A>(
  codec: t.Type<A, unknown, unknown>,
  why: (value: A) => string | undefined,
): t.Type<A, unknown, unknown> =>
  Object.assign(
    new t.Type<A, unknown, unknown>(
      codec.name,
      (u): u is A => codec.is(u) && why(u) === undefined,
      (u, context) =>
        E.flatMap((value: A): E.Either<t.Errors, A> => {
          const words = why(value);
          return words === undefined ? t.success(value) : t.failure(u, context, words);
        })(codec.validate(u, context)),
      codec.encode,
    ),
    { _tag: "RefinementType", type: codec },
  );

/** A codec with words about what it describes, for schemas and examples. */
export const about = <C extends t.Mixed>(text: string, codec: C): C =>
  Object.assign(Object.create(codec) as C, { about: text });

/** The codec of objects that refuses fields which it does not have, such as misspelt ones. */
export const closed = <A>(codec: t.Type<A, unknown, unknown>): t.Type<A, unknown, unknown> => {
  const marks = { _tag: "RefinementType", type: codec, closed: true };
  const type: t.Type<A, unknown, unknown> = new t.Type<A, unknown, unknown>(
    codec.name,
    codec.is,
    (u, context): E.Either<t.Errors, A> => {
      const { fields } = shapeOf(type) as Extract<Shape, { readonly kind: "object" }>;
      const unknown = isRecord(u) ? Object.keys(u).filter((name) => !Object.hasOwn(fields, name)) : [];
      return unknown.length === 0 ? codec.validate(u, context) : t.failures(unknown.map((key) => ({
        value: (u as Readonly<Record<string, unknown>>)[key],
        context: [...context, { key, type: codec }],
        message: `no such field; there are ${Object.keys(fields).join(", ")}`,
      })));
    },
    codec.encode,
  );
  return Object.assign(type, marks);
};

/**
 * The value of a record of codecs: required fields, and fields that may be absent but are never `undefined`.
 * @internal
 */
export type ObjectOf<R extends t.Props, O extends t.Props> =
  & { readonly [K in keyof R]: t.TypeOf<R[K]> }
  & { readonly [K in keyof O]?: t.TypeOf<O[K]> };

/** The codec of objects with some fields, and some that may be absent; others are refused. */
export const object = <R extends t.Props, O extends t.Props = Record<never, never>>(
  required: R,
  optional?: O,
): t.Type<ObjectOf<R, O>, unknown, unknown> => {
  const whole = optional === undefined
    ? t.type(required)
    : t.intersection([t.type(required), t.partial(optional)]);
  return closed(whole as unknown as t.Type<ObjectOf<R, O>, unknown, unknown>);
};

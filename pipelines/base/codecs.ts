/** Codecs that several annotation formats share. */
import * as E from "fp-ts/lib/Either.js";
import * as t from "io-ts";

/** Most characters of a text. */
const MOST = 2 ** 20;

const isText = (u: unknown): u is string => typeof u === "string" && u.length <= MOST && u.isWellFormed();

const textFailure = (u: unknown, context: t.Context, name: string): t.Validation<string> =>
  typeof u !== "string"
    ? t.failure(u, context, name)
    : u.length > MOST
    ? t.failure(`${u.length} characters`, context, `${name}, of at most ${MOST} characters`)
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
  new t.Type<number, number, unknown>(
    most === Number.MAX_SAFE_INTEGER ? "a whole number from 0" : `a whole number from 0 to ${most}`,
    (u): u is number => typeof u === "number" && Number.isSafeInteger(u) && u >= 0 && u <= most,
    (u, context) =>
      typeof u === "number" && Number.isSafeInteger(u) && u >= 0 && u <= most
        ? t.success(u)
        : t.failure(u, context),
    (n) => n,
  );

/** A length in pixels: finite, above 0. */
export const lengthCodec = (): t.Type<number, number, unknown> => length;

const isLength = (u: unknown): u is number => typeof u === "number" && Number.isFinite(u) && u > 0;
const length = new t.Type<number, number, unknown>(
  "a number above 0",
  isLength,
  (u, context) => isLength(u) ? t.success(u) : t.failure(u, context),
  (n) => n,
);

/** A finite number. */
export const finiteCodec = (): t.Type<number, number, unknown> => finite;

const finite = new t.Type<number, number, unknown>(
  "a number",
  (u): u is number => typeof u === "number" && Number.isFinite(u),
  (u, context) => typeof u === "number" && Number.isFinite(u) ? t.success(u) : t.failure(u, context),
  (n) => n,
);

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

/** The codec that refuses fields which the value does not have in this form, such as misspelt ones. */
export const closed = <A>(
  codec: t.Type<A, unknown, unknown>,
  fields: readonly string[],
): t.Type<A, unknown, unknown> => {
  const type = new t.Type<A, unknown, unknown>(
    codec.name,
    codec.is,
    (u, context): E.Either<t.Errors, A> => {
      const unknown = typeof u === "object" && u !== null && !Array.isArray(u)
        ? Object.keys(u).filter((name) => !fields.includes(name))
        : [];
      return unknown.length === 0 ? codec.validate(u, context) : t.failures(unknown.map((key) => ({
        value: (u as Readonly<Record<string, unknown>>)[key],
        context: [...context.slice(0, -1), { ...context.at(-1)!, type: t.UnknownRecord }, {
          key,
          type: codec,
        }],
        message: `no such field; there are ${fields.join(", ")}`,
      })));
    },
    codec.encode,
  );
  // as refinements are marked, so that paths of refused fields do not name the branches of what is inside
  return Object.assign(type, { _tag: "RefinementType", type: codec });
};

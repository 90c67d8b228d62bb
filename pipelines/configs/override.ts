/** Single fields of a configuration, changed by their paths; the configuration's codec checks what comes of it. */
import { distance } from "fastest-levenshtein";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as RA from "fp-ts/lib/ReadonlyArray.js";
import type * as t from "io-ts";
import { decodeEither, DecodeError } from "../base/bridge.ts";
import { hasFields, valueAt, valueOf } from "../base/fields.ts";

type Fields = Readonly<Record<string, unknown>>;

/** Every path below a value, the outer ones first: `pretrain`, `pretrain.steps`, `arms.0.name`. */
export const fieldPaths = (value: unknown): readonly string[] =>
  hasFields(value)
    ? Object.entries(value).flatMap(([name, inner]) => [
      name,
      ...fieldPaths(inner).map((path) => `${name}.${path}`),
    ])
    : [];

/** The path of a configuration that is written most like another. */
export const nearestField = (config: unknown, field: string): string | undefined =>
  fieldPaths(config).toSorted((a, b) => distance(a, field) - distance(b, field))[0];

const unknownField = (config: unknown, field: string, at: readonly string[]): DecodeError => {
  const parent = valueAt(config, at), among = hasFields(parent) ? Object.keys(parent) : [];
  const where = at.length === 0 ? "" : `in ${at.join(".")}: `;
  const expected = among.length === 0 ? `${where}nothing below` : `${where}one of ${among.join(", ")}`;
  const nearest = nearestField(config, field);
  return new DecodeError({
    op: "--set",
    got: `the field ${field}`,
    expected,
    hint: nearest === undefined ? "name a field of the configuration" : `the nearest field is ${nearest}`,
    refusals: [{ path: field, got: "nothing", expected }],
  });
};

interface Setting {
  readonly field: string;
  readonly names: readonly string[];
  readonly value: unknown;
}

const settingOf = (text: string): E.Either<DecodeError, Setting> => {
  const at = text.indexOf("=");
  if (at > 0) {
    const field = text.slice(0, at);
    return E.right({ field, names: field.split("."), value: valueOf(text.slice(at + 1)) });
  }
  return E.left(
    new DecodeError({
      op: "--set",
      got: text,
      expected: "field=value",
      hint: "write for example --set pretrain.steps=100",
      refusals: [],
    }),
  );
};

const withField = (target: unknown, names: readonly string[], value: unknown): unknown => {
  const [name, ...rest] = names;
  if (name === undefined) return value;
  if (Array.isArray(target)) {
    return Object.assign([...target], { [name]: withField(target[Number(name)], rest, value) });
  }
  return { ...(target as Fields), [name]: withField((target as Fields)[name], rest, value) };
};

// A list takes one more element at its end; a record takes any name, and the codec has the last word.
const holds = (target: unknown, name: string): boolean =>
  Array.isArray(target) ? /^\d+$/.test(name) && Number(name) <= target.length : hasFields(target);

const put = (config: unknown, { field, names, value }: Setting): E.Either<DecodeError, unknown> => {
  const stops = names.findIndex((name, i) => {
    const target = valueAt(config, names.slice(0, i));
    return i < names.length - 1 ? valueAt(target, [name]) === undefined : !holds(target, name);
  });
  return stops < 0
    ? E.right(withField(config, names, value))
    : E.left(unknownField(config, field, names.slice(0, stops)));
};

const asItIs = (config: unknown, error: DecodeError): DecodeError => {
  const known = error.refusals.flatMap(({ path }) => {
    const value = valueAt(config, path.split("."));
    return value === undefined ? [] : [`${path} is ${JSON.stringify(value)} unless set`];
  });
  const { op, got, expected, refusals } = error;
  return known.length === 0
    ? error
    : new DecodeError({ op, got, expected, hint: known.join("; "), refusals });
};

/**
 * A configuration with `field=value` settings applied in order; values are JSON, or text that is no JSON. A path with
 * the next index of a list adds to it. Fields that do not exist (the error names the nearest that does) and values
 * that the codec refuses are a DecodeError, and the configuration given is untouched.
 * @param codec - reads the configuration; a strict one, so that fields it does not know fall away and are noticed.
 * @param what - what errors call the whole, such as `quickstart configuration`.
 */
export const override = <A>(
  codec: t.Type<A, unknown, unknown>,
  what: string,
): (config: A, settings: readonly string[]) => E.Either<DecodeError, A> =>
(config, settings) =>
  pipe(
    settings,
    E.traverseArray(settingOf),
    E.flatMap((all) =>
      pipe(
        all,
        RA.reduce<Setting, E.Either<DecodeError, unknown>>(
          E.right(config),
          (sofar, setting) => E.flatMap((value: unknown) => put(value, setting))(sofar),
        ),
        E.flatMap((value) =>
          E.mapLeft((error: DecodeError) => asItIs(config, error))(decodeEither(codec, what)(value))
        ),
        E.flatMap((made) => {
          const lost = all.find(({ names }) => valueAt(made, names) === undefined);
          return lost === undefined
            ? E.right(made)
            : E.left(unknownField(config, lost.field, lost.names.slice(0, -1)));
        }),
      )
    ),
  );

const settingsBetween = (from: unknown, to: unknown, path: readonly string[]): readonly string[] => {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  const lists = [from, to].filter(Array.isArray);
  const inside = hasFields(from) && hasFields(to) &&
    (lists.length === 0 || (lists.length === 2 && lists[0]!.length === lists[1]!.length)) &&
    Object.keys(from).every((name) => Object.hasOwn(to, name));
  return inside
    ? Object.keys(to).flatMap((name) => settingsBetween(from[name], to[name], [...path, name]))
    : [`${path.join(".")}=${JSON.stringify(to)}`];
};

/**
 * The settings that make one configuration of another: `override(codec, what)(from, settingsOf(from, to))` is `to`.
 * Both are JSON, and `to` has every field that `from` has.
 */
export const settingsOf = (from: unknown, to: unknown): readonly string[] => settingsBetween(from, to, []);

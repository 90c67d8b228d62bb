/** Where a value does not fit its codec: field by field, in the words of the codec, a union by the alternative that was meant. */
import { distance } from "fastest-levenshtein";
import * as E from "fp-ts/lib/Either.js";
import type * as t from "io-ts";
import { choose, type Field, isRecord, oneOfValues, shapeOf, wanted } from "./shape.ts";

/** One place that does not fit. */
export interface Misfit {
  /** Names from the root. */
  readonly path: readonly string[];
  /** The value there. */
  readonly value: unknown;
  /** What is wanted there. */
  readonly expected: string;
  /** The field that was probably meant, of a name that there is not. */
  readonly nearest?: string;
}

/** How far a name is from one that was written: not at all where it holds that. */
const farness = (name: string, written: string): number => {
  const [a, b] = [name.toLowerCase(), written.toLowerCase()];
  return a.includes(b) ? 0 : distance(a, b);
};

/** Names in the order of how much they are like another. */
export const nearestFirst = (names: readonly string[], written: string): readonly string[] =>
  names.toSorted((a, b) =>
    farness(a, written) - farness(b, written) || distance(a, written) - distance(b, written)
  );

/** Most fields that are listed where there is no such field. */
const LISTED = 10;

/** What a codec itself says against a value whose fields fit: at the value, or at the field that it names. */
const ownWords = (codec: t.Mixed, value: unknown, path: readonly string[]): readonly Misfit[] => {
  const type = codec as t.Type<unknown, unknown, unknown>;
  const result = type.validate(value, [{ key: "", type }]);
  if (E.isRight(result)) return [];
  const { message, context, value: there } = result.left[0]!;
  return message === undefined
    ? [{ path, value: context.length === 1 ? there : value, expected: wanted(codec) }]
    : [{ path: [...path, ...context.slice(1).map(({ key }) => key)], value: there, expected: message }];
};

const unknownFields = (
  path: readonly string[],
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, Field>>,
): readonly Misfit[] =>
  Object.keys(value).filter((name) => !Object.hasOwn(fields, name)).map((name) => {
    const names = Object.keys(fields), [nearest] = nearestFirst(names, name);
    const listed = names.length <= LISTED
      ? `there are ${names.join(", ")}`
      : `the nearest are ${nearestFirst(names, name).slice(0, 4).join(", ")}`;
    return {
      path: [...path, name],
      value: value[name],
      expected: `no such field; ${listed}`,
      ...(nearest === undefined ? {} : { nearest: [...path, nearest].join(".") }),
    };
  });

const inside = (codec: t.Mixed, value: unknown, path: readonly string[]): readonly Misfit[] => {
  const here = (expected = wanted(codec)): readonly Misfit[] => [{ path, value, expected }];
  const below = (of: t.Mixed) => (item: unknown, name: string | number) =>
    misfits(of, item, [...path, String(name)]);
  const shape = shapeOf(codec);
  switch (shape.kind) {
    case "object": {
      if (!isRecord(value)) return here();
      return [
        ...(shape.closed ? unknownFields(path, value, shape.fields) : []),
        ...Object.entries(shape.fields).flatMap(([name, { codec: of, required }]) =>
          required || value[name] !== undefined ? below(of)(value[name], name) : []
        ),
      ];
    }
    case "record":
      return isRecord(value)
        ? Object.entries(value).flatMap(([name, item]) => below(shape.of)(item, name))
        : here();
    case "list":
      return Array.isArray(value) ? value.flatMap(below(shape.of)) : here();
    case "tuple":
      return Array.isArray(value) && value.length === shape.of.length
        ? shape.of.flatMap((of, i) => below(of)(value[i], i))
        : here();
    case "all":
      return shape.of.flatMap((of) => misfits(of, value, path));
    case "union": {
      const choice = choose(shape.of, value);
      if (choice === undefined) return [];
      if ("codec" in choice) return misfits(choice.codec, value, path);
      if ("fields" in choice) return here(`one of ${choice.fields.join(", ")}`);
      const given = (value as Readonly<Record<string, unknown>>)[choice.field];
      return [{ path: [...path, choice.field], value: given, expected: oneOfValues(choice.values) }];
    }
    default:
      return [];
  }
};

/** Every place where a value does not fit a codec; none where it does. */
export const misfits = (codec: t.Mixed, value: unknown, path: readonly string[] = []): readonly Misfit[] => {
  const found = inside(codec, value, path);
  return found.length > 0 ? found : ownWords(codec, value, path);
};

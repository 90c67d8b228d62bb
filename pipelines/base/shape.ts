/** The shape of an io-ts codec, read from the codec itself: what errors, schemas and examples are made from. */
import type * as t from "io-ts";

/** One field of an object. */
export interface Field {
  /** Its codec. */
  readonly codec: t.Mixed;
  /** Whether it must be present. */
  readonly required: boolean;
}

/** What values of a codec look like; `closed` objects refuse fields that are not listed. */
export type Shape =
  | { readonly kind: "object"; readonly fields: Readonly<Record<string, Field>>; readonly closed: boolean }
  | { readonly kind: "record"; readonly of: t.Mixed }
  | { readonly kind: "list"; readonly of: t.Mixed }
  | { readonly kind: "tuple"; readonly of: readonly t.Mixed[] }
  | { readonly kind: "union"; readonly of: readonly t.Mixed[] }
  | { readonly kind: "all"; readonly of: readonly t.Mixed[] }
  | { readonly kind: "values"; readonly values: readonly unknown[] }
  | { readonly kind: "leaf"; readonly type?: "string" | "number" | "boolean" | "null" };

/** The parts of io-ts codecs that describe them. */
interface Tagged {
  readonly _tag?: string;
  readonly type?: t.Mixed;
  readonly types?: readonly t.Mixed[];
  readonly props?: Readonly<Record<string, t.Mixed>>;
  readonly keys?: Readonly<Record<string, unknown>>;
  readonly value?: unknown;
  readonly codomain?: t.Mixed;
  readonly closed?: boolean;
  readonly about?: string;
}

const fieldsOf = (props: Readonly<Record<string, t.Mixed>>, required: boolean) =>
  Object.fromEntries(Object.entries(props).map(([name, codec]) => [name, { codec, required }]));

const merged = (types: readonly t.Mixed[]): Shape => {
  const shapes = types.map(shapeOf);
  const objects = shapes.filter((shape) => shape.kind === "object");
  return objects.length < types.length ? { kind: "all", of: types } : {
    kind: "object",
    fields: Object.assign({}, ...objects.map(({ fields }) => fields)),
    closed: objects.some(({ closed }) => closed),
  };
};

/** The shape of a codec; a codec that io-ts does not describe is a leaf. */
export const shapeOf = (codec: t.Mixed): Shape => {
  const { _tag, type, types = [], props = {}, keys = {}, value, codomain, closed } = codec as Tagged;
  switch (_tag) {
    case "InterfaceType":
    case "StrictType":
      return { kind: "object", fields: fieldsOf(props, true), closed: false };
    case "PartialType":
      return { kind: "object", fields: fieldsOf(props, false), closed: false };
    case "IntersectionType":
      return merged(types);
    case "ExactType":
    case "ReadonlyType":
    case "RefinementType": {
      const inner = shapeOf(type!);
      return closed === true && inner.kind === "object" ? { ...inner, closed } : inner;
    }
    case "DictionaryType":
      return { kind: "record", of: codomain! };
    case "ArrayType":
    case "ReadonlyArrayType":
      return { kind: "list", of: type! };
    case "TupleType":
      return { kind: "tuple", of: types };
    case "UnionType":
      return { kind: "union", of: types };
    case "LiteralType":
      return { kind: "values", values: [value] };
    case "KeyofType":
      return { kind: "values", values: Object.keys(keys) };
    case "StringType":
      return { kind: "leaf", type: "string" };
    case "NumberType":
      return { kind: "leaf", type: "number" };
    case "BooleanType":
      return { kind: "leaf", type: "boolean" };
    case "NullType":
      return { kind: "leaf", type: "null" };
    default:
      return { kind: "leaf" };
  }
};

/** Names that io-ts makes up from the parts of a codec. */
const MADE_UP = /[<{|(&]/;

/** Request of a codec, in words: its own name where it was given one, otherwise its values or fields. */
export const wanted = (codec: t.Mixed): string => {
  if (!MADE_UP.test(codec.name)) return codec.name;
  const shape = shapeOf(codec);
  switch (shape.kind) {
    case "object":
      return `an object with ${Object.keys(shape.fields).join(", ") || "no fields"}`;
    case "record":
      return `an object of ${wanted(shape.of)} by name`;
    case "list":
      return `a list of ${wanted(shape.of)}`;
    case "tuple":
      return `a list of ${shape.of.map(wanted).join(", ")}`;
    case "union":
      return [...new Set(shape.of.map(wanted))].join(" or ");
    case "all":
      return [...new Set(shape.of.map(wanted))].join(" and ");
    case "values":
      return oneOfValues(shape.values);
    case "leaf":
      return shape.type ?? codec.name;
  }
};

/** Allowed values, in words. */
export const oneOfValues = (values: readonly unknown[]): string =>
  `${values.length === 1 ? "" : "one of "}${values.map((value) => JSON.stringify(value)).join(", ")}`;

/** What is said about a codec's values, if anything. */
export const aboutOf = (codec: t.Mixed): string | undefined => (codec as Tagged).about;

/** Whether a value is an object with named fields. */
export const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Which alternative of a union a value means, or the field that would say so and the values that it may have. */
export type Choice =
  | { readonly codec: t.Mixed }
  | { readonly field: string; readonly values: readonly unknown[] }
  | { readonly fields: readonly string[] }
  | undefined;

interface Alternative {
  readonly codec: t.Mixed;
  readonly fields: Readonly<Record<string, Field>>;
}

const alternativesOf = (codecs: readonly t.Mixed[]): readonly Alternative[] =>
  codecs.flatMap((codec) => {
    const shape = shapeOf(codec);
    return shape.kind === "object"
      ? [{ codec, fields: shape.fields }]
      : shape.kind === "union"
      ? alternativesOf(shape.of)
      : [];
  });

const valuesOf = ({ fields }: Alternative, name: string): readonly unknown[] => {
  const shape = fields[name] && shapeOf(fields[name].codec);
  return shape?.kind === "values" ? shape.values : [];
};

const listsOf = (codecs: readonly t.Mixed[]): readonly t.Mixed[] =>
  codecs.flatMap((codec) => {
    const shape = shapeOf(codec);
    return shape.kind === "list" || shape.kind === "tuple"
      ? [codec]
      : shape.kind === "union"
      ? listsOf(shape.of)
      : [];
  });

/**
 * The alternative of a union that an object means: by the field whose values tell all alternatives apart, such as `kind`,
 * or by the most fields that it shares; the one alternative that is a list for a list. Nothing for other values.
 */
export const choose = (codecs: readonly t.Mixed[], value: unknown): Choice => {
  if (Array.isArray(value)) {
    const [list, ...others] = listsOf(codecs);
    return list === undefined || others.length > 0 ? undefined : { codec: list };
  }
  const all = alternativesOf(codecs);
  if (!isRecord(value) || all.length === 0) return undefined;
  if (all.length === 1) return { codec: all[0]!.codec };
  const field = Object.keys(all[0]!.fields).find((name) =>
    all.every((one) => valuesOf(one, name).length > 0)
  );
  if (field !== undefined) {
    const found = all.find((one) => valuesOf(one, field).includes(value[field]));
    return found === undefined
      ? { field, values: [...new Set(all.flatMap((one) => valuesOf(one, field)))] }
      : { codec: found.codec };
  }
  const known = all.map(({ fields }) =>
    Object.keys(value).filter((name) => Object.hasOwn(fields, name)).length
  );
  const most = Math.max(...known);
  return most === 0
    ? { fields: [...new Set(all.flatMap(({ fields }) => Object.keys(fields)))] }
    : { codec: all[known.indexOf(most)]!.codec };
};

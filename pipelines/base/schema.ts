/** JSON Schema and commented JSON of what a codec describes, from the codec itself. */
import type * as t from "io-ts";
import type { Json } from "./hash.ts";
import { aboutOf, choose, isRecord, shapeOf, wanted } from "./shape.ts";

/** Names that tell whole numbers. */
const WHOLE = /^an integer/;

const bare = (codec: t.Mixed): { readonly [field: string]: Json } => {
  const shape = shapeOf(codec);
  switch (shape.kind) {
    case "object": {
      const fields = Object.entries(shape.fields);
      return {
        type: "object",
        properties: Object.fromEntries(fields.map(([name, { codec: of }]) => [name, jsonSchema(of)])),
        required: fields.flatMap(([name, { required }]) => required ? [name] : []),
        ...(shape.closed ? { additionalProperties: false } : {}),
      };
    }
    case "record":
      return { type: "object", additionalProperties: jsonSchema(shape.of) };
    case "list":
      return { type: "array", items: jsonSchema(shape.of) };
    case "tuple":
      return {
        type: "array",
        prefixItems: shape.of.map(jsonSchema),
        minItems: shape.of.length,
        maxItems: shape.of.length,
      };
    case "union":
      return { anyOf: shape.of.map(jsonSchema) };
    case "all":
      return { allOf: shape.of.map(jsonSchema) };
    case "values":
      return { enum: shape.values as readonly Json[] };
    case "leaf":
      if (shape.type === undefined) return {};
      return { type: shape.type === "number" && WHOLE.test(codec.name) ? "integer" : shape.type };
  }
};

/** The JSON Schema of a codec, with what is said about its fields. */
export const jsonSchema = (codec: t.Mixed): { readonly [field: string]: Json } => {
  const text = aboutOf(codec), { kind } = shapeOf(codec);
  const description = text ?? (kind === "leaf" ? wanted(codec) : undefined);
  return { ...(description === undefined ? {} : { description }), ...bare(codec) };
};

/** Widest value that is written on one line. */
const SHORT = 90;

const inside = (codec: t.Mixed | undefined): (value: unknown, name: string) => t.Mixed | undefined => {
  const shape = codec && shapeOf(codec);
  return (value, name) => {
    if (shape?.kind === "object") return shape.fields[name]?.codec;
    if (shape?.kind === "list" || shape?.kind === "record") return shape.of;
    if (shape?.kind !== "union") return undefined;
    const choice = choose(shape.of, value);
    return choice !== undefined && "codec" in choice ? inside(choice.codec)(value, name) : undefined;
  };
};

/** A value as JSON with a comment before every field that something is said about. */
export const commentedJson = (codec: t.Mixed | undefined, value: unknown, indent = ""): string => {
  const flat = JSON.stringify(value), within = inside(codec), deeper = `${indent}  `;
  if (typeof value !== "object" || value === null) return flat;
  if (Array.isArray(value)) {
    return flat.length < SHORT && !value.some(isRecord)
      ? flat.replaceAll(",", ", ")
      : `[\n${
        value.map((item) => `${deeper}${commentedJson(within(value, "0"), item, deeper)}`).join(",\n")
      }\n${indent}]`;
  }
  const lines = Object.entries(value).map(([name, item]) => {
    const of = within(value, name), said = of && aboutOf(of);
    const comment = said === undefined ? "" : `${deeper}// ${said}\n`;
    return `${comment}${deeper}${JSON.stringify(name)}: ${commentedJson(of, item, deeper)}`;
  });
  return `{\n${lines.join(",\n")}\n${indent}}`;
};

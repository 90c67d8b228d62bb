/** Values inside values, by path: `pretrain.steps`, `arms.0.name`. */

/** Whether a value has fields: a record or a list. */
export const hasFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null;

/** The value at a path, if there is one. */
export const valueAt = (value: unknown, names: readonly string[]): unknown =>
  names.reduce<unknown>(
    (inner, name) => hasFields(inner) && Object.hasOwn(inner, name) ? inner[name] : undefined,
    value,
  );

/** The value of a record's own name: one such as `constructor` that it does not have is nothing. */
export const own = <A>(record: Readonly<Record<string, A>>, name: string): A | undefined =>
  Object.hasOwn(record, name) ? record[name] : undefined;

/** Everything at the ends of paths below a value, with its path; records and lists without fields are ends too. */
export const endsOf = (value: unknown, path = ""): readonly (readonly [path: string, value: unknown])[] =>
  hasFields(value) && Object.keys(value).length > 0
    ? Object.entries(value).flatMap(([name, inner]) => endsOf(inner, path === "" ? name : `${path}.${name}`))
    : [[path, value]];

/** A value from text: JSON, or the text itself where it is none. */
export const valueOf = (text: string): unknown => {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

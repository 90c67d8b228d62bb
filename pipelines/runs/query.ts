/** Which of many runs: by fields of their configurations and by what they scored. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { TaggedFault } from "../base/fault.ts";
import { endsOf, hasFields, own, valueAt, valueOf } from "../base/fields.ts";
import { nearestFirst } from "../base/misfits.ts";
import type { Json } from "../base/hash.ts";
import type { IndexedRun } from "./index.ts";

/** A question about runs that cannot be understood. */
export class QueryError extends TaggedFault("QueryError") {}

/** How a field relates to a value. */
export type Comparison = "=" | "!=" | ">=" | "<=" | ">" | "<" | "~";

/** One condition: a field, how it relates, and to what. */
export interface Condition {
  /** Path: of the configuration, in which a stage is called by its name, `scores.<name>`, `scores.<arm>.<name>`, or of the manifest (`name`, `status`, `device`, `configHash` ...). */
  readonly field: string;
  /** `~` holds where the field's text contains the value. */
  readonly relation: Comparison;
  /** As JSON, or text that is no JSON. */
  readonly value: Json;
}

/** A condition from text such as `finetune.batch=8`, `scores.presenceF1>0.7`, `device~CPU`. */
export const conditionOf = (text: string): E.Either<QueryError, Condition> => {
  const parts = /^([\w.-]+)\s*(!=|>=|<=|=|>|<|~)\s*(.+)$/.exec(text.trim());
  return parts === null
    ? E.left(
      new QueryError({
        op: "query runs",
        got: text === "" ? "nothing" : text,
        expected: "a field, one of = != < <= > >= ~, and a value",
        hint: "write for example finetune.batch=8 or scores.presenceF1>0.7",
      }),
    )
    : E.right({ field: parts[1]!, relation: parts[2] as Comparison, value: valueOf(parts[3]!) as Json });
};

/** The stages of an experiment, or of the base of an ablation, by what `--set` calls them: their names, or what they do. */
const stagesIn = (config: unknown): Readonly<Record<string, unknown>> => {
  const stages = valueAt(config, ["stages"]) ?? valueAt(config, ["base", "stages"]);
  const named = Object.values(hasFields(stages) ? stages : {}).flatMap((stage) =>
    Object.entries(hasFields(stage) ? stage : {}).map(([kind, fields]) =>
      [String(valueAt(fields, ["name"]) ?? kind), fields] as const
    )
  );
  return Object.fromEntries(named);
};

/** The value of a field of a run, or nothing: scores, then the configuration, then the manifest and the status. */
export const fieldOf = ({ manifest, scores, arms, status, path }: IndexedRun, field: string): unknown => {
  const names = field.split(".");
  if (names[0] === "scores") {
    return own(scores, names.slice(1).join(".")) ??
      own(own(arms, names[1] ?? "") ?? {}, names.slice(2).join("."));
  }
  return [manifest.config, stagesIn(manifest.config), { ...manifest, status, path }]
    .map((where) => valueAt(where, names)).find((value) => value !== undefined);
};

const ordered = (a: unknown, b: unknown): number | undefined =>
  (typeof a === "number" && typeof b === "number") || (typeof a === "string" && typeof b === "string")
    ? a < b ? -1 : a > b ? 1 : 0
    : undefined;

const textOf = (value: unknown): string => typeof value === "string" ? value : JSON.stringify(value) ?? "";

/** Whether a run meets a condition. A field that it does not have meets none but `!=`. */
export const meets = (run: IndexedRun, { field, relation, value }: Condition): boolean => {
  const found = fieldOf(run, field);
  const same = textOf(found) === textOf(value), order = ordered(found, value);
  switch (relation) {
    case "=":
      return found !== undefined && same;
    case "!=":
      return !same;
    case "~":
      return found !== undefined && textOf(found).includes(textOf(value));
    case ">":
      return order === 1;
    case "<":
      return order === -1;
    case ">=":
      return order === 1 || order === 0;
    case "<=":
      return order === -1 || order === 0;
  }
};

/** Which runs are asked for, and in what order. */
export interface RunQuery {
  /** Conditions as text; all must be met. */
  readonly where?: readonly string[];
  /** The field to sort by, least first; `-field` is largest first. Runs without it come last. By path unless said. */
  readonly sort?: string;
}

/** Names of every field of a run. */
const fieldsOf = ({ manifest: { config, ...manifest }, scores, arms }: IndexedRun): readonly string[] => [
  ...Object.keys(scores).map((name) => `scores.${name}`),
  ...Object.entries(arms).flatMap(([arm, of]) => Object.keys(of).map((name) => `scores.${arm}.${name}`)),
  ...[...endsOf(config), ...endsOf(stagesIn(config))].map(([path]) => path),
  ...Object.keys(manifest),
  "status",
  "path",
];

/** A field that no run has, with the names that are like it. */
const unknownField = (runs: readonly IndexedRun[], field: string): E.Either<QueryError, string> => {
  if (runs.length === 0 || runs.some((run) => fieldOf(run, field) !== undefined)) return E.right(field);
  const like = nearestFirst([...new Set(runs.flatMap(fieldsOf))], field).slice(0, 3);
  return E.left(
    new QueryError({
      op: "query runs",
      got: `${field}, which none of ${runs.length} runs has`,
      expected: "a field of a configuration, a manifest, or scores.<name>",
      hint: `the nearest are ${like.join(", ")}`,
    }),
  );
};

/** The runs that meet all conditions, sorted. A field that no run has is an error. */
export const queryRuns = (
  runs: readonly IndexedRun[],
  { where = [], sort = "path" }: RunQuery,
): E.Either<QueryError, readonly IndexedRun[]> => {
  const down = sort.startsWith("-"), field = down ? sort.slice(1) : sort;
  const compare = (a: IndexedRun, b: IndexedRun): number => {
    const x = fieldOf(a, field), y = fieldOf(b, field);
    if (x === undefined || y === undefined) return Number(x === undefined) - Number(y === undefined);
    return (down ? -1 : 1) * (ordered(x, y) ?? ordered(textOf(x), textOf(y))!);
  };
  return pipe(
    where,
    E.traverseArray(conditionOf),
    E.tap((conditions) =>
      E.traverseArray((name: string) => unknownField(runs, name))([...conditions.map((c) => c.field), field])
    ),
    E.map((conditions) => runs.filter((run) => conditions.every((c) => meets(run, c))).toSorted(compare)),
  );
};

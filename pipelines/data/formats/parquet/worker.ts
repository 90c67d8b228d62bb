/** The worker's side of reading Parquet tables: footers in, plans out; bytes of a group in, its rows out. */
import { serve } from "../../../threads/serve.ts";
import { readLeaf, type Value } from "./pages.ts";
import { type ColumnKind, type GroupPlan, type LeafPlan, planTable } from "./plan.ts";

/** A request. */
export type TableRequest =
  | { readonly kind: "plan"; readonly footer: Uint8Array; readonly size: number }
  | { readonly kind: "rows"; readonly group: GroupPlan; readonly bytes: readonly Uint8Array[] };

/** The values of a column, one for each row: texts, numbers as texts, bytes that are no text, images. */
export type Column = readonly unknown[];

/** An answer. */
export type TableAnswer =
  | { readonly kind: "plan"; readonly groups: readonly GroupPlan[] }
  | { readonly kind: "rows"; readonly columns: Readonly<Partial<Record<ColumnKind, Column>>> };

const decoder = new TextDecoder("utf-8", { fatal: true });

/** A value that is read as a text; bytes that are none stay bytes, and are refused with their row. */
const textOf = (value: Value, { uuid }: LeafPlan): unknown => {
  if (typeof value === "bigint") return value.toString();
  if (!(value instanceof Uint8Array)) return value;
  if (uuid) {
    const hex = value.toHex();
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
  }
  try {
    return decoder.decode(value);
  } catch {
    return value;
  }
};

/** The rows of a group, by column. */
export const groupRows = (
  { rows, leaves }: GroupPlan,
  bytes: readonly Uint8Array[],
): Readonly<Partial<Record<ColumnKind, Column>>> => {
  const columns: Partial<Record<ColumnKind, Column>> = {};
  for (const [i, leaf] of leaves.entries()) {
    let values: Value[];
    try {
      values = readLeaf(bytes[i]!, leaf, rows);
    } catch (cause) {
      throw new Error(
        `${cause instanceof Error ? cause.message : String(cause)} in the column ${leaf.name}`,
        { cause },
      );
    }
    if (leaf.kind !== "picture") columns[leaf.kind] = values.map((value) => textOf(value, leaf));
    else if (leaf.part === undefined) columns.picture = values;
    else if (leaf.part === "bytes") {
      columns.picture = values.map((value) => value === undefined ? undefined : { bytes: value });
    } else {
      columns.picture = (columns.picture as readonly ({ readonly bytes: unknown } | undefined)[]).map((
        held,
        row,
      ) => held === undefined ? undefined : { ...held, path: textOf(values[row], leaf) });
    }
  }
  return columns;
};

/** Buffers that are wholly of images: they are moved instead of copied. */
const buffersOf = (columns: Readonly<Partial<Record<ColumnKind, Column>>>): readonly ArrayBuffer[] => [
  ...new Set((columns.picture ?? []).flatMap((held) => {
    const bytes = held instanceof Uint8Array
      ? held
      : (held as { readonly bytes?: unknown } | undefined)?.bytes;
    return bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
  })),
];

serve<TableRequest, TableAnswer>((request) => {
  if (request.kind === "plan") {
    return { value: { kind: "plan", groups: planTable(request.footer, request.size) } };
  }
  const columns = groupRows(request.group, request.bytes);
  return { value: { kind: "rows", columns }, transfer: buffersOf(columns) };
});

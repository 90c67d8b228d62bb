/** The rows of a Parquet group, by column: texts, numbers and images out of the pages of their columns. */
import { readLeaf, type Value } from "./pages.ts";
import type { ColumnKind, GroupPlan, LeafPlan } from "./plan.ts";

/** The values of a column, one for each row: texts, numbers as texts, bytes that are no text, images. */
export type Column = readonly unknown[];

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
    if (leaf.kind !== "imageBytes") columns[leaf.kind] = values.map((value) => textOf(value, leaf));
    else if (leaf.part === undefined) columns.imageBytes = values;
    else if (leaf.part === "bytes") {
      columns.imageBytes = values.map((value) => value === undefined ? undefined : { bytes: value });
    } else {
      columns.imageBytes = (columns.imageBytes as readonly ({ readonly bytes: unknown } | undefined)[]).map((
        held,
        row,
      ) => {
        const path = textOf(values[row], leaf);
        return held === undefined && path === undefined ? undefined : { ...held, path };
      });
    }
  }
  return columns;
};

/** Buffers that are wholly of images: they are moved instead of copied. */
export const buffersOf = (columns: Readonly<Partial<Record<ColumnKind, Column>>>): readonly ArrayBuffer[] => [
  ...new Set((columns.imageBytes ?? []).flatMap((held) => {
    const bytes = held instanceof Uint8Array
      ? held
      : (held as { readonly bytes?: unknown } | undefined)?.bytes;
    return bytes instanceof Uint8Array && bytes.buffer instanceof ArrayBuffer ? [bytes.buffer] : [];
  })),
];

/** What is read of a Parquet table, from its footer: the parts of the file that hold the columns of interest. */
import { type ColumnMetaData, type FileMetaData, parquetMetadata, type SchemaElement } from "hyparquet";
import { structureEnd, TableFault } from "./thrift_check.ts";

/** Purpose of a column, with the names that it may have; the first that a table has counts. */
const columnNames = {
  caption: ["caption", "text", "TEXT", "txt"],
  url: ["url", "URL"],
  imageBytes: ["image", "jpg", "png", "webp"],
  id: ["id", "key", "image_id"],
} as const;

/** Purpose of a column. */
export type ColumnKind = keyof typeof columnNames;

/** A physical column of one group. */
export interface LeafPlan {
  /** Its purpose. */
  readonly kind: ColumnKind;
  /** Which part of an image's structure it holds; the value itself if absent. */
  readonly part?: "bytes" | "path";
  /** Its path, shown in errors. */
  readonly name: string;
  /** Its physical type. */
  readonly type: NonNullable<SchemaElement["type"]>;
  /** Bytes of a value of a fixed length. */
  readonly width?: number;
  /** Whether whole numbers have no sign. */
  readonly unsigned: boolean;
  /** Whether the bytes are a UUID. */
  readonly uuid: boolean;
  /** How pages are compressed. */
  readonly codec: ColumnMetaData["codec"];
  /** The definition level of a value that is there. */
  readonly level: number;
  /** Offset of its first page in the file. */
  readonly start: number;
  /** Bytes of its pages in the file. */
  readonly length: number;
  /** Bytes of its pages before compression. */
  readonly whole: number;
}

/** A group of rows. */
export interface GroupPlan {
  /** Rows. */
  readonly rows: number;
  /** Its columns. */
  readonly leaves: readonly LeafPlan[];
}

/** Maximum number of rows, and most bytes before compression, of one group: a group is decoded at once. */
export const MAX_ROWS = 2 ** 23;
/** See {@link MAX_ROWS}. */
export const MAX_BYTES = 2 ** 30;
/** Bytes that `length` compressed bytes may represent: a thousand times as many, which is what gzip can do. */
export const maxExpansion = (length: number): number => Math.min(MAX_BYTES, 2 ** 24 + 1024 * length);
/** Rows that some bytes may hold: a text and an image, or its address, take a bit at the least. */
const maxRows = (bytes: number): number => 2 ** 16 + 8 * bytes;

/** A whole number that is safe to count with. */
const counted = (value: bigint | number | undefined, what: string): number => {
  const number = Number(value ?? NaN);
  if (!Number.isSafeInteger(number) || number < 0) throw new TableFault(`${value} as ${what}`);
  return number;
};

/** Elements of the schema below the root by path, with the definition level of each. */
interface Found {
  readonly element: SchemaElement;
  readonly level: number;
  readonly repeated: boolean;
}

/** Maximum number of columns of a table, and most levels of its schema. */
const MAX_COLUMNS = 100_000, MAX_LEVELS = 64;

const pathsOf = (schema: readonly SchemaElement[]): ReadonlyMap<string, Found> => {
  if (schema.length > MAX_COLUMNS) throw new TableFault(`${schema.length} columns`);
  const found = new Map<string, Found>();
  let at = 1;
  const walk = (children: number, path: readonly string[], level: number, repeated: boolean): void => {
    if (path.length > MAX_LEVELS) throw new TableFault(`columns more than ${MAX_LEVELS} levels deep`);
    for (let i = 0; i < children; i++) {
      const element = schema[at++];
      if (element === undefined) throw new TableFault("a schema that names more columns than it has");
      const own = [...path, element.name], name = own.join("\n");
      const here = {
        element,
        level: level + (element.repetition_type === "REQUIRED" ? 0 : 1),
        repeated: repeated || element.repetition_type === "REPEATED",
      };
      if (!found.has(name)) found.set(name, here);
      if (element.num_children !== undefined) walk(element.num_children, own, here.level, here.repeated);
    }
  };
  walk(schema[0]?.num_children ?? 0, [], 0, false);
  return found;
};

interface Wanted extends Pick<LeafPlan, "kind" | "part"> {
  readonly path: readonly string[];
  readonly found: Found;
}

/** The leaves that are read. */
const wantedOf = (paths: ReadonlyMap<string, Found>): readonly Wanted[] => {
  const wanted = Object.entries(columnNames).flatMap(([of, names]): readonly Wanted[] => {
    const kind = of as ColumnKind, name = names.find((n) => paths.has(n));
    if (name === undefined) return [];
    const found = paths.get(name)!;
    if (found.element.num_children === undefined) return [{ kind, path: [name], found }];
    if (kind !== "imageBytes") throw new TableFault(`the column ${name}, which is a structure`);
    const parts = (["bytes", "path"] as const).flatMap((part): readonly Wanted[] => {
      const inside = paths.get(`${name}\n${part}`);
      return inside === undefined || inside.element.num_children !== undefined
        ? []
        : [{ kind, part, path: [name, part], found: inside }];
    });
    if (parts[0]?.part !== "bytes") throw new TableFault(`the column ${name} without ${name}.bytes`);
    return parts;
  });
  const { caption, url, imageBytes } = columnNames, kinds = wanted.map(({ kind }) => kind);
  if (!kinds.includes("caption") || !(kinds.includes("url") || kinds.includes("imageBytes"))) {
    const names = [...paths.keys()].filter((path) => !path.includes("\n"));
    throw new TableFault(
      `the columns ${names.slice(0, 12).join(", ")}, without a text (${caption.join(", ")}) or an image (${
        [...url, ...imageBytes].join(", ")
      })`,
    );
  }
  const list = wanted.find(({ found }) => found.repeated);
  if (list !== undefined) throw new TableFault(`the column ${list.path.join(".")}, which holds lists`);
  return wanted;
};

const leafOf = (
  { kind, part, path, found: { element, level } }: Wanted,
  column: ColumnMetaData | undefined,
  rows: number,
  size: number,
): LeafPlan => {
  const name = path.join(".");
  if (column === undefined) throw new TableFault(`a group without the column ${name}`);
  const { type, type_length, converted_type, logical_type } = element;
  if (type === undefined || type !== column.type) throw new TableFault(`the column ${name} of two types`);
  const start = counted(
    // 0 in some files in the place of nothing
    Number(column.dictionary_page_offset ?? 0) > 0 ? column.dictionary_page_offset : column.data_page_offset,
    `the place of the column ${name}`,
  );
  const length = counted(column.total_compressed_size, `the length of the column ${name}`);
  const whole = counted(
    column.total_uncompressed_size,
    `the length of the column ${name} before compression`,
  );
  const values = counted(column.num_values, `the number of values in the column ${name}`);
  if (start + length > size) throw new TableFault(`the column ${name} beyond the end of the file`);
  if (values !== rows) throw new TableFault(`${values} values in the column ${name} of ${rows} rows`);
  if (whole > maxExpansion(length)) {
    throw new TableFault(`${whole} bytes in the column ${name} from ${length} compressed ones`);
  }
  return {
    kind,
    ...(part === undefined ? {} : { part }),
    name,
    type,
    ...(type_length === undefined ? {} : { width: type_length }),
    unsigned: converted_type?.startsWith("UINT_") === true ||
      (logical_type?.type === "INTEGER" && !logical_type.isSigned),
    uuid: logical_type?.type === "UUID",
    codec: column.codec,
    level,
    start,
    length,
    whole,
  };
};

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** The groups of a parsed table. */
const groupsOf = ({ schema, row_groups, num_rows }: FileMetaData, size: number): readonly GroupPlan[] => {
  const wanted = wantedOf(pathsOf(schema));
  let held = 0, all = 0;
  const groups = row_groups.map((group, i): GroupPlan => {
    const rows = counted(group.num_rows, `the rows of group ${i}`);
    if (rows > MAX_ROWS) throw new TableFault(`${rows} rows in group ${i}, of at most ${MAX_ROWS}`);
    const columns = new Map(
      group.columns.map(({ meta_data }) => [meta_data?.path_in_schema.join("\n"), meta_data]),
    );
    const leaves = wanted.map((leaf) => leafOf(leaf, columns.get(leaf.path.join("\n")), rows, size));
    const whole = sum(leaves.map((leaf) => leaf.whole));
    if (whole > MAX_BYTES) throw new TableFault(`${whole} bytes in group ${i}, of at most ${MAX_BYTES}`);
    held += sum(leaves.map(({ length }) => length));
    all += rows;
    return { rows, leaves };
  });
  if (all !== counted(num_rows, "the number of rows")) {
    throw new TableFault(`${all} rows in groups, where the file says ${num_rows}`);
  }
  // what is counted twice is read twice: a small file would take any time
  if (held > size) throw new TableFault(`columns of ${held} bytes in a file of ${size}`);
  if (all > maxRows(held)) throw new TableFault(`${all} rows in ${held} bytes: less than a bit for each`);
  return groups;
};

/** Bytes behind the footer: its length, and the mark of the format. */
export const TAIL = 8;

/** The plan of a table from its footer, which ends with the file; throws a {@link TableFault}. */
export const planTable = (footer: Uint8Array, size: number): readonly GroupPlan[] => {
  const end = structureEnd(footer.subarray(0, footer.length - TAIL), 0);
  if (end > footer.length - TAIL) throw new TableFault("a footer without its end");
  return groupsOf(parquetMetadata(footer, { geoparquet: false }), size);
};

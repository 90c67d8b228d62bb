/** Pairs of pictures and texts in Parquet tables, with the pictures' addresses or the pictures themselves. */
import { type FileMetaData, parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import * as t from "io-ts";
import { idCodec, wordsCodec } from "./codecs.ts";
import { brokenFile, type Entry, type Format, FormatError } from "./format.ts";
import { each, field, refused, taken } from "./machine.ts";
import { checkPages } from "./parquet_pages.ts";
import type { FileSource } from "./source.ts";
import type { PairRecord } from "./training.ts";

/** Names of columns, the first that a table has counts. */
const columns = {
  caption: ["caption", "text", "TEXT", "txt"],
  url: ["url", "URL"],
  picture: ["image", "jpg", "png", "webp"],
  id: ["id", "key", "image_id"],
} as const;

type Kind = keyof typeof columns;

/** Rows and bytes of one group, which is read at once. */
const MOST_ROWS = 1 << 23, MOST_BYTES = 2 ** 30;

const numberOf = (big: bigint | number): number => Number(big);

const reasonOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).slice(0, 200);

const chosen = (source: FileSource, { schema }: FileMetaData): Readonly<Partial<Record<Kind, string>>> => {
  // the first element is the root; its children follow, each before its own
  const names: string[] = [];
  for (let at = 1, left = schema[0]?.num_children ?? 0; left > 0 && at < schema.length; left--) {
    names.push(schema[at]!.name);
    for (let skip = 1; skip > 0 && at < schema.length; at++) skip += (schema[at]!.num_children ?? 0) - 1;
  }
  const kinds = Object.entries(columns).flatMap(([kind, wanted]) => {
    const name = wanted.find((w) => names.includes(w));
    return name === undefined ? [] : [[kind, name]];
  });
  const found: Partial<Record<Kind, string>> = Object.fromEntries(kinds);
  if (found.caption === undefined || (found.url === undefined && found.picture === undefined)) {
    throw brokenFile(
      source.name,
      `the columns ${names.slice(0, 12).join(", ")}`,
      `a text (${columns.caption.join(", ")}) and a picture (${
        [...columns.url, ...columns.picture].join(", ")
      })`,
      "rename the columns",
    );
  }
  return found;
};

const metadataOf = async (source: FileSource): Promise<FileMetaData> => {
  try {
    const metadata = await parquetMetadataAsync({ byteLength: source.size, slice: sliceOf(source) });
    const rows = metadata.row_groups.reduce((n, g) => n + numberOf(g.num_rows), 0);
    if (rows !== numberOf(metadata.num_rows)) {
      throw brokenFile(source.name, `${rows} rows in groups`, `${metadata.num_rows}, as the file says`);
    }
    return metadata;
  } catch (cause) {
    if (cause instanceof FormatError) throw cause;
    throw brokenFile(source.name, reasonOf(cause), "a Parquet file");
  }
};

const sliceOf = (source: FileSource) => async (start: number, end = source.size): Promise<ArrayBuffer> => {
  if (!(start >= 0 && start <= end && end <= source.size)) {
    throw new RangeError(`bytes ${start} to ${end} of ${source.size}`);
  }
  return (await source.slice(start, end)).slice().buffer;
};

const tidy = (value: unknown): unknown => typeof value === "bigint" ? value.toString() : value;

async function* rows(source: FileSource, role: string): AsyncGenerator<readonly Entry[]> {
  const metadata = await metadataOf(source), found = chosen(source, metadata);
  const wanted = Object.entries(found) as [Kind, string][];
  const file = { byteLength: source.size, slice: sliceOf(source) };
  let first = 0;
  for (const [i, group] of metadata.row_groups.entries()) {
    const count = numberOf(group.num_rows);
    const bytes = group.columns.reduce(
      (n, { meta_data }) =>
        n +
        (wanted.some(([, name]) => meta_data?.path_in_schema[0] === name)
          ? numberOf(meta_data!.total_uncompressed_size)
          : 0),
      0,
    );
    if (!(count >= 0 && count <= MOST_ROWS && bytes >= 0 && bytes <= MOST_BYTES)) {
      throw brokenFile(
        source.name,
        `group ${i} of ${count} rows and ${bytes} bytes`,
        `groups of at most ${MOST_ROWS} rows and ${MOST_BYTES} bytes`,
        "write the table again in smaller groups",
      );
    }
    let values: readonly Record<string, unknown>[];
    try {
      await checkPages(source, group, wanted.map(([, name]) => name));
      values = await parquetReadObjects({
        file,
        metadata,
        compressors,
        utf8: false,
        columns: wanted.map(([, name]) => name),
        rowStart: first,
        rowEnd: first + count,
      });
    } catch (cause) {
      if (cause instanceof FormatError) throw cause;
      throw brokenFile(source.name, `${reasonOf(cause)} in group ${i}`, "a group of rows");
    }
    if (values.length !== count) {
      throw brokenFile(source.name, `${values.length} rows in group ${i}`, `${count}, as the file says`);
    }
    const base = first;
    yield values.map((row, k): Entry => ({
      file: source.name,
      role,
      section: "",
      index: base + k,
      record: `row ${base + k}`,
      value: Object.fromEntries(wanted.map(([kind, name]) => [kind, tidy(row[name])])),
    }));
    first += count;
  }
}

const isBytes = (u: unknown): u is Uint8Array => u instanceof Uint8Array;

const decodedText = (value: unknown): unknown => {
  if (!isBytes(value)) return value;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(value);
  } catch {
    return value;
  }
};

/** A text, or its UTF-8 in columns that are not marked as texts. */
const Text = new t.Type<string, string, unknown>(
  "a text that is not empty",
  (u): u is string => typeof u === "string",
  (u, context) => wordsCodec().validate(decodedText(u), context),
  (s) => s,
);

interface Picture {
  readonly bytes: Uint8Array;
  readonly path: string | undefined;
}

/** Bytes, or the structure `{bytes, path}` in which Hugging Face stores pictures. */
const Picture = new t.Type<Picture, unknown, unknown>(
  "an encoded picture",
  (u): u is Picture => typeof u === "object",
  (u, context) => {
    const { bytes, path } = isBytes(u) ? { bytes: u, path: undefined } : (u ?? {}) as Record<string, unknown>;
    const name = decodedText(path);
    return isBytes(bytes) && bytes.length > 0
      ? t.success({ bytes, path: typeof name === "string" && name !== "" ? name : undefined })
      : t.failure(u === null || u === undefined ? u : "no bytes", context);
  },
  (p) => p,
);

const Row = t.intersection([
  t.type({ caption: Text }),
  t.partial({ url: t.union([Text, t.null]), picture: Picture, id: t.union([idCodec(), Text, t.null]) }),
]);

/** Parquet tables of pairs; the id is the table's, or the row's number. */
export const parquetPairs: Format<PairRecord> = {
  name: "parquet",
  reads: "Parquet tables of texts with addresses or pictures, such as COYO-700M and tables of Hugging Face",
  files: [{ name: "tables", many: true }],
  open: rows,
  machine: each(Row, ({ caption, url, picture, id }, entry) => {
    const image = picture?.path ?? url ?? (picture === undefined ? undefined : `row ${entry.index}`);
    return image === undefined
      ? refused(entry, field("url", "nothing", "an address or a picture"))
      : taken<PairRecord>(
        entry,
        [{ kind: "pair", id: id ?? String(entry.index), image, caption }],
        { picture: picture?.bytes },
      );
  }),
  unique: false,
};

/** Parquet tables written byte by byte, so that they may say what no writer says. */
import { ByteWriter } from "hyparquet-writer";
import { serializeTCompactProtocol } from "hyparquet-writer/src/thrift.js";
import { Buffer } from "node:buffer";

/** A structure of Thrift: fields by number. */
export type Struct = Readonly<Record<`field_${number}`, unknown>>;

/** The bytes of a structure. */
export const struct = (fields: Struct): Uint8Array => {
  const writer = new ByteWriter();
  serializeTCompactProtocol(writer as never, fields as never);
  return new Uint8Array(writer.getBytes());
};

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));

/** A number as runs and packed differences write it. */
export const varint = (value: number): number[] => {
  const out: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) out.push(value % 128 + 128);
  return [...out, value];
};

/** Bytes with their length before them, as plain values are. */
export const plain = (values: readonly string[]): Uint8Array =>
  joined(...values.flatMap((value) => {
    const bytes = new TextEncoder().encode(value), length = new Uint8Array(4);
    new DataView(length.buffer).setUint32(0, bytes.length, true);
    return [length, bytes];
  }));

/** Kinds of pages, encodings and compressions by their numbers. */
export const page = { data: 0, dictionary: 2, second: 3 } as const;
/** See {@link page}. */
export const encoding = { plain: 0, rle: 3, delta: 5, deltaBytes: 7, dictionary: 8 } as const;
/** See {@link page}. */
export const codec = { none: 0, snappy: 1, gzip: 2, brotli: 4, zstd: 6 } as const;

/** A page with its header, which says its true lengths unless `says` says otherwise. */
export const pageOf = (type: number, header: Struct, content: Uint8Array, says: Struct = {}): Uint8Array => {
  const at = type === page.data ? "field_5" : type === page.dictionary ? "field_7" : "field_8";
  const fields = { field_1: type, field_2: content.length, field_3: content.length, [at]: header, ...says };
  const sorted = Object.entries(fields).toSorted(([a], [b]) => Number(a.slice(6)) - Number(b.slice(6)));
  return joined(struct(Object.fromEntries(sorted) as Struct), content);
};

/** A page of the second version with `values` plain texts, all there. */
export const textPage = (values: readonly string[]): Uint8Array => {
  const head = {
    field_1: values.length,
    field_2: 0,
    field_3: values.length,
    field_4: encoding.plain,
    field_5: 0,
  };
  return pageOf(page.second, { ...head, field_6: 0 }, plain(values));
};

/** A column of texts or bytes. */
export interface ColumnBytes {
  /** Its path. */
  readonly path: readonly string[];
  /** Its pages. */
  readonly pages: Uint8Array;
  /** How they are compressed; not at all if absent. */
  readonly codec?: number;
  /** Bytes before compression that the footer speaks of; those of the pages if absent. */
  readonly whole?: number;
  /** Values that the footer speaks of; the rows of its group if absent. */
  readonly values?: number;
  /** The place of the first page; where it is if absent. */
  readonly place?: number;
  /** Bytes of the pages that the footer speaks of; their own if absent. */
  readonly length?: number;
}

/** A table of one group or of several; all columns may lack values if `optional`. */
export const tableOf = (
  groups: readonly { readonly rows: number; readonly columns: readonly ColumnBytes[] }[],
  { optional = false, rows, schema }: {
    readonly optional?: boolean;
    readonly rows?: number;
    readonly schema?: readonly Struct[];
  } = {},
): Uint8Array => {
  const parts: Uint8Array[] = [new TextEncoder().encode("PAR1")];
  let at = 4;
  const written = groups.map(({ rows, columns }) => ({
    field_1: columns.map(
      (
        { path, pages, codec = 0, whole = pages.length, values = rows, place = at, length = pages.length },
      ) => {
        parts.push(pages);
        at += pages.length;
        return {
          field_2: BigInt(place),
          field_3: {
            field_1: 6,
            field_2: [0],
            field_3: path,
            field_4: codec,
            field_5: BigInt(values),
            field_6: BigInt(whole),
            field_7: BigInt(length),
            field_9: BigInt(place),
          },
        };
      },
    ),
    field_2: BigInt(0),
    field_3: BigInt(rows),
  }));
  const names = [...new Set(groups[0]!.columns.map(({ path }) => path[0]!))];
  const columns = schema ?? [
    { field_4: "root", field_5: names.length },
    ...names.map((name) => ({ field_1: 6, field_3: optional ? 1 : 0, field_4: name })),
  ];
  const all = rows ?? groups.reduce((n, group) => n + group.rows, 0);
  return withFooter(parts, struct({ field_1: 2, field_2: columns, field_3: BigInt(all), field_4: written }));
};

/** A file of some parts and a footer. */
export const withFooter = (parts: readonly Uint8Array[], footer: Uint8Array, mark = "PAR1"): Uint8Array => {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, footer.length, true);
  return joined(...parts, footer, length, new TextEncoder().encode(mark));
};

/** The pages of one column of a Parquet group, decoded: one value for each row. */
import type { CompressionCodec, DecodedArray, PageHeader } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { parquetHeader } from "hyparquet/src/column.js";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { type Reader, readerOf, readRuns, readValues } from "./encodings.ts";
import { type LeafPlan, MAX_BYTES, maxExpansion } from "./plan.ts";
import { structureEnd, TableFault } from "./thrift_check.ts";

/** A value of a column: bytes, a number, or nothing. */
export type Value = Uint8Array | number | bigint | undefined;

const native = { GZIP: gunzipSync, BROTLI: brotliDecompressSync, ZSTD: zstdDecompressSync } as const;

/** A page as it was before compression, of exactly `size` bytes. */
const expanded = (bytes: Uint8Array, size: number, codec: CompressionCodec): Uint8Array => {
  if (size > maxExpansion(bytes.length)) {
    throw new TableFault(`a page of ${size} bytes from ${bytes.length} compressed ones`);
  }
  if (size === 0) return new Uint8Array(0);
  const name = codec as keyof typeof native;
  const made = codec === "UNCOMPRESSED"
    ? bytes
    : native[name] !== undefined
    ? native[name](bytes, { maxOutputLength: size })
    : compressors[codec]?.(bytes, size);
  if (made === undefined) throw new TableFault(`the compression ${codec}`);
  if (made.length !== size) {
    throw new TableFault(`a page of ${made.length} bytes, where its header says ${size}`);
  }
  // small results of zlib are in memory that others share
  return codec !== "UNCOMPRESSED" && made.buffer.byteLength > made.length ? Uint8Array.from(made) : made;
};

const within = (value: number | undefined, most: number, what: string): number => {
  if (value === undefined || !Number.isInteger(value) || value < 0 || value > most) {
    throw new TableFault(`${value ?? "nothing"} as ${what}`);
  }
  return value;
};

/** Contents of a data page: levels and values, apart, and how many of them. */
interface Page {
  readonly values: number;
  readonly encoding: string | undefined;
  readonly levels: Uint32Array | undefined;
  readonly data: Reader;
}

const bitsOf = (level: number): number => 32 - Math.clz32(level);

/** A page whose levels are compressed with its values. */
const firstPage = (header: PageHeader, bytes: Uint8Array, leaf: LeafPlan, rows: number): Page => {
  const head = header.data_page_header;
  if (head === undefined) throw new TableFault("a page without its header");
  const values = within(head.num_values, rows, "the values of a page");
  const data = readerOf(expanded(bytes, header.uncompressed_page_size, leaf.codec));
  if (leaf.level === 0) return { values, encoding: head.encoding, levels: undefined, data };
  if (head.definition_level_encoding !== "RLE") {
    throw new TableFault(`levels in the encoding ${head.definition_level_encoding}`);
  }
  if (data.view.byteLength < 4) throw new TableFault("a page without its levels");
  const end = 4 + within(data.view.getUint32(0, true), data.view.byteLength - 4, "the length of levels");
  const levels = readRuns({ view: part(data.view, 4, end), offset: 0 }, bitsOf(leaf.level), values);
  data.offset = end;
  return { values, encoding: head.encoding, levels, data };
};

const part = (view: DataView, from: number, to: number): DataView =>
  new DataView(view.buffer, view.byteOffset + from, to - from);

/** A page whose levels stand before its values, never compressed. */
const secondPage = (header: PageHeader, bytes: Uint8Array, leaf: LeafPlan, rows: number): Page => {
  const head = header.data_page_header_v2;
  if (head === undefined) throw new TableFault("a page without its header");
  const values = within(head.num_values, rows, "the values of a page");
  within(head.num_rows, rows, "the rows of a page");
  const nulls = within(head.num_nulls, values, "the missing values of a page");
  const repetition = within(head.repetition_levels_byte_length, bytes.length, "the length of levels");
  const definition = within(
    head.definition_levels_byte_length,
    bytes.length - repetition,
    "the length of levels",
  );
  const before = repetition + definition, rest = bytes.subarray(before);
  const size = within(header.uncompressed_page_size - before, MAX_BYTES, "the length of a page");
  const data = readerOf(expanded(rest, size, head.is_compressed === false ? "UNCOMPRESSED" : leaf.codec));
  const levels = leaf.level === 0
    ? undefined
    : readRuns(readerOf(bytes.subarray(repetition, before)), bitsOf(leaf.level), values);
  const missing = levels?.reduce((n, level) => n + (level === leaf.level ? 0 : 1), 0) ?? 0;
  if (missing !== nulls) throw new TableFault(`${missing} missing values in a page that says ${nulls}`);
  return { values, encoding: head.encoding, levels, data };
};

const fromDictionary = (data: Reader, dictionary: DecodedArray | undefined, count: number): DecodedArray => {
  if (dictionary === undefined) throw new TableFault("a page whose dictionary is not there");
  if (count === 0) return [];
  if (data.offset >= data.view.byteLength) throw new TableFault("a page without its values");
  const width = data.view.getUint8(data.offset++),
    places = readRuns(data, width, count),
    out = new Array(count);
  for (let i = 0; i < count; i++) {
    const place = places[i]!;
    if (place >= dictionary.length) {
      throw new TableFault(`place ${place} of a dictionary of ${dictionary.length}`);
    }
    out[i] = dictionary[place];
  }
  return out;
};

const number = (value: number | bigint, { unsigned }: LeafPlan): number | bigint =>
  !unsigned ? value : typeof value === "bigint" ? BigInt.asUintN(64, value) : value >>> 0;

/** The values of a column of a group, in the order of its rows. Throws a {@link TableFault}, or a decoder's error. */
export const readLeaf = (bytes: Uint8Array, leaf: LeafPlan, rows: number): Value[] => {
  const out: Value[] = [], { level } = leaf;
  let at = 0, whole = 0, held = 0, dictionary: DecodedArray | undefined;
  while (out.length < rows) {
    if (at >= bytes.length) throw new TableFault(`${out.length} of ${rows} values`);
    const reader = {
      view: new DataView(bytes.buffer, bytes.byteOffset, structureEnd(bytes, at)),
      offset: at,
    };
    const header = parquetHeader(reader);
    at = reader.offset;
    const size = within(header.compressed_page_size, bytes.length - at, "the length of a page");
    whole += within(header.uncompressed_page_size, leaf.whole, "the length of a page before compression");
    if (whole > leaf.whole) {
      throw new TableFault(`pages of more than the ${leaf.whole} bytes of their column`);
    }
    const content = bytes.subarray(at, at += size);
    if (header.type === "INDEX_PAGE") continue;
    if (header.type === "DICTIONARY_PAGE") {
      if (dictionary !== undefined || out.length > 0) {
        throw new TableFault("a dictionary that does not stand first");
      }
      const count = within(
        header.dictionary_page_header?.num_values,
        leaf.whole,
        "the values of a dictionary",
      );
      const data = readerOf(expanded(content, header.uncompressed_page_size, leaf.codec));
      dictionary = readValues(data, "PLAIN", leaf, count, MAX_BYTES);
      continue;
    }
    const left = rows - out.length;
    const page = header.type === "DATA_PAGE"
      ? firstPage(header, content, leaf, left)
      : header.type === "DATA_PAGE_V2"
      ? secondPage(header, content, leaf, left)
      : undefined;
    if (page === undefined || page.values === 0) {
      throw new TableFault(`a page of ${page?.values ?? "no known kind"}`);
    }
    const { levels, values } = page;
    const count = levels === undefined ? values : levels.reduce((n, l) => n + (l === level ? 1 : 0), 0);
    const decoded = page.encoding?.endsWith("_DICTIONARY") === true
      ? fromDictionary(page.data, dictionary, count)
      : readValues(page.data, page.encoding as never, leaf, count, MAX_BYTES);
    for (let i = 0, next = 0; i < values; i++) {
      if (levels !== undefined && levels[i] !== level) {
        out.push(undefined);
        continue;
      }
      const value = decoded[next++] as Value;
      // one value of a dictionary may be in any number of rows
      held += value instanceof Uint8Array ? value.length : 8;
      if (held > MAX_BYTES) throw new TableFault(`rows of more than ${MAX_BYTES} bytes`);
      out.push(value instanceof Uint8Array || value === undefined ? value : number(value, leaf));
    }
  }
  return out;
};

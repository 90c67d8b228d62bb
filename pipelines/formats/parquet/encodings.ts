/**
 * Values of Parquet pages, with every length checked before memory is taken for it. Plain values and packed differences
 * of whole numbers are hyparquet's; runs and byte arrays are decoded here, since its own believe any length.
 */
import type { DecodedArray, Encoding } from "hyparquet";
import { deltaBinaryUnpack } from "hyparquet/src/delta.js";
import { readPlain } from "hyparquet/src/plain.js";
import type { LeafPlan } from "./plan.ts";
import { TableFault } from "./thrift_check.ts";

/** Bytes that are read in order. */
export interface Reader {
  /** The bytes. */
  readonly view: DataView;
  /** Where the next one is. */
  offset: number;
}

/** A reader of some bytes. */
export const readerOf = (bytes: Uint8Array): Reader => ({
  view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
  offset: 0,
});

const left = ({ view, offset }: Reader): number => view.byteLength - offset;

const varint = (reader: Reader): number => {
  let value = 0;
  for (let i = 0; i < 5; i++) {
    if (left(reader) < 1) throw new TableFault("the end of a page inside a number");
    const byte = reader.view.getUint8(reader.offset++);
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return value;
  }
  throw new TableFault("a number of more than 35 bits");
};

/** Whole numbers of `width` bits in runs: of one number, or packed. */
export const readRuns = (reader: Reader, width: number, count: number): Uint32Array => {
  if (width > 32) throw new TableFault(`numbers of ${width} bits`);
  const out = new Uint32Array(count), bytes = Math.ceil(width / 8);
  for (let at = 0; at < count;) {
    const head = varint(reader), packed = head % 2 === 1, length = Math.floor(head / 2);
    if (!packed) {
      if (length === 0 || length > count - at) {
        throw new TableFault(`a run of ${length} of ${count - at} values`);
      }
      if (left(reader) < bytes) throw new TableFault("the end of a page inside a run");
      let value = 0;
      for (let i = 0; i < bytes; i++) value += reader.view.getUint8(reader.offset++) * 2 ** (8 * i);
      out.fill(value, at, at += length);
      continue;
    }
    // the last group of eight may be padded
    if (length === 0 || (length - 1) * 8 >= count - at) {
      throw new TableFault(`${length * 8} packed values of ${count - at}`);
    }
    if (left(reader) < length * width) throw new TableFault("the end of a page inside packed values");
    const values = Math.min(length * 8, count - at), from = reader.offset;
    for (let i = 0; i < values; i++) {
      let value = 0;
      for (let bit = 0; bit < width;) {
        const place = i * width + bit, inside = place & 7, taken = Math.min(8 - inside, width - bit);
        const byte = reader.view.getUint8(from + (place >> 3));
        value += ((byte >> inside) & ((1 << taken) - 1)) * 2 ** bit;
        bit += taken;
      }
      out[at++] = value;
    }
    reader.offset = from + length * width;
  }
  return out;
};

/** Refuses the head of packed differences whose blocks do not divide, or of another number of values. */
const checkDifferences = (reader: Reader, count: number): void => {
  const { offset } = reader, block = varint(reader), parts = varint(reader), values = varint(reader);
  reader.offset = offset;
  if (
    block < 128 || block % 128 !== 0 || block > 2 ** 20 || parts < 1 || block % parts !== 0 ||
    block / parts % 32 !== 0 || values !== count
  ) {
    throw new TableFault(`${values} of ${count} values in blocks of ${block} in ${parts} parts`);
  }
};

const lengthsOf = (reader: Reader, count: number): Int32Array => {
  const out = new Int32Array(count);
  if (count === 0) return out;
  checkDifferences(reader, count);
  deltaBinaryUnpack(reader, count, out);
  const bad = out.find((length) => length < 0);
  if (bad !== undefined) throw new TableFault(`a length of ${bad} bytes`);
  return out;
};

const bytesOf = (reader: Reader, length: number): Uint8Array => {
  if (length > left(reader)) throw new TableFault(`${length} bytes of ${left(reader)}`);
  const { buffer, byteOffset } = reader.view;
  const bytes = new Uint8Array(buffer, byteOffset + reader.offset, length);
  reader.offset += length;
  return bytes;
};

/** Byte arrays that begin as the one before. */
const withPrefixes = (reader: Reader, count: number, most: number): Uint8Array[] => {
  const prefixes = lengthsOf(reader, count), suffixes = lengthsOf(reader, count), out: Uint8Array[] = [];
  let before = new Uint8Array(0), all = 0;
  for (let i = 0; i < count; i++) {
    const suffix = bytesOf(reader, suffixes[i]!), prefix = prefixes[i]!;
    if (prefix > before.length) throw new TableFault(`a beginning of ${prefix} of ${before.length} bytes`);
    if ((all += prefix + suffix.length) > most) throw new TableFault(`more than ${most} bytes in a page`);
    const value = new Uint8Array(prefix + suffix.length);
    value.set(before.subarray(0, prefix));
    value.set(suffix, prefix);
    out.push(value);
    before = value;
  }
  return out;
};

const widths: Readonly<Partial<Record<LeafPlan["type"], number>>> = {
  INT32: 4,
  INT64: 8,
  FLOAT: 4,
  DOUBLE: 8,
};

/** `count` values of a page that are not in a dictionary. `most` bounds the bytes of all values together. */
export const readValues = (
  reader: Reader,
  encoding: Encoding,
  { type, width: fixed }: Pick<LeafPlan, "type" | "width">,
  count: number,
  most: number,
): DecodedArray => {
  const width = type === "FIXED_LEN_BYTE_ARRAY" ? fixed ?? 0 : widths[type];
  if (width === undefined && type !== "BYTE_ARRAY") throw new TableFault(`values of the type ${type}`);
  if (width !== undefined && width <= 0) throw new TableFault(`values of ${width} bytes`);
  switch (encoding) {
    case "PLAIN":
      if (count * (width ?? 4) > left(reader)) {
        throw new TableFault(`${count} values in ${left(reader)} bytes`);
      }
      return readPlain(reader, type, count, fixed);
    case "DELTA_BINARY_PACKED": {
      if (type !== "INT32" && type !== "INT64") break;
      const out = type === "INT32" ? new Int32Array(count) : new BigInt64Array(count);
      if (count > 0) checkDifferences(reader, count), deltaBinaryUnpack(reader, count, out);
      return out;
    }
    case "DELTA_LENGTH_BYTE_ARRAY":
      if (type !== "BYTE_ARRAY") break;
      return Array.from(lengthsOf(reader, count), (length) => bytesOf(reader, length));
    case "DELTA_BYTE_ARRAY":
      if (width !== undefined && type !== "FIXED_LEN_BYTE_ARRAY") break;
      return withPrefixes(reader, count, most);
    case "BYTE_STREAM_SPLIT": {
      if (width === undefined) break;
      if (count * width > left(reader)) throw new TableFault(`${count} values in ${left(reader)} bytes`);
      const bytes = new Uint8Array(count * width);
      for (let b = 0; b < width; b++) {
        for (let i = 0; i < count; i++) bytes[i * width + b] = reader.view.getUint8(reader.offset++);
      }
      return readPlain(readerOf(bytes), type, count, fixed);
    }
    default:
  }
  throw new TableFault(`values of the type ${type} in the encoding ${encoding}`);
};

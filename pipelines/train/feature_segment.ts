/**
 * Segments: files of rows of one size, each found by the content that it was computed from. A segment is written by one
 * process alone and only grows, so that a process that is killed leaves whole rows behind, and two that write at the
 * same time never meet in one file.
 *
 * `NAME.rows` holds the rows one after the other. `NAME.index` holds 40 bytes for each: the sha-256 of the content, the
 * CRC-32 of the row, and the CRC-32 of these 36 bytes. An entry is written after its row.
 */
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";

/** Bytes of an entry of the index. */
export const ENTRY = 40;

/** Where a row is. */
export interface RowPlace {
  /** The file of rows. */
  readonly path: string;
  /** Its place in the file, from 0. */
  readonly row: number;
  /** CRC-32 of its bytes. */
  readonly check: number;
}

/** The entry of a row. */
export const entryOf = (content: string, bytes: Uint8Array): Uint8Array => {
  const entry = new Uint8Array(ENTRY), view = new DataView(entry.buffer);
  entry.set(Buffer.from(content, "hex"), 0);
  view.setUint32(32, crc32(bytes), true);
  view.setUint32(36, crc32(entry.subarray(0, 36)), true);
  return entry;
};

/** Text of an index. */
export interface Index {
  /** The rows by content. */
  readonly rows: ReadonlyMap<string, RowPlace>;
  /** Entries that are damaged, or whose row is not in the file. */
  readonly damaged: number;
  /** Bytes that were read: whole entries. */
  readonly bytes: number;
}

/**
 * Reads an index from some entry on. An end in the middle of an entry is one that is being written, or was when its
 * process was killed: it does not count.
 * @param rows - path of the rows.
 * @param whole - how many whole rows exist.
 * @param first - number of the first entry of `bytes`.
 */
export const indexOf = (bytes: Uint8Array, rows: string, whole: number, first = 0): Index => {
  const found = new Map<string, RowPlace>(), count = Math.floor(bytes.length / ENTRY);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let damaged = 0;
  for (let i = 0; i < count; i++) {
    const at = i * ENTRY, row = first + i;
    if (view.getUint32(at + 36, true) !== crc32(bytes.subarray(at, at + 36)) || row >= whole) {
      damaged++;
      continue;
    }
    const content = Buffer.from(bytes.subarray(at, at + 32)).toString("hex");
    found.set(content, { path: rows, row, check: view.getUint32(at + 32, true) });
  }
  return { rows: found, damaged, bytes: count * ENTRY };
};

/** Whether the bytes of a row are those that its entry was made for. */
export const isWhole = (bytes: Uint8Array, { check }: RowPlace): boolean => crc32(bytes) === check;

/** Cuts text files of any size into lines, or into rows of quoted fields. */
import { brokenFile } from "./format.ts";
import { joined } from "../base/file_bytes.ts";

/** A line or row, not yet decoded. */
export interface TextPiece {
  /** Its place among those that are not blank, from 0. */
  readonly index: number;
  /** The number of its first line, from 1. */
  readonly line: number;
  /** Offset of its first byte. */
  readonly at: number;
  /** Its bytes, without the line's end. */
  readonly bytes: Uint8Array;
}

/** Cuts chunks, which may end anywhere. */
export interface TextSplitter {
  /** The pieces that end in the next chunk. Throws a `FormatError` for a piece that is too long. */
  readonly push: (chunk: Uint8Array) => readonly TextPiece[];
  /** The piece that the end of the file ends. Throws a `FormatError` inside a quoted field. */
  readonly end: () => readonly TextPiece[];
}

/** Maximum number of bytes of one line or row. */
const LIMIT = 1 << 26;
const NEWLINE = 10, RETURN = 13, QUOTE = 34, TAB = 9;

/**
 * Cuts at line ends. With `quoted`, line ends inside of fields that begin and end with quotes do not count; a quote
 * inside such a field is written twice (RFC 4180, with tabs between fields).
 */
export const textSplitter = (file: string, quoted = false): TextSplitter => {
  let parts: Uint8Array[] = [], held = 0, offset = 0, start = 0, index = 0, line = 1, firstLine = 1;
  let inQuotes = false, fieldStart = true;
  const close = (): readonly TextPiece[] => {
    const all = joined(parts), bom = start === 0 && all[0] === 0xef && all[1] === 0xbb && all[2] === 0xbf;
    const bytes = all.subarray(bom ? 3 : 0, all.at(-1) === RETURN ? all.length - 1 : all.length);
    const piece = { index, line: firstLine, at: start, bytes };
    [parts, held, fieldStart] = [[], 0, true];
    if (bytes.every((b) => b === 32 || b === TAB)) return [];
    index++;
    return [piece];
  };
  const keep = (part: Uint8Array): void => {
    held += part.length;
    if (held > LIMIT) throw brokenFile(file, `a line of more than ${LIMIT} bytes at byte ${start}`, "lines");
    if (part.length > 0) parts.push(part);
  };
  return {
    push: (chunk) => {
      const out: TextPiece[] = [];
      let from = 0;
      for (let i = 0; i < chunk.length; i++) {
        const byte = chunk[i]!;
        // a doubled quote leaves the field and enters it again, which comes to the same
        if (quoted && byte === QUOTE && (inQuotes || fieldStart)) {
          inQuotes = !inQuotes;
          fieldStart = !inQuotes;
          continue;
        }
        fieldStart = byte === TAB;
        if (byte !== NEWLINE) continue;
        line++;
        if (inQuotes) continue;
        keep(chunk.slice(from, i));
        out.push(...close());
        [from, start, firstLine] = [i + 1, offset + i + 1, line];
      }
      keep(chunk.slice(from));
      offset += chunk.length;
      return out;
    },
    end: () => {
      if (inQuotes) {
        throw brokenFile(file, `the end of the file inside a quoted field of line ${firstLine}`, "its quote");
      }
      return parts.length === 0 ? [] : close();
    },
  };
};

/** The fields of a row between tabs, at most `most` and one more; quotes around a field are taken off. */
export const fieldsOf = (row: string, most: number): readonly string[] => {
  const out: string[] = [];
  let at = 0;
  for (;;) {
    let end: number, field: string;
    if (row[at] === '"') {
      let close = at + 1;
      while (close < row.length && (row[close] !== '"' || row[close + 1] === '"')) {
        close += row[close] === '"' ? 2 : 1;
      }
      end = row.indexOf("\t", close);
      field = row.slice(at + 1, close).replaceAll('""', '"') +
        row.slice(close + 1, end < 0 ? row.length : end);
    } else {
      end = row.indexOf("\t", at);
      field = row.slice(at, end < 0 ? row.length : end);
    }
    out.push(field);
    if (end < 0 || out.length > most) return out;
    at = end + 1;
  }
};

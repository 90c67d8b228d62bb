/**
 * Cuts a JSON file of any size into the values of its lists, without parsing them and without holding more than one:
 * each value is then parsed by itself, so that one that is not JSON is refused alone, at its place. Parsers of whole
 * streams end at the first wrong byte, which is why none is used.
 */
import { jsonOf } from "./decoding.ts";
import { brokenFile } from "./format.ts";
import { joined } from "../base/file_bytes.ts";

/** Where the values of interest stand. */
export type JsonLayout =
  /** In a list that is the whole file. */
  | { readonly root: "list" }
  /** Under the keys of an object that is the whole file. */
  | { readonly root: "dictionary" }
  /** In lists under these keys of an object; its other members must be JSON and are passed over. All must be there. */
  | { readonly root: "sections"; readonly names: readonly string[] };

/** One value, not yet parsed. */
export interface JsonPiece {
  /** The key of its list; "" for files that are one list or dictionary. */
  readonly section: string;
  /** Its place in the list, from 0. */
  readonly index: number;
  /** Its key in a dictionary. */
  readonly key?: string;
  /** Offset of its first byte. */
  readonly at: number;
  /** Its bytes. */
  readonly bytes: Uint8Array;
}

/** Cuts chunks, which may end anywhere. */
export interface JsonSplitter {
  /** The values that end in the next chunk. Throws a `FormatError` where the structure around them breaks. */
  readonly push: (chunk: Uint8Array) => readonly JsonPiece[];
  /** Throws a `FormatError` if the file ends too early. */
  readonly end: () => void;
}

/** Maximum number of bytes of one value, and of a member that is passed over if it is to be checked. */
const LIMIT = 1 << 26, MAX_CHECKED = 1 << 20;

const enum At {
  Start,
  First,
  Key,
  Colon,
  Value,
  After,
  InKey,
  InValue,
  Done,
}

const wanted: Readonly<Record<At, string>> = {
  [At.Start]: "the bracket that opens it",
  [At.First]: "a first value, or the closing bracket",
  [At.Key]: "a key",
  [At.Colon]: "a colon",
  [At.Value]: "a value",
  [At.After]: "a comma or the closing bracket",
  [At.InKey]: "the rest of a key",
  [At.InValue]: "the rest of a value",
  [At.Done]: "nothing more",
};

const QUOTE = 34,
  COMMA = 44,
  COLON = 58,
  OPEN_LIST = 91,
  ESCAPE = 92,
  CLOSE_LIST = 93,
  OPEN = 123,
  CLOSE = 125;

const isSpace = (byte: number): boolean => byte === 32 || byte === 10 || byte === 13 || byte === 9;
const endsScalar = (byte: number): boolean =>
  isSpace(byte) || byte === COMMA || byte === CLOSE_LIST || byte === CLOSE;

interface Container {
  readonly list: boolean;
  readonly section: string;
  count: number;
}

/** A splitter for one file. */
export const jsonSplitter = (file: string, layout: JsonLayout): JsonSplitter => {
  const open: Container[] = [], found = new Set<string>();
  let state = At.Start, offset = 0, key: string | undefined;
  let parts: Uint8Array[] = [], held = 0, start = 0;
  let depth = 0, inString = false, escaped = false, scalar = false, kept = false;

  const broken = (at: number, byte?: number): never => {
    const place = open.at(-1), name = `${place?.section ?? ""}[${place?.count ?? 0}]`;
    const got = byte === undefined ? "the end of the file" : JSON.stringify(String.fromCharCode(byte));
    throw brokenFile(
      file,
      `${got} at byte ${at}${
        place === undefined ? "" : `, about ${key === undefined ? name : JSON.stringify(key)}`
      }`,
      wanted[state],
    );
  };
  const begin = (to: At.InKey | At.InValue, byte: number, at: number): void => {
    state = to;
    [parts, held, start] = [[], 0, at];
    [depth, inString, escaped] = [0, byte === QUOTE, false];
    scalar = byte !== QUOTE && byte !== OPEN && byte !== OPEN_LIST;
    if (byte === OPEN || byte === OPEN_LIST) depth = 1;
  };
  const value = (byte: number, at: number): void => {
    const top = open.at(-1)!;
    if (layout.root === "sections" && open.length === 1) {
      if (layout.names.includes(key!)) {
        if (byte !== OPEN_LIST) {
          throw brokenFile(file, `${JSON.stringify(key)} that is no list, at byte ${at}`, "a list");
        }
        if (found.has(key!)) throw brokenFile(file, `${JSON.stringify(key)} twice`, "every key once");
        found.add(key!);
        open.push({ list: true, section: key!, count: 0 });
        key = undefined;
        state = At.First;
        return;
      }
      kept = false;
    } else kept = true;
    if (endsScalar(byte) || byte === COLON) broken(at, byte);
    begin(At.InValue, byte, at);
    if (!top.list && key === undefined) broken(at, byte);
  };
  /** One byte outside of values and keys. */
  const structure = (byte: number, at: number): void => {
    if (isSpace(byte)) return;
    const top = open.at(-1);
    switch (state) {
      case At.Start:
        if (byte !== (layout.root === "list" ? OPEN_LIST : OPEN)) broken(at, byte);
        open.push({ list: layout.root === "list", section: "", count: 0 });
        state = At.First;
        return;
      case At.First:
      case At.After:
        if (byte === (top!.list ? CLOSE_LIST : CLOSE)) {
          open.pop();
          key = undefined;
          state = open.length === 0 ? At.Done : At.After;
          return;
        }
        if (state === At.After) {
          if (byte !== COMMA) broken(at, byte);
          state = top!.list ? At.Value : At.Key;
          return;
        }
        if (top!.list) return value(byte, at);
        if (byte !== QUOTE) broken(at, byte);
        return begin(At.InKey, byte, at);
      case At.Key:
        if (byte !== QUOTE) broken(at, byte);
        return begin(At.InKey, byte, at);
      case At.Colon:
        if (byte !== COLON) broken(at, byte);
        state = At.Value;
        return;
      case At.Value:
        return value(byte, at);
      default:
        broken(at, byte);
    }
  };
  /** Where the value or key that is being read ends in the chunk, or -1. */
  const endIn = (chunk: Uint8Array, from: number): number => {
    for (let i = from; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (scalar) {
        if (endsScalar(byte)) return i;
      } else if (inString) {
        if (escaped) escaped = false;
        else if (byte === ESCAPE) escaped = true;
        else if (byte === QUOTE) {
          inString = false;
          if (depth === 0) return i + 1;
        }
      } else if (byte === QUOTE) inString = true;
      else if (byte === OPEN || byte === OPEN_LIST) depth++;
      else if ((byte === CLOSE || byte === CLOSE_LIST) && --depth === 0) return i + 1;
    }
    return -1;
  };
  const keep = (chunk: Uint8Array, from: number, to: number): void => {
    held += to - from;
    if (state === At.InValue && !kept && held > MAX_CHECKED) {
      parts = [];
      return;
    }
    if (held > LIMIT) {
      throw brokenFile(file, `a value of more than ${LIMIT} bytes at byte ${start}`, "records");
    }
    parts.push(chunk.slice(from, to));
  };
  const closeKey = (): void => {
    try {
      key = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(joined(parts))) as string;
    } catch {
      throw brokenFile(file, `a key at byte ${start} that is not JSON`, "a text in quotes");
    }
    state = At.Colon;
  };
  const closeValue = (out: JsonPiece[]): void => {
    const top = open.at(-1)!;
    if (kept) {
      const named = key === undefined ? {} : { key };
      out.push({ section: top.section, index: top.count, ...named, at: start, bytes: joined(parts) });
    } else if (held <= MAX_CHECKED && "fault" in jsonOf(joined(parts))) {
      throw brokenFile(file, `${JSON.stringify(key)} at byte ${start}, which is not JSON`, "JSON");
    }
    top.count++;
    [key, state, parts] = [undefined, At.After, []];
  };
  return {
    push: (chunk) => {
      const out: JsonPiece[] = [];
      let i = offset === 0 && chunk[0] === 0xef && chunk[1] === 0xbb && chunk[2] === 0xbf ? 3 : 0;
      while (i < chunk.length) {
        if (state !== At.InKey && state !== At.InValue) {
          structure(chunk[i]!, offset + i);
          // what has begun ends behind its first byte; brackets of lists of interest are structure
          const began = (state as At) === At.InKey || (state as At) === At.InValue;
          if (!began) {
            i++;
            continue;
          }
          keep(chunk, i, ++i);
        }
        const end = endIn(chunk, i), to = end < 0 ? chunk.length : end;
        keep(chunk, i, to);
        i = to;
        if (end < 0) break;
        if (state === At.InKey) closeKey();
        else closeValue(out);
      }
      offset += chunk.length;
      return out;
    },
    end: () => {
      if (state !== At.Done) broken(offset);
      const absent = layout.root === "sections" ? layout.names.filter((name) => !found.has(name)) : [];
      if (absent.length > 0) throw brokenFile(file, `no list under ${absent.join(", ")}`, "that list");
    },
  };
};

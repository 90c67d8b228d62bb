/** The header of a safetensors file: names, element types, shapes and places of the tensors. */
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither } from "../base/bridge.ts";
import { refuse, type SafetensorsError } from "./fault.ts";
import { nestsDeeper, repeatedKey } from "./json_keys.ts";
import { storedBytes, type StoredType } from "./stored.ts";

/**
 * Longest header that is read or written, bytes. The format allows 100 MB, but the JSON of such a header takes more
 * memory than a loader may use alongside the weights; a checkpoint of a thousand tensors needs 0.1 MB.
 */
export const MAX_HEADER_BYTES = 2 ** 25;

/** Name of the header entry that holds free text instead of a tensor. */
export const METADATA = "__metadata__";

/** Names that no tensor may have: one is the metadata's, the other would reach an object's prototype. */
export const RESERVED: readonly string[] = [METADATA, "__proto__"];

const isNatural = (u: unknown): u is number => Number.isSafeInteger(u) && (u as number) >= 0;

const natural: t.Type<number, number, unknown> = new t.Type<number, number, unknown>(
  "a whole number, 0 or more",
  isNatural,
  (u, context) => isNatural(u) ? t.success(u) : t.failure(u, context),
  t.identity,
);

const isStoredType = (u: unknown): u is StoredType => typeof u === "string" && Object.hasOwn(storedBytes, u);

const storedType: t.Type<StoredType, StoredType, unknown> = new t.Type<StoredType, StoredType, unknown>(
  `one of ${Object.keys(storedBytes).join(", ")}`,
  isStoredType,
  (u, context) => isStoredType(u) ? t.success(u) : t.failure(u, context),
  t.identity,
);

/** Where one tensor is and what it is. */
export interface HeaderEntry {
  /** Element type as stored. */
  readonly dtype: StoredType;
  /** Lengths of the axes. */
  readonly shape: readonly number[];
  /** First byte and one past the last, counted from the end of the header. */
  readonly data_offsets: readonly [number, number];
}

const headerEntry: t.Type<HeaderEntry, unknown, unknown> = t.readonly(t.type({
  dtype: storedType,
  shape: t.readonlyArray(natural),
  data_offsets: t.readonly(t.tuple([natural, natural])),
}, "an entry {dtype, shape, data_offsets}"));

/** A checked header. */
export interface Header {
  /** Tensors in the order of the file's data. */
  readonly tensors: readonly (readonly [string, HeaderEntry])[];
  /** The free text of the file. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Byte of the file at which the data begins. */
  readonly dataStart: number;
}

type Checked<A> = E.Either<SafetensorsError, A>;

/** Bytes of the length that every file begins with. */
export const LENGTH_BYTES = 8;

/** The byte at which the data of a file begins, from its first eight bytes and its size. */
export const dataStartOf = (lead: Uint8Array, fileBytes: number): Checked<number> => {
  if (fileBytes < LENGTH_BYTES) {
    return E.left(refuse("truncated", `a file of ${fileBytes} bytes`, `at least ${LENGTH_BYTES} bytes`));
  }
  const length = new DataView(lead.buffer, lead.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length < 2n || length > BigInt(MAX_HEADER_BYTES)) {
    return E.left(
      refuse("header-length", `a header of ${length} bytes`, `between 2 and ${MAX_HEADER_BYTES} bytes`),
    );
  }
  const dataStart = LENGTH_BYTES + Number(length);
  return dataStart <= fileBytes
    ? E.right(dataStart)
    : E.left(refuse("truncated", `a file of ${fileBytes} bytes`, `a header up to byte ${dataStart}`));
};

const headerText = (header: Uint8Array): Checked<string> =>
  E.tryCatch(
    // a copy, as shared memory cannot be decoded
    () => new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(header.slice()),
    () => refuse("header-json", "a header that is not UTF-8 text", "JSON in UTF-8"),
  );

/** Deepest nesting that is parsed: an entry's shape is the third level. */
export const MAX_DEPTH = 16;

const parsed = (text: string): Checked<Readonly<Record<string, unknown>>> => {
  if (nestsDeeper(text, MAX_DEPTH)) {
    return E.left(
      refuse("header-json", `brackets nested deeper than ${MAX_DEPTH}`, "a JSON object of entries"),
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    return E.left(refuse("header-json", `a header that is not JSON (${said})`, "a JSON object"));
  }
  if (!text.startsWith("{") || typeof json !== "object" || json === null) {
    return E.left(refuse("header-json", "a header that does not begin with {", "a JSON object"));
  }
  const twice = repeatedKey(text);
  if (twice !== undefined) {
    return E.left(
      refuse("duplicate-name", `${JSON.stringify(twice)} twice in the header`, "every name once"),
    );
  }
  if (Object.hasOwn(json, "__proto__")) {
    return E.left(refuse("reserved-name", "a tensor named __proto__", "another name"));
  }
  return E.right(json as Record<string, unknown>);
};

const shaped = <A>(codec: t.Type<A, unknown, unknown>, value: unknown): Checked<A> =>
  pipe(
    decodeEither(codec, "safetensors header")(value),
    E.mapLeft((error) => refuse("header-shape", error.got, error.expected)),
  );

/**
 * The fields of a record, each of one type. The first field that is not ends the check: a hostile record of millions of
 * them would make as many refusals.
 */
export const fieldsOf = <A>(codec: t.Type<A, unknown, unknown>, value: unknown): Checked<Record<string, A>> =>
  pipe(
    shaped(t.UnknownRecord, value),
    E.chain((record): Checked<Record<string, A>> => {
      const one = t.record(t.string, codec), fields: [string, A][] = [];
      for (const [name, field] of Object.entries(record)) {
        const checked = codec.decode(field);
        if (E.isRight(checked)) fields.push([name, checked.right]);
        else return shaped(one, { [name]: field });
      }
      return E.right(Object.fromEntries(fields));
    }),
  );

/** Number of elements of a shape, or `undefined` beyond what a number can count. */
const countOf = (shape: readonly number[]): number | undefined => {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const length of shape) {
    count *= length;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
};

const showShape = (shape: readonly number[]): string =>
  `[${shape.slice(0, 8).join(", ")}${shape.length > 8 ? `, and ${shape.length - 8} more` : ""}]`;

const sizeFault = (name: string, entry: HeaderEntry): SafetensorsError | undefined => {
  const [begin, end] = entry.data_offsets;
  if (end < begin) {
    return refuse(
      "offsets",
      `bytes ${begin} to ${end} for ${name}`,
      "an end that is not before the beginning",
    );
  }
  const count = countOf(entry.shape);
  const want = count === undefined ? undefined : count * storedBytes[entry.dtype];
  return want === end - begin ? undefined : refuse(
    "size",
    `${end - begin} bytes for ${name}, ${entry.dtype} ${showShape(entry.shape)}`,
    want === undefined ? "a shape of fewer than 2^53 elements" : `${want} bytes`,
  );
};

const layoutFault = (
  tensors: readonly (readonly [string, HeaderEntry])[],
  dataBytes: number,
): SafetensorsError | undefined => {
  let at = 0;
  let before = "the header";
  for (const [name, entry] of tensors) {
    const fault = sizeFault(name, entry);
    if (fault !== undefined) return fault;
    const [begin, end] = entry.data_offsets;
    if (begin < at) return refuse("overlap", `${name} at byte ${begin}`, `at ${at}, after ${before}`);
    if (begin > at) return refuse("gap", `${name} at byte ${begin}`, `at ${at}, right after ${before}`);
    if (end > dataBytes) {
      return refuse("truncated", `${dataBytes} bytes of data`, `data up to byte ${end} for ${name}`);
    }
    at = end;
    before = name;
  }
  return at === dataBytes
    ? undefined
    : refuse("gap", `${dataBytes - at} bytes after ${before}`, "the end of the file");
};

const byPlace = (a: readonly [string, HeaderEntry], b: readonly [string, HeaderEntry]): number =>
  a[1].data_offsets[0] - b[1].data_offsets[0] || a[1].data_offsets[1] - b[1].data_offsets[1];

/**
 * Checks the header of a file of `fileBytes` bytes, given the bytes between its length and its data: JSON, names, types,
 * sizes, and that the data is tiled exactly.
 */
export const parseHeader = (header: Uint8Array, fileBytes: number): Checked<Header> =>
  pipe(
    headerText(header),
    E.chain(parsed),
    E.chain(({ [METADATA]: metadata = {}, ...rest }) =>
      pipe(
        fieldsOf(t.string, metadata),
        E.chain((metadata) =>
          pipe(fieldsOf(headerEntry, rest), E.map((all) => ({ metadata, all: Object.entries(all) })))
        ),
      )
    ),
    E.chain(({ metadata, all }): Checked<Header> => {
      const tensors = all.toSorted(byPlace), dataStart = LENGTH_BYTES + header.byteLength;
      const fault = layoutFault(tensors, fileBytes - dataStart);
      return fault === undefined ? E.right({ tensors, metadata, dataStart }) : E.left(fault);
    }),
  );

/** Reads and checks the header of a whole file. */
export const readHeader = (bytes: Uint8Array): Checked<Header> =>
  pipe(
    dataStartOf(bytes, bytes.byteLength),
    E.chain((dataStart) => parseHeader(bytes.subarray(LENGTH_BYTES, dataStart), bytes.byteLength)),
  );

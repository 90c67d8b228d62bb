/**
 * The safetensors format, purely: named arrays to bytes and back.
 * Layout: 8 bytes little-endian header length, a JSON header, the data without holes.
 */
import type { NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { refuse, type SafetensorsError } from "./fault.ts";
import { type HeaderEntry, MAX_HEADER_BYTES, METADATA, readHeader, RESERVED } from "./header.ts";
import {
  type Float64Policy,
  fromStored,
  narrow,
  storedBytes,
  type StoredType,
  storedTypeOf,
} from "./stored.ts";

/** Arrays by name. */
export type Tensors = Readonly<Record<string, NdArray>>;

/** What a file holds. */
export interface Safetensors {
  /** Arrays by name, in the order of the file's data. */
  readonly tensors: Tensors;
  /** Free text by name. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** How to read. */
export interface DecodeOptions {
  /** What becomes of float64 numbers; `narrow` unless said. */
  readonly float64?: Float64Policy;
}

interface Placed {
  readonly name: string;
  readonly type: StoredType;
  readonly array: NdArray;
}

const MEND = "correct the tensors before they are saved";

/** The type in which float32 numbers are written. */
export type FloatFormat = "F32" | "F16" | "BF16";

/** Half of the gap above the greatest finite float16 number: from here on, rounding gives an infinity. */
const F16_OVERFLOW = 65520;

const tooLarge = (data: NdArray["data"]): number =>
  data.findIndex((x) => Math.abs(x) >= F16_OVERFLOW && Number.isFinite(x));

const placed = (floats: FloatFormat) =>
(
  [name, array]: readonly [string, NdArray],
): E.Either<SafetensorsError, Placed> => {
  if (RESERVED.includes(name)) {
    return E.left(refuse("reserved-name", `a tensor named ${name}`, "another name", MEND));
  }
  const type = storedTypeOf(array);
  if (E.isLeft(type)) {
    return E.left(refuse("value", `${type.left} for ${name}`, "the dtype's own array", MEND));
  }
  const count = array.shape.reduce((a, b) => a * b, 1);
  if (count !== array.data.length) {
    const got = `${array.data.length} elements for ${name}, shape [${array.shape.join(", ")}]`;
    return E.left(refuse("size", got, `${count} elements`, MEND));
  }
  const bad = array.dtype === "bool" ? array.data.findIndex((byte) => byte > 1) : -1;
  if (bad >= 0) {
    return E.left(
      refuse("value", `${array.data[bad]} at element ${bad} of ${name}`, "0 or 1 in a bool", MEND),
    );
  }
  const over = type.right === "F32" && floats === "F16" ? tooLarge(array.data) : -1;
  return over < 0 ? E.right({ name, type: type.right === "F32" ? floats : type.right, array }) : E.left(
    refuse(
      "value",
      `${array.data[over]} at element ${over} of ${name}`,
      "numbers that float16 holds",
      "write bf16 or f32",
    ),
  );
};

const bytesFor = ({ type, array }: Placed): number => array.data.length * storedBytes[type];

// Wide elements first keeps every array aligned; names in code-unit order make equal trees equal files.
const byWidthThenName = (a: Placed, b: Placed): number =>
  storedBytes[b.type] - storedBytes[a.type] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const headerBytes = (
  tensors: readonly Placed[],
  metadata: Readonly<Record<string, string>>,
): E.Either<SafetensorsError, Uint8Array> => {
  const fields: string[] = [];
  const texts = Object.entries(metadata).toSorted(([a], [b]) => a < b ? -1 : a > b ? 1 : 0);
  if (texts.length > 0) {
    const said = texts.map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`).join(",");
    fields.push(`"${METADATA}":{${said}}`);
  }
  let at = 0;
  for (const tensor of tensors) {
    const { name, type, array } = tensor, end = at + bytesFor(tensor);
    const entry: HeaderEntry = { dtype: type, shape: array.shape, data_offsets: [at, end] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    at = end;
  }
  const text = new TextEncoder().encode(`{${fields.join(",")}}`);
  const length = Math.ceil(text.byteLength / 8) * 8;
  if (length > MAX_HEADER_BYTES) {
    return E.left(
      refuse(
        "header-length",
        `a header of ${length} bytes`,
        `at most ${MAX_HEADER_BYTES}`,
        "shorten the metadata",
      ),
    );
  }
  const out = new Uint8Array(8 + length).fill(0x20);
  new DataView(out.buffer).setBigUint64(0, BigInt(length), true);
  out.set(text, 8);
  return E.right(out);
};

/** Numbers that are rounded at a time. */
const ROUNDED = 2 ** 20;

const dataOf = function* ({ type, array: { data } }: Placed): Iterable<Uint8Array> {
  if (type !== "F16" && type !== "BF16") {
    yield new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    return;
  }
  for (let at = 0; at < data.length; at += ROUNDED) {
    yield narrow(type, (data as Float32Array).subarray(at, at + ROUNDED));
  }
};

/** A file to be written. */
export interface EncodedFile {
  /** Length and header. */
  readonly header: Uint8Array;
  /** Size of the data after it. */
  readonly dataBytes: number;
  /** The data, one part after another; what is rounded is made as it is asked for. */
  readonly data: () => Iterable<Uint8Array>;
}

/**
 * The file of named arrays, its float32 numbers in the given format. Equal arrays and metadata give equal bytes,
 * whatever their order.
 */
export const encodeFile = (
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
  floats: FloatFormat = "F32",
): E.Either<SafetensorsError, EncodedFile> =>
  pipe(
    Object.entries(tensors),
    E.traverseArray(placed(floats)),
    E.map((all) => all.toSorted(byWidthThenName)),
    E.chain((all) =>
      pipe(
        headerBytes(all, metadata),
        E.map((header) => ({
          header,
          dataBytes: all.reduce((n, tensor) => n + bytesFor(tensor), 0),
          data: function* () {
            for (const tensor of all) yield* dataOf(tensor);
          },
        })),
      )
    ),
  );

/** The file of named arrays as parts to be written one after another: the header, then views of the arrays' own data. */
export const encodeParts = (
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): E.Either<SafetensorsError, readonly Uint8Array[]> =>
  pipe(encodeFile(tensors, metadata), E.map(({ header, data }) => [header, ...data()]));

/** The bytes of parts, joined. */
export const joinParts = (parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> => {
  const out = new Uint8Array(parts.reduce((n, part) => n + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.byteLength;
  }
  return out;
};

/** The file of named arrays as one array of bytes. */
export const encode = (
  tensors: Tensors,
  metadata: Readonly<Record<string, string>> = {},
): E.Either<SafetensorsError, Uint8Array<ArrayBuffer>> =>
  pipe(encodeParts(tensors, metadata), E.map(joinParts));

/**
 * Named arrays from the bytes of a file.
 *
 * Every entry is checked before any data is read. 16-bit and 64-bit floats become `f32`, integers `i32` or `u32`.
 * Aligned 32-bit data is a view of `bytes`: do not write to them afterwards.
 */
export const decode = (
  bytes: Uint8Array,
  options: DecodeOptions = {},
): E.Either<SafetensorsError, Safetensors> =>
  pipe(
    readHeader(bytes),
    E.chain(({ tensors, metadata, dataStart }) =>
      pipe(
        tensors,
        E.traverseArray(([name, { dtype, shape, data_offsets: [begin, end] }]) =>
          pipe(
            fromStored(
              name,
              dtype,
              shape,
              bytes.subarray(dataStart + begin, dataStart + end),
              options.float64 ?? "narrow",
            ),
            E.map((array) => [name, array] as const),
          )
        ),
        E.map((arrays) => ({ tensors: Object.fromEntries(arrays), metadata })),
      )
    ),
  );

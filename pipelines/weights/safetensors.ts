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

/** Contents of a file. */
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

/** A tensor before its numbers are known. */
export interface TensorForm {
  /** Its element type in the file. */
  readonly type: StoredType;
  /** Lengths of its axes. */
  readonly shape: readonly number[];
}

/** A tensor of a file to be written. */
export type PlannedTensor = TensorForm & {
  /** Its name. */
  readonly name: string;
};

/** A file to be written, before any number of it is read. */
export interface FilePlan {
  /** Length and header. */
  readonly header: Uint8Array;
  /** The tensors in the order of the data. */
  readonly tensors: readonly PlannedTensor[];
  /** Size of the data after the header. */
  readonly dataBytes: number;
}

const HINT = "correct the tensors before they are saved";

/** The type in which float32 numbers are written. */
export type FloatFormat = "F32" | "F16" | "BF16";

/** Half of the gap above the largest finite float16 number: from here on, rounding gives an infinity. */
const F16_OVERFLOW = 65520;

const tooLarge = (data: NdArray["data"]): number =>
  data.findIndex((x) => Math.abs(x) >= F16_OVERFLOW && Number.isFinite(x));

/** The tensors of arrays, their float32 numbers in the given format. */
export const formsOf = (
  tensors: Tensors,
  floats: FloatFormat = "F32",
): E.Either<SafetensorsError, Readonly<Record<string, TensorForm>>> =>
  pipe(
    Object.entries(tensors),
    E.traverseArray(([name, array]) =>
      pipe(
        storedTypeOf(array),
        E.mapLeft((held) => refuse("value", `${held} for ${name}`, "the dtype's own array", HINT)),
        E.map((type) => [name, { type: type === "F32" ? floats : type, shape: array.shape }] as const),
      )
    ),
    E.map((forms) => Object.fromEntries(forms)),
  );

/** Bytes of a tensor in a file. */
export const bytesOf = ({ type, shape }: TensorForm): number =>
  shape.reduce((n, length) => n * length, storedBytes[type]);

// Wide elements first keeps every array aligned; names in code-unit order make equal trees equal files.
const byWidthThenName = (a: PlannedTensor, b: PlannedTensor): number =>
  storedBytes[b.type] - storedBytes[a.type] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);

const headerBytes = (
  tensors: readonly PlannedTensor[],
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
    const { name, type, shape } = tensor, end = at + bytesOf(tensor);
    const entry: HeaderEntry = { dtype: type, shape, data_offsets: [at, end] };
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

const rounded = function* (type: "F16" | "BF16", data: Float32Array): Iterable<Uint8Array> {
  for (let at = 0; at < data.length; at += ROUNDED) yield narrow(type, data.subarray(at, at + ROUNDED));
};

const numberFault = (
  { name, type }: PlannedTensor,
  { dtype, data }: NdArray,
): SafetensorsError | undefined => {
  const bad = dtype === "bool" ? data.findIndex((byte) => byte > 1) : -1;
  if (bad >= 0) return refuse("value", `${data[bad]} at element ${bad} of ${name}`, "0 or 1 in a bool", HINT);
  const over = type === "F16" ? tooLarge(data) : -1;
  return over < 0 ? undefined : refuse(
    "value",
    `${data[over]} at element ${over} of ${name}`,
    "numbers that float16 holds",
    "write bf16 or f32",
  );
};

/** The data of a planned tensor from its array, part after part; what is rounded is made as it is asked for. */
export const dataOf = (
  planned: PlannedTensor,
  array: NdArray,
): E.Either<SafetensorsError, Iterable<Uint8Array>> => {
  const { name, type } = planned, { data } = array, held = storedTypeOf(array);
  if (E.isLeft(held)) {
    return E.left(refuse("value", `${held.left} for ${name}`, "the dtype's own array", HINT));
  }
  const count = bytesOf(planned) / storedBytes[type];
  if (count !== data.length || (held.right !== type && !(held.right === "F32" && /^B?F16$/.test(type)))) {
    const got = `${data.length} elements of ${held.right} for ${name}`;
    return E.left(refuse("size", got, `${count} elements of ${type}`, HINT));
  }
  const fault = numberFault(planned, array);
  if (fault !== undefined) return E.left(fault);
  return E.right(
    type === "F16" || type === "BF16"
      ? rounded(type, data as Float32Array)
      : [new Uint8Array(data.buffer, data.byteOffset, data.byteLength)],
  );
};

/** The plan of a file. Equal tensors and metadata give equal plans, whatever their order. */
export const planFile = (
  forms: Readonly<Record<string, TensorForm>>,
  metadata: Readonly<Record<string, string>> = {},
): E.Either<SafetensorsError, FilePlan> => {
  const reserved = Object.keys(forms).find((name) => RESERVED.includes(name));
  if (reserved !== undefined) {
    return E.left(refuse("reserved-name", `a tensor named ${reserved}`, "another name", HINT));
  }
  const tensors = Object.entries(forms).map(([name, form]) => ({ name, ...form })).toSorted(byWidthThenName);
  return pipe(
    headerBytes(tensors, metadata),
    E.map((header) => ({
      header,
      tensors,
      dataBytes: tensors.reduce((n, tensor) => n + bytesOf(tensor), 0),
    })),
  );
};

/** The file of named arrays as parts to be written one after another: the header, then views of the arrays' own data. */
const encodeParts = (
  tensors: Tensors,
  metadata: Readonly<Record<string, string>>,
): E.Either<SafetensorsError, readonly Uint8Array[]> =>
  pipe(
    formsOf(tensors),
    E.chain((forms) => planFile(forms, metadata)),
    E.chain((plan) =>
      pipe(
        plan.tensors,
        E.traverseArray((planned) => dataOf(planned, tensors[planned.name]!)),
        E.map((data) => [plan.header, ...data.flatMap((parts) => [...parts])]),
      )
    ),
  );

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

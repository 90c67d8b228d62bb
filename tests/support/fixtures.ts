/** Golden numbers: `tests/golden/fixtures`, read once per process. */
import type { NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { Buffer } from "node:buffer";
import { gunzipSync } from "node:zlib";
import { decode } from "../../pipelines/weights/safetensors.ts";

/** Arrays by name, with a sidecar of settings. */
export interface Golden<M> {
  /** The array of a name; throws for a name that the file lacks. */
  readonly get: (name: string) => NdArray;
  /** Arrays whose names start with a prefix, which is taken off. */
  readonly under: (prefix: string) => Readonly<Record<string, NdArray>>;
  /** Whether a name exists. */
  readonly has: (name: string) => boolean;
  /** The sidecar. */
  readonly meta: M;
}

/**
 * A safetensors file from its packed form: gzip of the header, then of the data in four planes (every first byte of
 * a 32-bit word, every second, ...), which compress better than the words, padded to whole words.
 */
export const unpacked = (packed: Uint8Array): Uint8Array => {
  const bytes = gunzipSync(Buffer.from(packed)), start = 8 + Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.toString("utf8", 8, start)) as Record<string, { data_offsets: number[] }>;
  const length = Math.max(0, ...Object.values(header).map((t) => t.data_offsets[1]!));
  const out = new Uint8Array(start + length), words = (bytes.length - start) / 4;
  out.set(bytes.subarray(0, start));
  for (let i = 0; i < length; i++) out[start + i] = bytes[start + (i % 4) * words + (i >> 2)]!;
  return out;
};

/** Reads one fixture. */
export const golden = <M>(name: string): Golden<M> => {
  const at = (suffix: string) => new URL(`../golden/fixtures/${name}.${suffix}`, import.meta.url);
  const file = decode(unpacked(Deno.readFileSync(at("safetensors.gz"))));
  if (E.isLeft(file)) throw file.left;
  const { tensors } = file.right;
  return {
    get: (key) => {
      const array = tensors[key];
      if (array === undefined) throw new Error(`${name}: no array ${key}`);
      return array;
    },
    under: (prefix) =>
      Object.fromEntries(
        Object.entries(tensors).filter(([k]) => k.startsWith(prefix)).map((
          [k, v],
        ) => [k.slice(prefix.length), v]),
      ),
    has: (key) => key in tensors,
    meta: JSON.parse(Deno.readTextFileSync(at("json"))) as M,
  };
};

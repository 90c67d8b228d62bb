/** Golden numbers: `tests/golden/fixtures`, read once per process. */
import type { NdArray } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
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

/** Reads one fixture. */
export const golden = <M>(name: string): Golden<M> => {
  const at = (suffix: string) => new URL(`../golden/fixtures/${name}.${suffix}`, import.meta.url);
  const file = decode(Deno.readFileSync(at("safetensors")));
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

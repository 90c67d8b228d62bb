/**
 * The shipped decoder, which has learned to read and has seen nothing: weights as f16, the encoding that they know, and
 * the manifest of the training that made them. `deno task cos language` makes them again.
 */
import {
  type LlamaConfig,
  llamaSpecs,
  type ParameterSpec,
  type Tree,
  type TreeError,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { fileURLToPath } from "node:url";
import type { DiskError } from "../base/disk.ts";
import type { Json } from "../base/hash.ts";
import { writeJson } from "../runs/run_directory.ts";
import type { TokenizerJson } from "../text/bpe.ts";
import { type Tokenizer, tokenizerOf } from "../text/tokenizer.ts";
import { type CheckpointError, open, saveFrom } from "../weights/checkpoint.ts";
import { type LazyArray, type LazyError, lazyParams, lazyTrees } from "../weights/lazy.ts";
import { storedLazies } from "../weights/write.ts";
import tokenizer from "./weights/tokenizer.json" with { type: "json" };
import manifest from "./weights/decoder.json" with { type: "json" };

/** A decoder that knows an encoding. */
export interface ShippedDecoder {
  /** The decoder's parameters, f32, by the names of `transformers`. */
  readonly params: Readonly<Record<string, Tree<LazyArray>>>;
  /** The sha-256 of their file's content. */
  readonly identity: string;
}

/** The sha-256 of the shipped weights, which is part of the keys of what starts from them. */
export const shippedHash: string = manifest.weights.hash;

/** The sizes of the shipped decoder. */
export const shippedSizes: Readonly<Record<"width" | "layers" | "heads" | "ff", number>> =
  manifest.config.model;

/** A file of the shipped decoder. */
const shippedFile = (name: string): string => fileURLToPath(new URL(`./weights/${name}`, import.meta.url));

/** The encoding of the shipped decoder. */
export const shippedTokenizer: Tokenizer = tokenizerOf(tokenizer as unknown as TokenizerJson);

/** Reads the shipped decoder; a file of another one is a TreeError. */
export const loadShipped = (
  config: LlamaConfig,
): Effect.Effect<ShippedDecoder, CheckpointError | TreeError> =>
  Effect.scoped(Effect.gen(function* () {
    const { arrays, hash } = yield* open(shippedFile("decoder.safetensors"));
    const params = yield* lazyParams(arrays, llamaSpecs(config) as Tree<ParameterSpec>);
    return { params: params as ShippedDecoder["params"], identity: hash! };
  }));

/** Writes a decoder, its encoding and the manifest of its training to a folder, as they are shipped. */
export const saveDecoder = (
  folder: string,
  params: Tree<LazyArray>,
  encoding: Tokenizer,
  about: Readonly<Record<string, Json>>,
): Effect.Effect<string, CheckpointError | DiskError | LazyError> =>
  Effect.gen(function* () {
    const path = `${folder}/decoder.safetensors`,
      { forms, read } = storedLazies(lazyTrees.flatten(params));
    const half = Object.fromEntries(
      Object.entries(forms).map(([name, form]) => [name, { ...form, type: "F16" as const }]),
    );
    const { hash, bytes } = yield* saveFrom(path, { forms: half, read }, { model: "decoder" });
    yield* writeJson(`${folder}/tokenizer.json`, encoding.json);
    yield* writeJson(`${folder}/decoder.json`, { ...about, weights: { hash, bytes } });
    return hash;
  });

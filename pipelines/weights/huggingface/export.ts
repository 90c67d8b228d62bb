/** Models written in the layouts of Hugging Face: config.json and safetensors, in shards above a size. */
import {
  arrayTrees,
  type LlamaConfig,
  type LlamaParams,
  type NdArray,
  show,
  sizeOf,
  specTrees,
  type Tree,
  type VitConfig,
  type VitParams,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { fromEither } from "../../base/bridge.ts";
import { atomicWrite, type DiskError, onDisk } from "../../base/disk.ts";
import type { Json } from "../../base/hash.ts";
import { writeJson } from "../../runs/run_directory.ts";
import { inFile, type SafetensorsError } from "../fault.ts";
import { misfit, type MisfitError } from "../misfit.ts";
import { encodeFile, type FloatFormat, type Tensors } from "../safetensors.ts";
import { type Named, namesOf, storedShape } from "../table.ts";
import type { Architecture } from "./architecture.ts";
import { decoderArchitectures } from "./decoders.ts";
import type { UnsupportedError } from "./unsupported.ts";
import { visionArchitectures } from "./vision_towers.ts";

/** How a model is written. */
export interface ExportOptions {
  /** Type of the numbers; `F32` by default, which keeps every bit. */
  readonly floats?: FloatFormat;
  /** Most bytes of tensors in one file; 5 GB by default. A larger tensor has a file of its own. */
  readonly shardBytes?: number;
  /** Further fields of config.json, such as `bos_token_id`; they win over those of the model. None by default. */
  readonly fields?: { readonly [field: string]: Json };
}

/** Why a model could not be written. */
export type ExportError = DiskError | SafetensorsError | UnsupportedError | MisfitError;

const SHARD_BYTES = 5e9;
const torchNames: Readonly<Record<FloatFormat, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};
const widths: Readonly<Record<FloatFormat, number>> = { F32: 4, F16: 2, BF16: 2 };

const turned = ([rows = 1, columns = 1]: readonly number[], data: Float32Array): Float32Array =>
  Float32Array.from(data, (_, i) => data[(i % rows) * columns + Math.floor(i / rows)]!);

const f32Of = ({ data }: NdArray): Float32Array =>
  data instanceof Float32Array ? data : Float32Array.from(data);

const stored = (named: Named, array: NdArray): NdArray => {
  const size = sizeOf(named.shape), first = (named.slice?.index ?? 0) * size;
  const data = f32Of(array).subarray(first, first + size);
  return {
    dtype: "f32",
    shape: storedShape(named),
    data: named.transposed ? turned(named.shape, data) : data,
  };
};

/** Tensors in consecutive groups of at most some bytes. */
const shardsOf = (tensors: Tensors, width: number, most: number): readonly Tensors[] => {
  const shards: Record<string, NdArray>[] = [];
  let room = 0;
  for (const [name, array] of Object.entries(tensors)) {
    const bytes = array.data.length * width;
    if (shards.length === 0 || bytes > room) {
      shards.push({});
      room = most;
    }
    shards.at(-1)![name] = array;
    room -= bytes;
  }
  return shards;
};

const WEIGHTS = /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/;

/** Removes weights of an earlier export that are no part of this one. */
const removeOthers = (folder: string, kept: readonly string[]): Effect.Effect<void, DiskError> =>
  onDisk("clean", folder, async () => {
    const old: string[] = [];
    for await (const { name } of Deno.readDir(folder)) {
      if (WEIGHTS.test(name) && !kept.includes(name)) old.push(name);
    }
    for (const name of old) await Deno.remove(`${folder}/${name}`);
  });

const parts = function* (header: Uint8Array, data: Iterable<Uint8Array>): Iterable<Uint8Array> {
  yield header;
  yield* data;
};

/** Writes named tensors as one safetensors file that transformers takes. */
export const writeTensors = (
  path: string,
  tensors: Tensors,
  floats: FloatFormat = "F32",
): Effect.Effect<void, DiskError | SafetensorsError> =>
  Effect.gen(function* () {
    const { header, data } = yield* Effect.mapError(
      fromEither(encodeFile(tensors, { format: "pt" }, floats)),
      inFile(path),
    );
    yield* atomicWrite(path, parts(header, data()));
  });

const writeShards = (folder: string, tensors: Tensors, options: ExportOptions) =>
  Effect.gen(function* () {
    const { floats = "F32", shardBytes = SHARD_BYTES } = options;
    const shards = shardsOf(tensors, widths[floats], shardBytes), many = shards.length > 1;
    const digits = (n: number) => String(n).padStart(5, "0");
    const names = shards.map((_, i) =>
      many ? `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors` : "model.safetensors"
    );
    for (const [i, shard] of shards.entries()) yield* writeTensors(`${folder}/${names[i]!}`, shard, floats);
    if (!many) return names;
    const total = Object.values(tensors).reduce((n, { data }) => n + data.length * widths[floats], 0);
    yield* writeJson(`${folder}/model.safetensors.index.json`, {
      metadata: { total_size: total },
      weight_map: Object.fromEntries(
        shards.flatMap((shard, i) => Object.keys(shard).map((name) => [name, names[i]!] as const)),
      ),
    });
    return [...names, "model.safetensors.index.json"];
  });

/**
 * Writes a model into a folder, which is made if need be; weights of an earlier export there are replaced. Every file is
 * written whole or not at all, config.json last.
 */
export const exportModel = <C>(
  folder: string,
  architecture: Architecture<C>,
  { config, params }: { readonly config: C; readonly params: Tree<NdArray> },
  options: ExportOptions = {},
): Effect.Effect<void, ExportError> =>
  Effect.gen(function* () {
    const fields = yield* fromEither(architecture.write(config)), table = architecture.names(config);
    const specs = architecture.specs(config), given = arrayTrees.flatten(params);
    const wanted = specTrees.flatten(specs);
    const wrong = misfit(`export ${folder}`, table.model, {
      missing: Object.keys(wanted).filter((path) => given[path] === undefined),
      surplus: Object.keys(given).filter((path) => wanted[path] === undefined),
      misshapen: Object.entries(wanted).flatMap(([path, { shape }]) => {
        const got = given[path];
        return got === undefined || show(got.shape) === show(shape)
          ? []
          : [{ name: path, got: show(got.shape), expected: show(shape) }];
      }),
    });
    if (wrong !== undefined) return yield* Effect.fail(wrong);
    const tensors = Object.fromEntries(
      namesOf(table, specs).map((n) => [(table.prefixes[0] ?? "") + n.name, stored(n, given[n.path]!)]),
    );
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    const written = yield* writeShards(folder, tensors, options);
    yield* removeOthers(folder, written);
    for (const [name, json] of Object.entries(architecture.files?.(config) ?? {})) {
      yield* writeJson(`${folder}/${name}`, json);
    }
    const dtype = torchNames[options.floats ?? "F32"];
    yield* writeJson(`${folder}/config.json`, { ...fields, ...options.fields, dtype, torch_dtype: dtype });
  });

/** A model to be written. */
export interface ExportedModel<C, P> {
  /** Its configuration. */
  readonly config: C;
  /** Its parameters, f32. */
  readonly params: P;
  /** The family in whose layout it is written, as `model_type` names it; the first that has all of it by default. */
  readonly modelType?: string;
}

// the first family says why where none can write it
const writable = <C>(
  config: C,
  architectures: readonly Architecture<C>[],
  modelType: string | undefined,
): Architecture<C> =>
  architectures.find(({ kinds, write }) =>
    modelType === undefined ? E.isRight(write(config)) : kinds.families[0] === modelType
  ) ?? architectures[0]!;

/** Writes a decoder as a `LlamaForCausalLM`, or as the class that has its windows, norms and biases. */
export const exportDecoder = (
  folder: string,
  { config, params, modelType }: ExportedModel<LlamaConfig, LlamaParams<NdArray>>,
  options: ExportOptions = {},
): Effect.Effect<void, ExportError> =>
  exportModel(
    folder,
    writable(config, decoderArchitectures(), modelType),
    { config, params: params as Tree<NdArray> },
    options,
  );

const constantRow = (width: number, value: number): NdArray => ({
  dtype: "f32",
  shape: [width],
  data: new Float32Array(width).fill(value),
});

/**
 * Writes an encoder as a `CLIPVisionModel` or a `SiglipVisionModel`. An encoder without the last normalisation, whose inner
 * blocks are what counts, gets one that starts as gain 1 and offset 0, as those classes have it in any case.
 */
export const exportVisionTower = (
  folder: string,
  { config, params, modelType }: ExportedModel<VitConfig, VitParams<NdArray>>,
  options: ExportOptions = {},
): Effect.Effect<void, ExportError> => {
  const { width } = config;
  const post_layernorm = params.post_layernorm ??
    { weight: constantRow(width, 1), bias: constantRow(width, 0) };
  const whole = { ...config, pooled: true };
  return exportModel(
    folder,
    writable(whole, visionArchitectures(), modelType),
    { config: whole, params: { ...params, post_layernorm } as Tree<NdArray> },
    options,
  );
};

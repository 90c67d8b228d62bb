/** Models written in the layouts of Hugging Face: config.json and safetensors, in shards above a size. */
import {
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
import { type DiskError, onDisk } from "../../base/disk.ts";
import type { Json } from "../../base/hash.ts";
import { writeJson } from "../../runs/run_directory.ts";
import { inFile, SafetensorsError } from "../fault.ts";
import { misfit, type MisfitError } from "../misfit.ts";
import { filledArray, type LazyArray, lazyArrays, type LazyError, lazyTrees } from "../lazy.ts";
import { type FloatFormat, formsOf, planFile, type Tensors } from "../safetensors.ts";
import { type Forms, indexOf, SHARD_BYTES, shardNames, shardsOf } from "../shards.ts";
import { type Named, namesOf, storedShape } from "../table.ts";
import { readFrom, type ReadTensors, storedLazies, writePlanned } from "../write.ts";
import type { Architecture } from "./architecture.ts";
import { decoderArchitectures } from "./decoders.ts";
import type { UnsupportedError } from "./unsupported.ts";
import { visionArchitectures } from "./vision_towers.ts";

/** How a model is written. */
export interface ExportOptions {
  /** Type of the numbers; `F32` by default, which keeps every bit. */
  readonly floats?: FloatFormat;
  /** Maximum number of bytes of tensors in one file; 5 GB by default. A larger tensor has a file of its own. */
  readonly shardBytes?: number;
  /** Further fields of config.json, such as `bos_token_id`; they win over those of the model. None by default. */
  readonly fields?: { readonly [field: string]: Json };
}

/** Why a model could not be written. */
export type ExportError = DiskError | LazyError | UnsupportedError | MisfitError;

const torchNames: Readonly<Record<FloatFormat, string>> = {
  F32: "float32",
  F16: "float16",
  BF16: "bfloat16",
};

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

const writeForms = <X, R>(
  path: string,
  forms: Forms,
  read: ReadTensors<X, R>,
): Effect.Effect<void, DiskError | SafetensorsError | X, R> =>
  fromEither(planFile(forms, { format: "pt" })).pipe(
    Effect.flatMap((plan) => writePlanned(path, plan, read)),
    Effect.mapError((error) => error instanceof SafetensorsError ? inFile(path)(error) : error),
    Effect.asVoid,
  );

/** Writes named tensors as one safetensors file that transformers takes. */
export const writeTensors = (
  path: string,
  tensors: Tensors,
  floats: FloatFormat = "F32",
): Effect.Effect<void, DiskError | SafetensorsError> =>
  Effect.flatMap(
    Effect.mapError(fromEither(formsOf(tensors, floats)), inFile(path)),
    (forms) => writeForms(path, forms, readFrom(tensors)),
  );

const writeShards = <X, R>(folder: string, forms: Forms, read: ReadTensors<X, R>, shardBytes: number) =>
  Effect.gen(function* () {
    const shards = shardsOf(forms, shardBytes), many = shards.length > 1;
    const names = many ? shardNames("model", shards.length) : ["model.safetensors"];
    for (const [i, shard] of shards.entries()) yield* writeForms(`${folder}/${names[i]!}`, shard, read);
    if (!many) return names;
    const { total, weight_map } = indexOf(shards, names), index = "model.safetensors.index.json";
    yield* writeJson(`${folder}/${index}`, { metadata: { total_size: total }, weight_map });
    return [...names, index];
  });

/**
 * Writes a model into a folder, which is made if need be; weights of an earlier export there are replaced. Every file is
 * written whole or not at all, config.json last.
 */
export const exportModel = <C>(
  folder: string,
  architecture: Architecture<C>,
  config: C,
  params: Tree<LazyArray>,
  { floats = "F32", shardBytes = SHARD_BYTES, fields: more = {} }: ExportOptions = {},
): Effect.Effect<void, ExportError> =>
  Effect.gen(function* () {
    const fields = yield* fromEither(architecture.write(config)), table = architecture.names(config);
    const specs = architecture.specs(config), wanted = specTrees.flatten(specs);
    const given = lazyTrees.flatten(params);
    const wrong = misfit(`export ${folder}`, table.model, {
      missing: Object.keys(wanted).filter((path) => given[path] === undefined),
      surplus: Object.keys(given).filter((path) => wanted[path] === undefined),
      misshapen: Object.entries(wanted).flatMap(([path, { shape }]) => {
        const got = given[path]?.shape;
        return got === undefined || show(got) === show(shape)
          ? []
          : [{ name: path, got: show(got), expected: show(shape) }];
      }),
    });
    if (wrong !== undefined) return yield* Effect.fail(wrong);
    const named = new Map(namesOf(table, specs).map((n) => [(table.prefixes[0] ?? "") + n.name, n]));
    const forms = Object.fromEntries(
      [...named].map(([name, n]) => [name, { type: floats, shape: storedShape(n) }]),
    );
    const readNamed: ReadTensors<LazyError> = (names) =>
      Effect.map(
        storedLazies(given).read([...new Set(names.map((name) => named.get(name)!.path))]),
        (arrays) =>
          Object.fromEntries(names.map((name) => {
            const n = named.get(name)!;
            return [name, stored(n, arrays[n.path]!)];
          })),
      );
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    const written = yield* writeShards(folder, forms, readNamed, shardBytes);
    yield* removeOthers(folder, written);
    for (const [name, json] of Object.entries(architecture.files?.(config) ?? {})) {
      yield* writeJson(`${folder}/${name}`, json);
    }
    const dtype = torchNames[floats];
    yield* writeJson(`${folder}/config.json`, { ...fields, ...more, dtype, torch_dtype: dtype });
  });

/** A model to be written. */
export interface ExportedModel<C, P> {
  /** Its configuration. */
  readonly config: C;
  /** Its parameters, in memory or read as they are written. */
  readonly params: P | Tree<LazyArray>;
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
    config,
    lazyArrays(params as Tree<LazyArray>),
    options,
  );

/**
 * Writes an encoder as a `CLIPVisionModel` or a `SiglipVisionModel`, or by its own fields where it is neither. One of those
 * without the last normalisation, whose inner blocks are what counts, gets one that starts as gain 1 and offset 0, as the
 * classes have it in any case.
 */
export const exportVisionTower = (
  folder: string,
  { config, params, modelType }: ExportedModel<VitConfig, VitParams<NdArray>>,
  options: ExportOptions = {},
): Effect.Effect<void, ExportError> => {
  const { width } = config, architecture = writable(config, visionArchitectures(), modelType);
  const given = lazyArrays(params as Tree<LazyArray>);
  const last = {
    post_layernorm: { weight: filledArray([width], 1), bias: filledArray([width], 0) },
  };
  return architecture.plain === true
    ? exportModel(folder, architecture, config, given, options)
    : exportModel(
      folder,
      architecture,
      { ...config, pooled: true },
      { ...last, ...given as object } as Tree<LazyArray>,
      options,
    );
};

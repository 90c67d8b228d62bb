/** Models written in the layouts of Hugging Face: config.json and safetensors, in shards above a size. */
import {
  arrayTrees,
  type LlamaConfig,
  type LlamaParams,
  type NdArray,
  type Shape,
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
import {
  bytesOf,
  type FloatFormat,
  formsOf,
  planFile,
  type TensorForm,
  type Tensors,
} from "../safetensors.ts";
import { type Named, namesOf, storedShape } from "../table.ts";
import { readFrom, type ReadTensors, writePlanned } from "../write.ts";
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

type Forms = Readonly<Record<string, TensorForm>>;

/** Tensors in consecutive groups of at most some bytes. */
const shardsOf = (forms: Forms, most: number): readonly Forms[] => {
  const shards: Record<string, TensorForm>[] = [];
  let room = 0;
  for (const [name, form] of Object.entries(forms)) {
    const bytes = bytesOf(form);
    if (shards.length === 0 || bytes > room) {
      shards.push({});
      room = most;
    }
    shards.at(-1)![name] = form;
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
    const digits = (n: number) => String(n).padStart(5, "0");
    const names = shards.map((_, i) =>
      many ? `model-${digits(i + 1)}-of-${digits(shards.length)}.safetensors` : "model.safetensors"
    );
    for (const [i, shard] of shards.entries()) yield* writeForms(`${folder}/${names[i]!}`, shard, read);
    if (!many) return names;
    yield* writeJson(`${folder}/model.safetensors.index.json`, {
      metadata: { total_size: Object.values(forms).reduce((n, form) => n + bytesOf(form), 0) },
      weight_map: Object.fromEntries(
        shards.flatMap((shard, i) => Object.keys(shard).map((name) => [name, names[i]!] as const)),
      ),
    });
    return [...names, "model.safetensors.index.json"];
  });

/** Parameters that are read as they are written, from memory, a checkpoint or a device. */
export interface ParameterSource<X = never, R = never> {
  /** Lengths of the axes of every parameter, by path. */
  readonly shapes: Readonly<Record<string, Shape>>;
  /** Reads some of them, f32. */
  readonly read: ReadTensors<X, R>;
}

/** Parameters that are in memory. */
const inMemory = (params: Tree<NdArray>): ParameterSource => {
  const flat = arrayTrees.flatten(params);
  return {
    shapes: Object.fromEntries(Object.entries(flat).map(([path, { shape }]) => [path, shape])),
    read: readFrom(flat),
  };
};

/**
 * Writes a model into a folder, which is made if need be; weights of an earlier export there are replaced. Every file is
 * written whole or not at all, config.json last.
 */
export const exportModel = <C, X = never, R = never>(
  folder: string,
  architecture: Architecture<C>,
  config: C,
  { shapes, read }: ParameterSource<X, R>,
  { floats = "F32", shardBytes = SHARD_BYTES, fields: more = {} }: ExportOptions = {},
): Effect.Effect<void, ExportError | X, R> =>
  Effect.gen(function* () {
    const fields = yield* fromEither(architecture.write(config)), table = architecture.names(config);
    const specs = architecture.specs(config), wanted = specTrees.flatten(specs);
    const wrong = misfit(`export ${folder}`, table.model, {
      missing: Object.keys(wanted).filter((path) => shapes[path] === undefined),
      surplus: Object.keys(shapes).filter((path) => wanted[path] === undefined),
      misshapen: Object.entries(wanted).flatMap(([path, { shape }]) => {
        const got = shapes[path];
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
    const readNamed: ReadTensors<X, R> = (names) => {
      const paths = [...new Set(names.map((name) => named.get(name)!.path))];
      return Effect.map(read(paths), (arrays) =>
        Object.fromEntries(names.map((name) => {
          const n = named.get(name)!;
          return [name, stored(n, arrays[n.path]!)];
        })));
    };
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
    config,
    inMemory(params as Tree<NdArray>),
    options,
  );

const constantRow = (width: number, value: number): NdArray => ({
  dtype: "f32",
  shape: [width],
  data: new Float32Array(width).fill(value),
});

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
  const post_layernorm = params.post_layernorm ??
    { weight: constantRow(width, 1), bias: constantRow(width, 0) };
  return architecture.plain === true
    ? exportModel(folder, architecture, config, inMemory(params as Tree<NdArray>), options)
    : exportModel(
      folder,
      architecture,
      { ...config, pooled: true },
      inMemory({ ...params, post_layernorm } as Tree<NdArray>),
      options,
    );
};

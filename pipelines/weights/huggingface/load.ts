/** Checkpoints of other projects opened and loaded. */
import {
  type LlamaConfig,
  type LlamaParams,
  type NdArray,
  type ParameterSpec,
  specTrees,
  type Tree,
  unflatten,
  type VitConfig,
  type VitParams,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type DecodeError, fromEither } from "../../base/bridge.ts";
import { type LazyArray, type LazyError, readLazies } from "../lazy.ts";
import type { MisfitError } from "../misfit.ts";
import { readJsonFile } from "../ranged.ts";
import { openSource, type SourceError } from "../source.ts";
import { storedArrays } from "../stream.ts";
import { ownNames, place, type Placement } from "../table.ts";
import { type Architecture, architectureOf } from "./architecture.ts";
import { decoderArchitectures, type DecoderOptions } from "./decoders.ts";
import { type HubError, modelFolder } from "./hub.ts";
import { readNormalisation } from "./preprocessor.ts";
import type { UnsupportedError } from "./unsupported.ts";
import { visionArchitectures, type VisionTowerOptions } from "./vision_towers.ts";

/** Why a checkpoint could not be loaded. */
export type LoadError = LazyError | DecodeError | UnsupportedError | MisfitError | HubError;

/** A checkpoint whose configuration and headers are checked, and of which no weight is read yet. */
export interface OpenCheckpoint<C> {
  /** The configuration here. */
  readonly config: C;
  /** The parameters of that configuration. */
  readonly specs: Tree<ParameterSpec>;
  /** Where each of them is. */
  readonly placements: readonly Placement[];
  /** Each as f32, read when it is needed. */
  readonly params: Tree<LazyArray>;
}

/** A checkpoint with where it is and how it is laid out. */
export interface OpenModel<C> extends OpenCheckpoint<C> {
  /** Its folder, a snapshot in the cache for a hub id. */
  readonly folder: string;
  /** The family, as `model_type` names it; an export is of the same one. */
  readonly modelType: string;
}

const placed = (specs: Tree<ParameterSpec>, placements: readonly Placement[]): Tree<LazyArray> =>
  unflatten(specTrees, specs, storedArrays(placements)) as Tree<LazyArray>;

const opened = <C>(
  folder: string,
  architecture: Architecture<C>,
  config: C,
): Effect.Effect<OpenModel<C>, LoadError> =>
  Effect.gen(function* () {
    const specs = architecture.specs(config), source = yield* openSource(folder);
    const placements = yield* fromEither(place(architecture.names(config), specs, source));
    const params = placed(specs, placements);
    return { folder, modelType: architecture.kinds.families[0], config, specs, placements, params };
  });

const openAny = <C>(
  where: string,
  architectures: readonly Architecture<C>[],
  complete: (config: C, folder: string) => Effect.Effect<C, LoadError> = Effect.succeed,
): Effect.Effect<OpenModel<C>, LoadError> =>
  Effect.gen(function* () {
    const folder = yield* modelFolder(where), json = yield* readJsonFile(`${folder}/config.json`);
    const architecture = yield* fromEither(architectureOf(architectures)(json));
    const config = yield* fromEither(architecture.read(json));
    return yield* opened(folder, architecture, yield* complete(config, folder));
  });

/** Opens a decoder, named by folder or hub id: LLaMA, Mistral, Qwen2 or Qwen3 by its config.json. */
export const openDecoder = (
  where: string,
  options: DecoderOptions = {},
): Effect.Effect<OpenModel<LlamaConfig>, LoadError> => openAny(where, decoderArchitectures(options));

/**
 * Opens a vision encoder, named by folder or hub id: CLIP's or SigLIP's by its config.json, alone or in the whole model. It
 * takes images in CLIP's normalisation; that of its own preprocessor_config.json is part of its configuration.
 */
export const openVisionTower = (
  where: string,
  options: VisionTowerOptions = {},
): Effect.Effect<OpenModel<VitConfig>, LoadError> =>
  openAny(where, visionArchitectures(options), readNormalisation);

/** A loaded model. */
export interface LoadedModel<C, P> {
  /** Its configuration. */
  readonly config: C;
  /** Its parameters, f32. */
  readonly params: P;
  /** Its family, as `model_type` names it. */
  readonly modelType: string;
}

/** Opens the parameters of a model in a file that names them by their paths. */
export const openOwn = (
  path: string,
  model: string,
  specs: Tree<ParameterSpec>,
): Effect.Effect<Tree<LazyArray>, SourceError | MisfitError> =>
  Effect.gen(function* () {
    const source = yield* openSource(path);
    return placed(specs, yield* fromEither(place(ownNames(model, specs), specs, source)));
  });

const load = <C, P>(
  opening: Effect.Effect<OpenModel<C>, LoadError>,
): Effect.Effect<LoadedModel<C, P>, LoadError> =>
  Effect.gen(function* () {
    const { config, params, modelType } = yield* opening;
    return { config, params: (yield* readLazies(params)) as unknown as P, modelType };
  });

/** Loads a decoder whole; {@link openDecoder} says which. */
export const loadDecoder = (
  where: string,
  options: DecoderOptions = {},
): Effect.Effect<LoadedModel<LlamaConfig, LlamaParams<NdArray>>, LoadError> =>
  load(openDecoder(where, options));

/**
 * Loads a vision encoder whole; {@link openVisionTower} says which. With `blocks: 23`, ViT-L/14 is the paper's tower, read
 * after blocks 15 and 22.
 */
export const loadVisionTower = (
  where: string,
  options: VisionTowerOptions = {},
): Effect.Effect<LoadedModel<VitConfig, VitParams<NdArray>>, LoadError> =>
  load(openVisionTower(where, options));

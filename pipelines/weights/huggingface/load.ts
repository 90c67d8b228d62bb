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
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import { type DecodeError, fromEither, parseJson } from "../../base/bridge.ts";
import type { MisfitError } from "../misfit.ts";
import { readText } from "../ranged.ts";
import { openSource, type SourceError } from "../source.ts";
import { type Sink, type StreamOptions, streamTo } from "../stream.ts";
import { place, type Placement } from "../table.ts";
import type { Architecture } from "./architecture.ts";
import { clipVisionArchitecture, type ClipVisionOptions } from "./clip_vision.ts";
import { llamaArchitecture, type LlamaOptions } from "./llama.ts";
import type { UnsupportedError } from "./unsupported.ts";

/** Why a checkpoint could not be loaded. */
export type LoadError = SourceError | DecodeError | UnsupportedError | MisfitError;

/** Longest config.json that is read, bytes. */
const MAX_CONFIG_BYTES = 2 ** 20;

/** A checkpoint whose configuration and headers are checked, and of which no weight is read yet. */
export interface OpenCheckpoint<C> {
  /** The configuration here. */
  readonly config: C;
  /** The parameters of that configuration. */
  readonly specs: Tree<ParameterSpec>;
  /** Where each of them lies. */
  readonly placements: readonly Placement[];
}

/** Reads a JSON file of at most a megabyte. */
export const readJsonFile = (path: string): Effect.Effect<unknown, SourceError | DecodeError> =>
  Effect.flatMap(readText(path, MAX_CONFIG_BYTES), (text) => fromEither(parseJson(path)(text)));

/** Opens a folder with config.json and safetensors, single or sharded. */
export const openCheckpoint = <C>(
  folder: string,
  architecture: Architecture<C>,
): Effect.Effect<OpenCheckpoint<C>, LoadError> =>
  Effect.gen(function* () {
    const json = yield* readJsonFile(`${folder}/config.json`);
    const config = yield* fromEither(
      pipe(architecture.read(json), E.mapLeft((e): DecodeError | UnsupportedError => e)),
    );
    const specs = architecture.specs(config), source = yield* openSource(folder);
    const placements = yield* fromEither(place(architecture.names(config), specs, source));
    return { config, specs, placements };
  });

/**
 * Gives every parameter of an opened checkpoint to a sink as f32, one after another, so that the host need not hold the
 * model.
 */
export const streamCheckpoint = <C, X, R>(
  { placements }: OpenCheckpoint<C>,
  sink: Sink<X, R>,
  options: StreamOptions = {},
): Effect.Effect<void, SourceError | X, R> => streamTo(placements, sink, options);

/** Opens a LLaMA-family decoder. */
export const openLlama = (
  folder: string,
  options: LlamaOptions = {},
): Effect.Effect<OpenCheckpoint<LlamaConfig>, LoadError> =>
  openCheckpoint(folder, llamaArchitecture(options));

/** Opens CLIP's vision encoder. */
export const openClipVision = (
  folder: string,
  options: ClipVisionOptions = {},
): Effect.Effect<OpenCheckpoint<VitConfig>, LoadError> =>
  openCheckpoint(folder, clipVisionArchitecture(options));

/** A loaded model. */
export interface LoadedModel<C, P> {
  /** Its configuration. */
  readonly config: C;
  /** Its parameters, f32. */
  readonly params: P;
}

const load = <C, P>(
  opening: Effect.Effect<OpenCheckpoint<C>, LoadError>,
): Effect.Effect<LoadedModel<C, P>, LoadError> =>
  Effect.gen(function* () {
    const opened = yield* opening, arrays: Record<string, NdArray> = {};
    yield* streamCheckpoint(opened, (path, array) => Effect.sync(() => void (arrays[path] = array)));
    return { config: opened.config, params: unflatten(specTrees, opened.specs, arrays) as P };
  });

/** Loads a LLaMA-family decoder from the folder of a Hugging Face checkpoint. */
export const loadLlama = (
  folder: string,
  options: LlamaOptions = {},
): Effect.Effect<LoadedModel<LlamaConfig, LlamaParams<NdArray>>, LoadError> =>
  load(openLlama(folder, options));

/**
 * Loads CLIP's vision encoder from the folder of a Hugging Face checkpoint of the encoder or of a whole CLIP. With
 * `blocks: 23`, ViT-L/14 is the paper's tower, read after blocks 15 and 22.
 */
export const loadClipVision = (
  folder: string,
  options: ClipVisionOptions = {},
): Effect.Effect<LoadedModel<VitConfig, VitParams<NdArray>>, LoadError> =>
  load(openClipVision(folder, options));

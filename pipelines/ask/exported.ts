/**
 * A whole vision-language model in a folder that other programs read: tower, decoder and adapter in the layouts of
 * transformers and PEFT, the bridge as safetensors, and a config.json that names every field.
 *
 *     config.json          how the parts fit
 *     vision/              CLIPVisionModel or SiglipVisionModel where it is one, with preprocessor_config.json
 *     bridge.safetensors
 *     decoder/             LlamaForCausalLM and the like, tokenizer.json, tokenizer_config.json with the chat template
 *     adapter/             PEFT, for low-rank adapters; alongside a named base model there is no decoder/
 */
import {
  type Adapters,
  adaptersOf,
  arrayTrees,
  bridgeOf,
  type BridgeSite,
  type LlamaConfig,
  llamaSpecs,
  type NdArray,
  type ParameterSpec,
  type Tree,
  unstackLayers,
  type VisionTower,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { decodeEither, fromEither } from "../base/bridge.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { natural, whole } from "../base/numbers.ts";
import { bridgeCodec } from "../configs/bridge_codec.ts";
import { writeJson } from "../runs/run_directory.ts";
import type { PlacedBridge } from "../stages/model.ts";
import { type LanguageFiles, languageFiles, readLanguage } from "../text/language_files.ts";
import type { TemplateError } from "../text/template.ts";
import {
  exportDecoder,
  type ExportError,
  type ExportOptions,
  exportVisionTower,
  writeTensors,
} from "../weights/huggingface/export.ts";
import { type LoadError, openDecoder, openOwn, openVisionTower } from "../weights/huggingface/load.ts";
import { exportPeft, loadPeft } from "../weights/huggingface/peft.ts";
import { type LazyArray, lazyArrays, readLazies } from "../weights/lazy.ts";
import { readJsonFile } from "../weights/ranged.ts";

/** A bridge as data, with the heads of its attention. */
export interface HeadedBridge extends PlacedBridge {
  /** Heads of its attention, where it has any. */
  readonly heads: number;
}

/** A vision-language model with all that answering needs. */
export interface WholeModel {
  /** The encoder, and the blocks whose features the bridge reads. */
  readonly tower: VisionTower;
  /** The bridge as data. */
  readonly bridge: HeadedBridge;
  /** The decoder. */
  readonly decoder: LlamaConfig;
  /** `vision.*`, `bridge.*`, the decoder's own, and with an adapter `lora.*`. */
  readonly params: Tree<LazyArray>;
  /** Low-rank adapters of the decoder; none if absent. */
  readonly adapter?: {
    /** Additions are scaled by `alpha / rank`. */
    readonly alpha: number;
    /** Hub id or folder of the decoder that they were trained on, where it is unchanged: then it is not written. */
    readonly base?: string;
  };
  /** Its tokenizer and template. */
  readonly language: LanguageFiles;
}

const bridgeType = t.strict({
  description: bridgeCodec(),
  resolution: natural,
  heads: natural,
});

const codec = t.intersection([
  t.type({
    model_type: t.literal("chain-of-sight"),
    vision: t.type({ levels: t.readonlyArray(whole) }),
    bridge: bridgeType,
    decoder: t.union([t.type({ folder: t.literal("decoder") }), t.type({ base: t.string })]),
  }),
  t.partial({ adapter: t.union([t.type({ alpha: t.number }), t.null]) }),
]);

const siteOf = (
  { tower, bridge, decoder }: Pick<WholeModel, "tower" | "bridge" | "decoder">,
): BridgeSite => ({
  resolution: bridge.resolution,
  patch: tower.config.patch,
  width: tower.config.width,
  to: decoder.width,
  heads: bridge.heads,
});

type Parts = Readonly<Record<string, Tree<LazyArray>>>;

// adapters of stacked blocks as those of a list, which PEFT has
const listed = ({ decoder }: Pick<WholeModel, "decoder">, lora: Tree<NdArray>): Adapters<NdArray> => {
  const flat = arrayTrees.flatten(lora);
  return adaptersOf(decoder.scan === true ? unstackLayers("model.layers", decoder.layers)(flat) : flat);
};

/** Writes a model; {@link loadExported} reads it back. Gives the files and folders. */
export const exportWhole = (
  folder: string,
  model: WholeModel,
  options: ExportOptions = {},
): Effect.Effect<readonly string[], ExportError> =>
  Effect.gen(function* () {
    const { tower, bridge, decoder, adapter, language } = model;
    const { vision, bridge: bridgeParams, lora, ...own } = model.params as Parts;
    const at = (name: string): string => `${folder}/${name}`, base = adapter?.base;
    yield* exportVisionTower(at("vision"), { config: tower.config, params: vision! }, options);
    const bridgeArrays = arrayTrees.flatten(yield* readLazies(bridgeParams!));
    yield* writeTensors(at("bridge.safetensors"), bridgeArrays, options.floats);
    if (base === undefined) yield* exportDecoder(at("decoder"), { config: decoder, params: own }, options);
    if (adapter !== undefined && lora !== undefined) {
      const specs = llamaSpecs({ ...decoder, scan: false }) as Tree<ParameterSpec>;
      const adapters = { adapters: listed(model, yield* readLazies(lora)), alpha: adapter.alpha };
      yield* exportPeft(at("adapter"), specs, adapters, options.floats, base);
    }
    const alongside = base === undefined ? "decoder" : "adapter";
    for (const [name, json] of Object.entries(languageFiles(language))) {
      yield* writeJson(at(`${alongside}/${name}`), json);
    }
    yield* writeJson(at("config.json"), {
      model_type: "chain-of-sight",
      vision: { folder: "vision", levels: [...tower.levels] },
      bridge: { file: "bridge.safetensors", ...bridgeType.encode(bridge), ...siteOf(model) },
      decoder: base === undefined ? { folder: "decoder" } : { base },
      adapter: adapter === undefined ? null : { folder: "adapter", alpha: adapter.alpha },
    });
    const last = adapter === undefined ? [] : ["adapter"];
    const kept = [
      "config.json",
      "vision",
      "bridge.safetensors",
      ...(base === undefined ? ["decoder"] : []),
      ...last,
    ];
    yield* removeOther(folder, kept);
    return kept.map(at);
  });

// what an earlier export had and this one has not
const removeOther = (folder: string, kept: readonly string[]): Effect.Effect<void, DiskError> =>
  onDisk("clean", folder, async () => {
    for (const name of ["decoder", "adapter"].filter((one) => !kept.includes(one))) {
      await Deno.remove(`${folder}/${name}`, { recursive: true }).catch((error) => {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      });
    }
  });

/** Why an exported model could not be read. */
export type ExportedError = LoadError | TemplateError;

/** Loads a model that {@link exportWhole} wrote. A base model that it names is found as any is, in the cache or a folder. */
export const loadExported = (
  folder: string,
): Effect.Effect<WholeModel, ExportedError> =>
  Effect.gen(function* () {
    const path = `${folder}/config.json`, json = yield* readJsonFile(path);
    const fields = yield* fromEither(decodeEither(codec, path)(json));
    const base = "base" in fields.decoder ? fields.decoder.base : undefined;
    const vision = yield* openVisionTower(`${folder}/vision`);
    const where = base ?? `${folder}/decoder`, own = yield* openDecoder(where);
    const { bridge } = fields, tower = { config: vision.config, levels: fields.vision.levels };
    const site = siteOf({ tower, bridge, decoder: own.config });
    const bridgeParams = yield* openOwn(
      `${folder}/bridge.safetensors`,
      "the bridge of config.json",
      bridgeOf(bridge.description, site).specs as Tree<ParameterSpec>,
    );
    const { adapter } = fields;
    const low = adapter == null ? undefined : yield* loadPeft(`${folder}/adapter`, own.specs);
    return {
      tower,
      bridge,
      decoder: own.config,
      params: {
        vision: vision.params,
        bridge: bridgeParams,
        ...own.params as Parts,
        ...(low === undefined ? {} : { lora: lazyArrays(low.adapters as Tree<NdArray>) }),
      },
      ...(low === undefined
        ? {}
        : { adapter: { alpha: low.alpha, ...(base === undefined ? {} : { base }) } }),
      language: yield* readLanguage(base === undefined ? where : `${folder}/adapter`),
    };
  });

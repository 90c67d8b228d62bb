/** Low-rank adapters in the layout of PEFT: adapter_model.safetensors and adapter_config.json. */
import {
  type Adapters,
  linearMaps,
  type LowRank,
  type NdArray,
  type ParameterSpec,
  show,
  specTrees,
  type Tree,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { fromEither } from "../../base/bridge.ts";
import { type DiskError, onDisk } from "../../base/disk.ts";
import { writeJson } from "../../runs/run_directory.ts";
import type { SafetensorsError } from "../fault.ts";
import { misfit, type MisfitError } from "../misfit.ts";
import type { FloatFormat } from "../safetensors.ts";
import { readJsonFile } from "../ranged.ts";
import { readLazy } from "../lazy.ts";
import { openSource, type StoredTensor } from "../source.ts";
import { isFloatType } from "../stored.ts";
import { storedArrays } from "../stream.ts";
import { writeTensors } from "./export.ts";
import type { LoadError } from "./load.ts";
import { type AdapterRules, adapterRules } from "./peft_config.ts";
import { type UnsupportedError, unsupportedIn } from "./unsupported.ts";

/** Adapters with the factor that they were trained with. */
export interface LoadedAdapters {
  /** Factors by the path of their map. */
  readonly adapters: Adapters<NdArray>;
  /** Additions are scaled by `alpha / rank`, with the rank of each A. */
  readonly alpha: number;
}

const PREFIX = "base_model.model.";

interface Factor {
  readonly map: string;
  readonly side: keyof LowRank<unknown>;
  readonly from: StoredTensor;
}

// `<prefix><map>.lora_A.weight`, with the adapter's name before `weight` in files of older versions
const factorOf = (from: StoredTensor): Factor | undefined => {
  const bare = from.name.startsWith(PREFIX) ? from.name.slice(PREFIX.length) : from.name;
  const match = /^(.+)\.(lora_[AB])(?:\.default)?(?:\.weight)?$/.exec(bare);
  return match === null ? undefined : { map: match[1]!, side: match[2] as Factor["side"], from };
};

const check = (
  folder: string,
  specs: Tree<ParameterSpec>,
  tensors: readonly StoredTensor[],
  rules: AdapterRules,
): E.Either<MisfitError, readonly Factor[]> => {
  const flat = specTrees.flatten(specs), maps = new Set(linearMaps(specs));
  const factors = tensors.map(factorOf),
    known = factors.filter((f) => f !== undefined && maps.has(f.map) && rules.chooses(f.map)) as Factor[];
  const places = new Set<string>();
  const twice = known.filter(({ map, side }) => {
    const place = `${map}.${side}`, before = places.has(place);
    places.add(place);
    return before;
  });
  const byMap = Map.groupBy(known, ({ map }) => map);
  const sides = ["lora_A", "lora_B"] as const;
  const wrong = misfit(`load ${folder}`, "adapters of this model", {
    missing: [...byMap].flatMap(([map, some]) =>
      sides.filter((side) => !some.some((f) => f.side === side)).map((side) => `${map}.${side}`)
    ),
    surplus: [
      ...tensors.filter((_, i) => !known.includes(factors[i]!)).map(({ name }) => name),
      ...twice.map(({ from }) => `${from.name} a second time`),
    ],
    misshapen: [...byMap].flatMap(([map, some]) => {
      const [to, from] = flat[`${map}.weight`]!.shape as [number, number];
      const rank = rules.rankOf(map);
      return some.flatMap(({ side, from: { name, type, shape } }) => {
        const want = side === "lora_A" ? [rank, from] : [to, rank];
        return isFloatType(type) && show(shape) === show(want) ? [] : [{
          name,
          got: `${type} ${show(shape)}`,
          expected: `floats ${show(want)} by the rank of adapter_config.json`,
        }];
      });
    }),
  });
  return wrong === undefined ? E.right(known) : E.left(wrong);
};

/** The one alpha of all adapted maps. */
const alphaOf = (
  factors: readonly Factor[],
  rules: AdapterRules,
): E.Either<UnsupportedError, number> => {
  const byMap = new Map(factors.map(({ map }) => [map, rules.alphaOf(map)]));
  const alphas = [...new Set(byMap.values())];
  return alphas.length > 1
    ? E.left(
      unsupportedIn("adapter_config.json")(
        "alpha_pattern",
        Object.fromEntries([...byMap].slice(0, 4)),
        "one alpha for all maps (with use_rslora, one rank)",
      ),
    )
    : E.right(alphas[0] ?? 0);
};

/**
 * Loads PEFT's adapters of a model with the given parameters, whose blocks are a list. For stacked blocks:
 * `adaptersOf(stackLayers("model.layers")(arrayTrees.flatten(adapters)))`.
 */
export const loadPeft = (
  folder: string,
  specs: Tree<ParameterSpec>,
): Effect.Effect<LoadedAdapters, LoadError> =>
  Effect.gen(function* () {
    const json = yield* readJsonFile(`${folder}/adapter_config.json`);
    const rules = yield* fromEither(adapterRules(json));
    const { tensors } = yield* openSource(folder, "adapter_model");
    const factors = yield* fromEither(check(folder, specs, tensors, rules));
    const alpha = yield* fromEither(alphaOf(factors, rules));
    const adapters: Record<string, { lora_A?: NdArray; lora_B?: NdArray }> = {};
    for (const { map, side, from } of factors) {
      const { [map]: array } = storedArrays([{ path: map, shape: from.shape, transposed: false, from }]);
      (adapters[map] ??= {})[side] = yield* readLazy(array!);
    }
    return { adapters: adapters as Adapters<NdArray>, alpha };
  });

const last = (map: string): string => map.slice(map.lastIndexOf(".") + 1);

// names of modules where these choose exactly the adapted maps, else their full paths
const targets = (maps: readonly string[], specs: Tree<ParameterSpec>): readonly string[] => {
  const names = [...new Set(maps.map(last))];
  const chosen = linearMaps(specs).filter((map) => names.includes(last(map)));
  return chosen.length === maps.length ? names : maps;
};

const ranks = ({ lora_A }: LowRank<NdArray>): number => lora_A.shape[0]!;

/** Writes adapters of a causal language model with the given parameters as PEFT does; `base` is the id or folder of that model. */
export const exportPeft = (
  folder: string,
  specs: Tree<ParameterSpec>,
  { adapters, alpha }: LoadedAdapters,
  floats: FloatFormat = "F32",
  base?: string,
): Effect.Effect<void, DiskError | SafetensorsError> =>
  Effect.gen(function* () {
    const maps = Object.keys(adapters), rank = Math.max(0, ...Object.values(adapters).map(ranks));
    const tensors = Object.fromEntries(
      Object.entries(adapters).flatMap(([map, { lora_A, lora_B }]) => [
        [`${PREFIX}${map}.lora_A.weight`, lora_A] as const,
        [`${PREFIX}${map}.lora_B.weight`, lora_B] as const,
      ]),
    );
    yield* onDisk("make", folder, () => Deno.mkdir(folder, { recursive: true }));
    yield* writeTensors(`${folder}/adapter_model.safetensors`, tensors, floats);
    yield* writeJson(`${folder}/adapter_config.json`, {
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      base_model_name_or_path: base ?? null,
      r: rank,
      lora_alpha: alpha,
      lora_dropout: 0,
      target_modules: targets(maps, specs),
      bias: "none",
      fan_in_fan_out: false,
      use_rslora: false,
      use_dora: false,
      modules_to_save: null,
      inference_mode: true,
      init_lora_weights: true,
      rank_pattern: Object.fromEntries(
        Object.entries(adapters).filter(([, low]) => ranks(low) !== rank).map((
          [map, low],
        ) => [map, ranks(low)]),
      ),
      alpha_pattern: {},
    });
  });

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
import * as t from "io-ts";
import { decode, fromEither } from "../../bridge.ts";
import { type DiskError, onDisk } from "../../runs/disk.ts";
import { writeJson } from "../../runs/run_directory.ts";
import type { SafetensorsError } from "../fault.ts";
import { misfit, type MisfitError } from "../misfit.ts";
import type { FloatFormat } from "../safetensors.ts";
import { openSource, type StoredTensor } from "../source.ts";
import { isFloatType } from "../stored.ts";
import { streamTo } from "../stream.ts";
import { writeTensors } from "./export.ts";
import { count, flag, orNull } from "./fields.ts";
import { type LoadError, readJsonFile } from "./load.ts";
import { unsupported, type UnsupportedError } from "./unsupported.ts";

/** Adapters with the factor that they were trained with. */
export interface LoadedAdapters {
  /** Factors by the path of their map. */
  readonly adapters: Adapters<NdArray>;
  /** Additions are scaled by `alpha / rank`, with the rank of each A. */
  readonly alpha: number;
}

const codec = t.intersection([
  t.type({ peft_type: t.string, r: count, lora_alpha: t.number }),
  t.partial({
    bias: t.string,
    use_rslora: flag,
    use_dora: flag,
    lora_bias: flag,
    fan_in_fan_out: flag,
    rank_pattern: orNull(t.record(t.string, count)),
    alpha_pattern: orNull(t.UnknownRecord),
    modules_to_save: orNull(t.array(t.string)),
  }),
]);

type Fields = t.TypeOf<typeof codec>;

const plain = "adapters that are a product of two matrices and nothing else";

const faultOf = (fields: Fields): UnsupportedError | undefined => {
  if (fields.peft_type !== "LORA") return unsupported("peft_type", fields.peft_type, "LORA");
  if ((fields.bias ?? "none") !== "none") return unsupported("bias", fields.bias, plain);
  const flags = ["use_dora", "lora_bias", "fan_in_fan_out"] as const;
  const raised = flags.find((name) => fields[name] === true);
  if (raised !== undefined) return unsupported(raised, true, plain);
  if (Object.keys(fields.alpha_pattern ?? {}).length > 0) {
    return unsupported("alpha_pattern", fields.alpha_pattern, "one alpha for all maps");
  }
  if (fields.modules_to_save?.length) return unsupported("modules_to_save", fields.modules_to_save, plain);
  return fields.use_rslora === true && Object.keys(fields.rank_pattern ?? {}).length > 0
    ? unsupported("rank_pattern", fields.rank_pattern, "one rank where scales go with its root")
    : undefined;
};

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
): E.Either<MisfitError, readonly Factor[]> => {
  const flat = specTrees.flatten(specs), maps = new Set(linearMaps(specs));
  const factors = tensors.map(factorOf),
    known = factors.filter((f) => f !== undefined && maps.has(f.map)) as Factor[];
  const byMap = Map.groupBy(known, ({ map }) => map);
  const sides = ["lora_A", "lora_B"] as const;
  const wrong = misfit(`load ${folder}`, "adapters of this model", {
    missing: [...byMap].flatMap(([map, some]) =>
      sides.filter((side) => !some.some((f) => f.side === side)).map((side) => `${map}.${side}`)
    ),
    surplus: tensors.filter((_, i) => factors[i] === undefined || !maps.has(factors[i]!.map)).map((
      { name },
    ) => name),
    misshapen: [...byMap].flatMap(([map, some]) => {
      const [to, from] = flat[`${map}.weight`]!.shape as [number, number];
      const rank = some.find(({ side }) => side === "lora_A")?.from.shape[0] ?? 0;
      return some.flatMap(({ side, from: { name, type, shape } }) => {
        const want = side === "lora_A" ? [rank, from] : [to, rank];
        return isFloatType(type) && rank > 0 && show(shape) === show(want)
          ? []
          : [{ name, got: `${type} ${show(shape)}`, expected: `floats ${show(want)}` }];
      });
    }),
  });
  return wrong === undefined ? E.right(known) : E.left(wrong);
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
    const fields = yield* decode(codec, "adapter_config.json")(json), fault = faultOf(fields);
    if (fault !== undefined) return yield* Effect.fail(fault);
    const { tensors } = yield* openSource(folder, "adapter_model");
    const factors = yield* fromEither(check(folder, specs, tensors));
    const adapters: Record<string, { lora_A?: NdArray; lora_B?: NdArray }> = {};
    yield* streamTo(
      factors.map(({ map, side, from }) => ({
        path: `${map}\n${side}`,
        shape: from.shape,
        transposed: false,
        from,
      })),
      (path, array) =>
        Effect.sync(() => {
          const [map, side] = path.split("\n") as [string, Factor["side"]];
          (adapters[map] ??= {})[side] = array;
        }),
    );
    const alpha = fields.use_rslora === true ? fields.lora_alpha * Math.sqrt(fields.r) : fields.lora_alpha;
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

/** Writes adapters of a causal language model with the given parameters as PEFT does. */
export const exportPeft = (
  folder: string,
  specs: Tree<ParameterSpec>,
  { adapters, alpha }: LoadedAdapters,
  floats: FloatFormat = "F32",
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
      base_model_name_or_path: null,
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

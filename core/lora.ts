/**
 * Low-rank adaptation (LoRA, Hu et al. 2021, section 4.1): chosen linear maps become `W + (alpha / r) B A`, where only A
 * and B are trained. Adapters are a tree of their own alongside the parameters; nothing of the model changes. Weights of
 * stacked layers `[n, out, in]` (`core/stacking.ts`) have stacked adapters.
 */
import { ConfigError, TreeError } from "./errors.ts";
import { tensors } from "./grad.ts";
import { matmul } from "./ops/contraction.ts";
import { add, mul, sub } from "./ops/elementwise.ts";
import { full } from "./ops/source.ts";
import {
  type Init,
  parameter,
  type ParameterSpec,
  specTrees,
  truncatedNormal,
  uniformInit,
  zerosInit,
} from "./parameter.ts";
import { type Shape, show } from "./shape.ts";
import { isTensor, type Tensor } from "./tensor.ts";
import { graft, ownerOf, type PathPredicate, type Tree } from "./tree.ts";

/** How the matrices A start; B starts at 0, so that the adapted model starts as the given one. */
export type LoraInit =
  /** Uniform within `1 / sqrt(in)`: Kaiming's bound with slope sqrt(5), the default of PEFT. */
  | "kaimingUniform"
  /** Normal with deviation `1 / rank`, as in the paper's code. */
  | "normal";

/** Which linear maps are adapted, and how. */
export interface LoraConfig {
  /** Rank of the addition. */
  readonly rank: number;
  /** The addition is scaled by `alpha / rank`. */
  readonly alpha: number;
  /** Chooses linear maps by path, such as `model.layers.0.self_attn.q_proj`. */
  readonly when: PathPredicate;
  /** How A starts; `kaimingUniform` by default. */
  readonly init?: LoraInit;
}

/** The two factors of one map's addition. */
export type LowRank<A> = {
  /** `[rank, in]`, of stacked layers `[n, rank, in]`. */
  readonly lora_A: A;
  /** `[out, rank]`, of stacked layers `[n, out, rank]`. */
  readonly lora_B: A;
};

/** The factors of every adapted map, by the map's path. */
export type Adapters<A> = { readonly [map: string]: LowRank<A> };

/** All seven linear maps of a decoder's blocks, as the paper's fine-tuning has it (with rank 64). */
export const decoderMaps = (path: string): boolean =>
  /^model\.layers\.(\d+\.)?(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)$/.test(path);

/** Adapters from their flat form, `<map>.lora_A` and `<map>.lora_B`, as training states and files have them. */
export const adaptersOf = <A>(flat: Readonly<Record<string, A>>): Adapters<A> => {
  const out: Record<string, LowRank<A>> = {};
  for (const path of Object.keys(flat)) {
    const map = ownerOf(path), lora_A = flat[`${map}.lora_A`], lora_B = flat[`${map}.lora_B`];
    if (lora_A === undefined || lora_B === undefined) {
      throw new TreeError({
        op: "adaptersOf",
        got: path,
        expected: `${map}.lora_A and ${map}.lora_B`,
        hint: "give the leaves of adapters alone, both factors of each",
      });
    }
    out[map] = { lora_A, lora_B };
  }
  return out;
};

// tables of embeddings have the shape of a linear map, but rows are picked from them
const isTable = (map: string): boolean => /(^|\.)\w*embed\w*$/.test(map);

/** Paths of the linear maps of a model: nodes whose `weight` is a matrix or a stack of them, no table of embeddings. */
export const linearMaps = (specs: Tree<ParameterSpec>): readonly string[] =>
  specTrees.entries(specs)
    .filter(([path, { shape }]) =>
      /(^|\.)weight$/.test(path) && (shape.length === 2 || shape.length === 3) && !isTable(ownerOf(path))
    )
    .map(([path]) => ownerOf(path));

const startOf = (init: LoraInit, rank: number, from: number): Init =>
  init === "normal"
    ? truncatedNormal(1 / rank, 8 / rank)
    : uniformInit(-1 / Math.sqrt(from), 1 / Math.sqrt(from));

const checkConfig = ({ rank, alpha }: Pick<LoraConfig, "rank" | "alpha">): void => {
  if (!Number.isInteger(rank) || rank < 1 || !Number.isFinite(alpha)) {
    throw new ConfigError({
      op: "lora",
      got: `rank ${rank}, alpha ${alpha}`,
      expected: "a whole rank of at least 1 and a finite alpha",
      hint: "start with rank 64 and alpha 64",
    });
  }
};

/**
 * Specifications of the adapters of a model's chosen linear maps.
 * @throws {ConfigError} for a rank below 1, or where no map is chosen.
 */
export const loraSpecs = (specs: Tree<ParameterSpec>, config: LoraConfig): Adapters<ParameterSpec> => {
  checkConfig(config);
  const { rank, when, init = "kaimingUniform" } = config;
  const maps = linearMaps(specs), chosen = maps.filter(when), given = specTrees.flatten(specs);
  if (chosen.length === 0) {
    throw new ConfigError({
      op: "lora",
      got: "a predicate that chooses no linear map",
      expected: `some of ${maps.slice(0, 3).join(", ")}${
        maps.length > 3 ? ` and ${maps.length - 3} more` : ""
      }`,
      hint: "choose by the path of the map, without its .weight",
    });
  }
  return Object.fromEntries(chosen.map((map) => {
    const { shape } = given[map === "" ? "weight" : `${map}.weight`]!, stack = shape.slice(0, -2);
    const [to, from] = shape.slice(-2) as [number, number];
    return [map, {
      lora_A: parameter([...stack, rank, from], startOf(init, rank, from)),
      lora_B: parameter([...stack, to, rank], zerosInit),
    }];
  }));
};

const rankOf = ({ lora_A }: LowRank<{ readonly shape: Shape }>): number => lora_A.shape.at(-2)!;

const weightOf = (params: Readonly<Record<string, Tensor>>, map: string, low: LowRank<Tensor>): Tensor => {
  const weight = params[map === "" ? "weight" : `${map}.weight`];
  const stack = weight?.shape.slice(0, -2) ?? [], [to, from] = weight?.shape.slice(-2) ?? [];
  const { lora_A, lora_B } = low, rank = rankOf(low);
  const fits = weight !== undefined && weight.shape.length >= 2 &&
    show(lora_A.shape) === show([...stack, rank, from!]) &&
    show(lora_B.shape) === show([...stack, to!, rank]);
  if (!fits) {
    throw new TreeError({
      op: "lora",
      got: `A ${show(lora_A.shape)} and B ${show(lora_B.shape)} for ${map}, whose weight is ` +
        (weight === undefined ? "not there" : show(weight.shape)),
      expected: "A [rank, in] and B [out, rank] for a weight [out, in]",
      hint: "make the adapters from the specifications of this model",
    });
  }
  return weight;
};

/**
 * The parameters with their adapters attached: linear maps then add `(alpha / rank) (x A^T) B^T` and never form
 * `W + (alpha / rank) B A`. The rank is that of each A.
 * @throws {TreeError} where an adapter fits no weight.
 */
export const attachLora = <T extends Tree<Tensor>>(
  params: T,
  adapters: Adapters<Tensor>,
  alpha: number,
): T => {
  const flat = tensors.flatten(params);
  return graft(
    isTensor,
    params,
    Object.fromEntries(
      Object.entries(adapters).map(([map, low]) => {
        const stack = weightOf(flat, map, low).shape.slice(0, -2);
        return [map, {
          lora_A: low.lora_A,
          lora_B: low.lora_B,
          lora_scale: full(stack, alpha / rankOf(low)),
        }];
      }),
    ),
  ) as T;
};

const merged =
  (combine: (w: Tensor, addition: Tensor) => Tensor) =>
  <T extends Tree<Tensor>>(params: T, adapters: Adapters<Tensor>, alpha: number): T => {
    const flat = tensors.flatten(params);
    return graft(
      isTensor,
      params,
      Object.fromEntries(
        Object.entries(adapters).map(([map, low]) => {
          const weight = weightOf(flat, map, low), { lora_A, lora_B } = low;
          return [map, {
            weight: combine(weight, mul(matmul(lora_A)(lora_B), alpha / rankOf(low))),
          }];
        }),
      ),
    ) as T;
  };

/** The parameters with `W + (alpha / rank) B A` for every adapted weight: a plain model that needs no adapters. */
export const mergeLora: <T extends Tree<Tensor>>(params: T, adapters: Adapters<Tensor>, alpha: number) => T =
  merged(add);

/** The inverse of {@link mergeLora}, up to rounding: `W - (alpha / rank) B A`. */
export const unmergeLora: <T extends Tree<Tensor>>(
  params: T,
  adapters: Adapters<Tensor>,
  alpha: number,
) => T = merged(sub);

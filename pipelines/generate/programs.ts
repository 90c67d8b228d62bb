/**
 * The two programs of a generation: a prefix fills the cache and chooses the first token; a step feeds back the token
 * that it chose last. All state stays on the device as inputs that both programs share, so that many steps may be
 * submitted before any number is read. Pure.
 * Shapes: b rows, t tokens of a prompt, i images of a prompt, m new tokens, v vocabulary.
 */
import {
  add,
  attachAdapters,
  broadcastTo,
  cacheSpecs,
  cast,
  concat,
  constant,
  type DecodeCache,
  type DecodeOutput,
  decodeStep,
  droppedBy,
  equal,
  fit,
  greedy,
  input,
  iota,
  less,
  type LlamaConfig,
  llamaEmbed,
  type LlamaParams,
  llamaSpecs,
  mixRows,
  or,
  type ParameterSpec,
  type PastKeyValues,
  placeholders,
  prefill,
  type PrefixPyramid,
  type PyramidStage,
  reshape,
  sample,
  select,
  sub,
  type Tensor,
  tensors,
  type Tree,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels/portable";
import type { LazyArray } from "../weights/lazy.ts";
import type { Decoding } from "./decoding.ts";

/** The images that prompts may speak of. */
export interface PromptImages {
  /** Visual tokens of an image. */
  readonly tokens: number;
  /** Visual tokens `[images, tokens, d]` from the parameters and from inputs of its own. */
  readonly describe: (params: Tree<Tensor>, images: number) => Tensor;
}

/** A model that writes. */
export interface CausalLM {
  /** Its decoder. */
  readonly decoder: LlamaConfig;
  /** Specifications of all its parameters, the decoder's under their own names. */
  readonly specs: Tree<ParameterSpec>;
  /** The parameters. */
  readonly params: Tree<LazyArray>;
  /** Scale of adapters among the parameters, under `lora`; none by default. */
  readonly alpha?: number;
  /** The images of its prompts; text alone by default. */
  readonly images?: PromptImages;
  /** Where its decoder drops visual tokens; every prompt then begins with its one image. */
  readonly pyramid?: readonly PyramidStage[];
}

/** Sizes that are fixed when programs are compiled. */
export interface GenerationLimits {
  /** Rows of a batch. */
  readonly rows: number;
  /** Most text tokens of a prompt. */
  readonly prompt: number;
  /** Maximum number of images of a prompt of a model that reads images; 1 by default. */
  readonly images?: number;
  /** Maximum number of tokens to be written. */
  readonly tokens: number;
}

/** Tokens with a meaning of their own. */
export interface SpecialTokens {
  /** A text ends at any of these. */
  readonly ends: readonly number[];
  /** What follows an end. */
  readonly pad: number;
}

/** Places for images in a prompt. */
export const placesOf = (
  { images }: Pick<CausalLM, "images">,
  limits: Pick<GenerationLimits, "images">,
): number => images === undefined ? 0 : limits.images ?? 1;

/** The visual tokens that the decoder drops of every prefix; nothing where it drops none. */
export const pyramidOf = (
  { pyramid, images }: Pick<CausalLM, "pyramid" | "images">,
): PrefixPyramid | undefined =>
  pyramid === undefined || images === undefined ? undefined : { visual: images.tokens, stages: pyramid };

/** Tokens of prefixes that the decoder's blocks have dropped, as input of steps. */
export const droppedOf = (causalLM: CausalLM): Pick<PastKeyValues, "dropped"> => {
  const pyramid = pyramidOf(causalLM);
  return pyramid === undefined ? {} : { dropped: droppedBy(causalLM.decoder, pyramid) };
};

/** Positions of the longest prefix. */
export const prefixOf = (
  causalLM: Pick<CausalLM, "images">,
  limits: Pick<GenerationLimits, "prompt" | "images">,
): number => placesOf(causalLM, limits) * (causalLM.images?.tokens ?? 0) + limits.prompt;

/** The parameters as inputs. */
export interface Placeholders {
  /** All of them. */
  readonly all: Tree<Tensor>;
  /** The decoder's. */
  readonly llama: LlamaParams<Tensor>;
}

/** The parameters as inputs named `params.*`. Throws a TreeError where the decoder's are not among them. */
export const parameterPlaceholders = ({ specs, decoder, alpha }: CausalLM): Placeholders => {
  const all = placeholders("params", specs) as Tree<Tensor>;
  return {
    all,
    llama: fit("llama", llamaSpecs(decoder), alpha === undefined ? all : attachAdapters(alpha)(all)),
  };
};

/**
 * The caches as inputs named `cache.prefix.*` and `cache.tail.*`. The tail begins as anything finite, such as zeros, once:
 * what an earlier text left in it is masked.
 */
export const cachePlaceholders = (
  causalLM: CausalLM,
  limits: GenerationLimits,
): Omit<PastKeyValues, "start"> => {
  const held = (name: string, capacity: number): DecodeCache<Tensor> =>
    placeholders(
      `cache.${name}`,
      cacheSpecs(causalLM.decoder, limits.rows, capacity) as Tree<ParameterSpec>,
    ) as unknown as DecodeCache<Tensor>;
  return { prefix: held("prefix", prefixOf(causalLM, limits)), tail: held("tail", limits.tokens) };
};

/**
 * The prefix of every row: the text of its prompt (`prompt.ids`) with its images where they are in it (`prompt.after`),
 * of `prompt.lengths` positions in all.
 */
export const describePrefix = (
  causalLM: CausalLM,
  limits: GenerationLimits,
): { readonly decoded: DecodeOutput; readonly lengths_b: Tensor } => {
  const { rows, prompt } = limits, { all, llama } = parameterPlaceholders(causalLM);
  const text_btd = llamaEmbed(llama, input("prompt.ids", [rows, prompt], "i32"));
  const places = placesOf(causalLM, limits), lengths_b = input("prompt.lengths", [rows], "i32");
  const x_btd = causalLM.images === undefined || places === 0 ? text_btd : mixRows(
    text_btd,
    causalLM.images.describe(all, rows * places),
    input("prompt.after", [rows, places], "i32"),
  ).x_bsd;
  return { decoded: prefill(causalLM.decoder)(llama, x_btd, lengths_b, pyramidOf(causalLM)), lengths_b };
};

/** What a generation carries from token to token, alongside the caches. */
export type TokenState<A> = {
  /** Length of the prefix, i32 `[b]`; no step changes it. */
  readonly start: A;
  /** How many tokens were fed back, i32 `[b]`: the next one is so far behind the prefix. */
  readonly fed: A;
  /** The token to be fed back, i32 `[b]`. */
  readonly next: A;
  /** 1 for rows that came to an end, i32 `[b]`. */
  readonly done: A;
  /** Tokens written so far, i32 `[1]`. */
  readonly step: A;
  /** The tokens, i32 `[b, m]`. */
  readonly written: A;
};

const heldState = ({ rows, tokens }: GenerationLimits): TokenState<Tensor> => {
  const state = (name: string, shape: readonly number[]) => input(`state.${name}`, shape, "i32");
  return {
    start: state("start", [rows]),
    fed: state("fed", [rows]),
    next: state("next", [rows]),
    done: state("done", [rows]),
    step: state("step", [1]),
    written: state("written", [rows, tokens]),
  };
};

/** The chosen tokens of all rows, i32 `[b]`, at a step; sampling reads `sampling.*`. */
const choose = (kind: Decoding["kind"], logits_bv: Tensor, step: Tensor): Tensor => {
  if (kind === "greedy") return greedy(logits_bv);
  const settings = {
    temperature: input("sampling.temperature", [1, 1]),
    topK: input("sampling.topK", [1, 1], "i32"),
    topP: input("sampling.topP", [1, 1]),
  };
  const key = concat([input("sampling.seed", [1], "u32"), cast("u32")(step)], 0);
  return sample(settings, key)(logits_bv);
};

const isEnd = (ends: readonly number[], ids: Tensor): Tensor =>
  ends.map((end) => equal(ids, end)).reduce((a, b) => or(a, b), less(ids, 0));

/** The state once `chosen` are the tokens number `step` of rows that are not done. */
const written = (
  before: TokenState<Tensor>,
  chosen: Tensor,
  { ends, pad }: SpecialTokens,
  { rows, tokens }: GenerationLimits,
): Omit<TokenState<Tensor>, "fed" | "start"> => {
  const next = select(equal(before.done, 1), pad, chosen);
  const here = equal(iota([1, tokens], 1), reshape([1, 1])(before.step));
  return {
    next,
    done: cast("i32")(or(equal(before.done, 1), isEnd(ends, next))),
    step: add(before.step, 1),
    written: select(here, reshape([rows, 1])(next), before.written),
  };
};

const sourceOf = (
  state: Partial<TokenState<Tensor>>,
  [name, cache]: readonly ["prefix" | "tail", DecodeCache<Tensor>],
  inputs: readonly Tensor[],
): Source => {
  const outputs = {
    ...prefixed("state", state as unknown as Tree<Tensor>),
    ...prefixed(`cache.${name}`, cache as unknown as Tree<Tensor>),
  };
  return { outputs, donate: Object.fromEntries(Object.keys(outputs).map((path) => [path, path])), inputs };
};

const prefixed = (name: string, tree: Tree<Tensor>): Readonly<Record<string, Tensor>> =>
  Object.fromEntries(Object.entries(tensors.flatten(tree)).map(([path, t]) => [`${name}.${path}`, t]));

const allOf = (tree: unknown): readonly Tensor[] => tensors.leaves(tree as Tree<Tensor>);

/** From prompts to the state and cache after the first token. */
export const prefixSource = (
  causalLM: CausalLM,
  limits: GenerationLimits,
  specialTokens: SpecialTokens,
  kind: Decoding["kind"],
): Source => {
  const { decoded, lengths_b } = describePrefix(causalLM, limits);
  const none = broadcastTo([limits.rows]), zero = constant(0, "i32"), first = reshape([1])(zero);
  const begin: TokenState<Tensor> = {
    start: lengths_b,
    fed: none(zero),
    next: none(zero),
    done: none(zero),
    step: first,
    written: broadcastTo([limits.rows, limits.tokens])(constant(specialTokens.pad, "i32")),
  };
  const after = written(begin, choose(kind, decoded.logits_bv, first), specialTokens, limits);
  return sourceOf({ start: lengths_b, fed: begin.fed, ...after }, ["prefix", decoded.cache], [
    ...allOf(heldState(limits)),
    ...allOf(cachePlaceholders(causalLM, limits).prefix),
  ]);
};

/** From one token to the next. */
export const nextSource = (
  causalLM: CausalLM,
  limits: GenerationLimits,
  specialTokens: SpecialTokens,
  kind: Decoding["kind"],
): Source => {
  const { llama } = parameterPlaceholders(causalLM), before = heldState(limits);
  const { logits_bv, cache } = decodeStep(causalLM.decoder)(
    llama,
    llamaEmbed(llama, before.next),
    add(before.start, before.fed),
    { ...cachePlaceholders(causalLM, limits), ...droppedOf(causalLM), start: before.start },
  );
  const after = written(before, choose(kind, logits_bv, before.step), specialTokens, limits);
  // rows that are done stay where they are, so that they need no room
  return sourceOf({ fed: add(before.fed, sub(1, before.done)), ...after }, ["tail", cache], []);
};

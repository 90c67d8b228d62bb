/** Decoders of many configurations against plain loops, for one evaluator. */
import {
  arrayTrees,
  bindingsOf,
  initialise,
  input,
  type LlamaConfig,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  type NdArray,
  type ParameterSpec,
  placeholders,
  specTrees,
  type Tree,
  uniformInit,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import type { Evaluate } from "../support/evaluate.ts";
import { near, type Tolerance } from "../support/near.ts";
import { plainLogits } from "../support/plain_llama.ts";

const IDS = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8];

/** Parameters with numbers everywhere, in biases and gains too. */
const busy = (config: LlamaConfig): Tree<NdArray> =>
  initialise(
    [5, 6],
    specTrees.map(llamaSpecs(config) as Tree<ParameterSpec>, (spec, path) => ({
      ...spec,
      init: /norm/.test(path) ? uniformInit(0.5, 1.5) : uniformInit(-0.6, 0.6),
    })) as Tree<ParameterSpec>,
  ) as Tree<NdArray>;

/** Compares the logits of one configuration. */
export const compareDecoder = async (
  name: string,
  config: LlamaConfig,
  evaluate: Evaluate,
  tolerance: Tolerance,
): Promise<void> => {
  const params = placeholders("w", llamaSpecs(config)), values = busy(config);
  const ids = input("ids", [1, IDS.length], "i32");
  const used = IDS.map((id) => id % config.vocabulary);
  const [logits] = await evaluate(
    [llamaLogits(params, llamaStates(config)(params, llamaEmbed(params, ids)))],
    {
      ...bindingsOf("w", values),
      ids: { dtype: "i32", shape: [1, IDS.length], data: Int32Array.from(used) },
    },
  );
  const want = plainLogits(config, arrayTrees.flatten(values), used).flat();
  near(
    name,
    logits!,
    { shape: [1, IDS.length, config.vocabulary], data: Float64Array.from(want) },
    tolerance,
  );
};

const base = { vocabulary: 11, width: 12, layers: 2, ff: 14 } as const;
const llama3 = { kind: "llama3", factor: 8, low: 1, high: 4, trained: 16 } as const;

/** Configurations in which decoders of the family differ. */
export const decoders: Readonly<Record<string, LlamaConfig>> = {
  "all heads their own keys, tied": { ...base, heads: 3, tied: true },
  "one key-value head, another base": { ...base, heads: 3, kvHeads: 1, theta: 500000 },
  "two key-value heads for six, heads wider than the width": { ...base, heads: 6, kvHeads: 2, headWidth: 10 },
  "five heads, the rotations of Llama 3": {
    ...base,
    heads: 5,
    kvHeads: 5,
    headWidth: 8,
    rope: llama3,
    eps: 1e-3,
  },
  "biases in attention and perceptron": { ...base, heads: 2, attentionBias: true, mlpBias: true },
  "biases of queries, keys and values alone": { ...base, heads: 2, attentionBias: true, outputBias: false },
  "normalised queries and keys, heads wider than the width": {
    ...base,
    heads: 4,
    kvHeads: 2,
    headWidth: 6,
    qkNorm: true,
  },
  "a sliding window of three": { ...base, heads: 3, kvHeads: 1, window: 3 },
  "positions interpolated, another activation": {
    ...base,
    heads: 2,
    rope: { kind: "linear", factor: 4 },
    activation: "quickGelu",
  },
  "a base that grows with the text": { ...base, heads: 2, rope: { kind: "dynamic", factor: 2, trained: 5 } },
};

/** The suite for one evaluator; it runs at once. */
export const decoderSuite = (name: string, evaluate: Evaluate, tolerance: Tolerance): void => {
  const test = suite(`decoders, ${name}`);
  for (const [label, config] of Object.entries(decoders)) {
    test(label, () => compareDecoder(label, config, evaluate, tolerance));
  }
  test.run();
};

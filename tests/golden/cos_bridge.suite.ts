/** The Chain-of-Sight bridge against PyTorch: 80 tokens with gradients, and inflated to 336 and to 1296. */
import {
  arrayTrees,
  type ChainOfSightConfig,
  chainOfSightSpecs,
  chainOfSightTokens,
  compoundScaling,
  grow,
  type Growth,
  inflate,
  input,
  layoutOf,
  placeholders,
  pullback,
  resolutionScaling,
  sliceAxis,
  specTrees,
  tensors,
  tokenCount,
  unflatten,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Evaluate } from "../support/evaluate.ts";
import { golden } from "../support/fixtures.ts";
import { exactly, near } from "../support/near.ts";

const OUTPUT = { rtol: 1e-5, atol: 1e-6 };
const GRADIENT = { rtol: 3e-5, atol: 1e-6 };
const SHAPE = { width: 64, to: 96, heads: 4 } as const;

/** Growths of the fixture, and every how many tokens their outputs are stored. */
const grown: readonly (readonly [string, Growth, number])[] = [
  ["b336", resolutionScaling(), 1],
  ["b1296", compoundScaling(), 9],
];

/** The suite for one evaluator; it runs at once. */
export const cosBridgeSuite = (name: string, evaluate: Evaluate): void => {
  const test = suite(`chain of sight bridge, ${name}`);
  const file = golden("cos_bridge");
  const config: ChainOfSightConfig = { ...SHAPE, layout: layoutOf(224, 14, [16, 4], [16, 4]) };
  const weights = file.under("a/w/");

  test("80 tokens: outputs and every gradient", async () => {
    const specs = chainOfSightSpecs(config), params = placeholders("w", specs);
    const features = [0, 1].map((l) => input(`feat${l}`, [2, 256, 64]));
    const out = chainOfSightTokens(config)(params, features);
    const named = tensors.flatten(params), names = Object.keys(named);
    const grads = pullback([out], [input("cot", out.shape)], [...Object.values(named), ...features]);
    const values = await evaluate([out, ...grads], {
      ...Object.fromEntries(names.map((n) => [`w.${n}`, file.get(`a/w/${n}`)])),
      feat0: file.get("a/feat0"),
      feat1: file.get("a/feat1"),
      cot: file.get("a/cot"),
    });
    near("out", values[0]!, file.get("a/out"), OUTPUT);
    [...names, "feat0", "feat1"].forEach((n, i) =>
      near(`grad ${n}`, values[i + 1]!, file.get(`a/grad/${n}`), GRADIENT)
    );
    assert.equal(names.length, Object.keys(weights).length, "a parameter for every weight of the fixture");
  });

  for (const [name, growth, every] of grown) {
    test(`${name}: inflated queries and outputs`, async () => {
      const small = unflatten(specTrees, chainOfSightSpecs(config), weights);
      const { layout, sources } = grow(growth)(config.layout);
      const large = { ...config, layout };
      const inflated = inflate(config.layout, layout, sources)(small);
      const params = placeholders("w", chainOfSightSpecs(large));
      inflated.scales.forEach(({ queries }, s) =>
        near(`queries ${s}`, queries, file.get(`${name}/w/scales.${s}.queries`), exactly)
      );
      const features = [0, 1].map((l) => input(`feat${l}`, [1, 1024, 64]));
      const [out] = await evaluate([sliceAxis(1, 0, tokenCount(layout), every)(chainOfSightTokens(large)(params, features))], {
        ...Object.fromEntries(arrayTrees.entries(inflated).map(([n, a]) => [`w.${n}`, a])),
        feat0: file.get("b/feat0"),
        feat1: file.get("b/feat1"),
      });
      near("out", out!, file.get(`${name}/out`), OUTPUT);
    });
  }
  test.run();
};

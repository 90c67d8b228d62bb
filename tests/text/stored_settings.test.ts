/** Settings are checked as they are stored: f32 and i32, not the numbers of JavaScript. */
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ALL_TOKENS, checkDecoding, type Sampled } from "../../pipelines/generate/decoding.ts";
import { languageCodec } from "../../pipelines/stages/language_config.ts";

const test = suite("stored settings");

const sampled = (change: Partial<Sampled>): ReturnType<typeof checkDecoding> =>
  checkDecoding({ kind: "sample", temperature: 1, seed: 1, ...change });

test("of sampling that the device cannot hold are refused by name", () => {
  const refused: readonly (readonly [Partial<Sampled>, RegExp])[] = [
    ...[1e-38, 1e-40, 1e-46, 5e-324, 0, -1, NaN, Infinity, 101].map((temperature) =>
      [{ temperature }, /a temperature of/] as const
    ),
    ...[1e-39, 1e-46, 0, -0.1, NaN, 1.1].map((topP) => [{ topP }, /top-p of/] as const),
    ...[0, -1, 1.5, NaN, Infinity].map((topK) => [{ topK }, /top-k of/] as const),
    ...[-1, 0.5, 2 ** 32, NaN].map((seed) => [{ seed }, /a seed of/] as const),
  ];
  for (const [change, said] of refused) {
    const got = sampled(change);
    assert.ok(E.isLeft(got), JSON.stringify(change));
    assert.match(got.left.message, said);
  }
});

test("of sampling that it holds are kept, and more tokens than any vocabulary has are all", () => {
  for (
    const change of [{ temperature: 1.2e-38 }, { temperature: 100 }, { topP: 1 }, { topP: 1.2e-38 }, {
      seed: 2 ** 32 - 1,
    }]
  ) {
    const got = sampled(change);
    assert.ok(E.isRight(got) && got.right.kind === "sample");
    assert.equal({ ...got.right, ...change }, got.right);
  }
  for (const topK of [ALL_TOKENS, 2 ** 31, 2 ** 32 + 1, 1e300]) {
    const got = sampled({ topK });
    assert.ok(E.isRight(got) && got.right.kind === "sample" && got.right.topK === ALL_TOKENS);
  }
});

test("of trainings are counts below 2^31 and numbers of f32", () => {
  const config = {
    steps: 10,
    batch: 2,
    learningRate: 1e-3,
    warmup: 1,
    weightDecay: 0,
    maxNorm: 1,
    trainable: [],
    every: 1,
  };
  assert.ok(E.isRight(languageCodec().decode(config)));
  for (
    const change of [
      { steps: 2 ** 31 },
      { batch: 1e9 },
      { learningRate: 1e-50 },
      { learningRate: 1e39 },
      { learningRate: Infinity },
      { learningRate: NaN },
      { weightDecay: 1e-45 },
      { maxNorm: 1e-40 },
      { maxNorm: Infinity },
    ]
  ) assert.ok(E.isLeft(languageCodec().decode({ ...config, ...change })), JSON.stringify(change));
});

test.run();

/** Any decoder of the family against plain loops; rotary frequencies against their definitions. */
import {
  ConfigError,
  input,
  interpret,
  type LlamaConfig,
  ropeFrequencies,
  type RopeScaling,
  ropeTables,
} from "@chain-of-sight/core";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareDecoder } from "../device/decoders.ts";
import { reference } from "../support/evaluate.ts";
import { inverseFrequencies } from "../support/plain_llama.ts";
import { property } from "../support/property.ts";

const scalings: fc.Arbitrary<RopeScaling | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.record({ kind: fc.constant("linear" as const), factor: fc.constantFrom(1, 2.5, 8) }),
  fc.record({
    kind: fc.constant("dynamic" as const),
    factor: fc.constantFrom(1, 2, 4),
    trained: fc.constantFrom(3, 12, 100),
  }),
  fc.record({
    kind: fc.constant("llama3" as const),
    factor: fc.constantFrom(8, 32),
    low: fc.constantFrom(1, 2),
    high: fc.constantFrom(3, 4),
    trained: fc.constantFrom(8, 64, 8192),
  }),
);

const configs: fc.Arbitrary<LlamaConfig> = fc.record({
  kv: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 3 }),
  headWidth: fc.constantFrom(4, 6, 10),
  width: fc.integer({ min: 1, max: 10 }),
  vocabulary: fc.integer({ min: 2, max: 12 }),
  layers: fc.integer({ min: 1, max: 3 }),
  ff: fc.integer({ min: 1, max: 12 }),
  tied: fc.boolean(),
  attentionBias: fc.boolean(),
  outputBias: fc.boolean(),
  qkNorm: fc.boolean(),
  window: fc.option(fc.integer({ min: 1, max: 13 }), { nil: undefined }),
  mlpBias: fc.boolean(),
  theta: fc.constantFrom(100, 10000, 500000),
  eps: fc.constantFrom(1e-6, 1e-5, 0.1),
  activation: fc.constantFrom("silu" as const, "relu" as const, "geluTanh" as const),
  rope: scalings,
}).map(({ kv, groups, rope, window, ...rest }) => ({
  ...rest,
  ...(window === undefined ? {} : { window }),
  kvHeads: kv,
  heads: kv * groups,
  ...(rope === undefined ? {} : { rope }),
}));

const decoder = suite("decoder configurations");

property(
  decoder,
  "logits of any configuration are those of plain loops",
  [configs],
  (config) => compareDecoder(JSON.stringify(config), config, reference, { rtol: 2e-6, atol: 1e-12 }),
  { runs: 40 },
);

const rotary = suite("rotary frequencies");

const values = (d: number, theta: number, scaling: RopeScaling | undefined, length: number): number[] =>
  Array.from(interpret([ropeFrequencies(d, theta, scaling, length)])[0]!.data);

property(rotary, "are those of the definitions for every scaling", [
  fc.integer({ min: 2, max: 64 }),
  fc.constantFrom(100, 10000, 500000, 1e6),
  scalings,
  fc.integer({ min: 1, max: 300 }),
], (half, theta, scaling, length) => {
  const got = values(2 * half, theta, scaling, length),
    want = inverseFrequencies(2 * half, theta, scaling, length);
  assert.is(got.length, want.length);
  want.forEach((f, i) => assert.ok(Math.abs(got[i]! / f - 1) < 1e-5, `${i}: ${got[i]} for ${f}`));
});

rotary("of Llama 3.1 8B: kept, mixed and divided by eight", () => {
  const scaling = { kind: "llama3", factor: 8, low: 1, high: 4, trained: 8192 } as const;
  const got = values(128, 500000, scaling, 8192), plain = values(128, 500000, undefined, 8192);
  // worked out by hand: pair i iterations 8192 * 500000^(-i/64) / (2 pi) times within 8192 positions
  const turns = (i: number) => 8192 * 500000 ** (-i / 64) / (2 * Math.PI);
  assert.ok(turns(28) > 4 && turns(29) < 4 && turns(34) > 1 && turns(35) < 1);
  assert.is(got[0], 1);
  assert.ok(Math.abs(got[28]! / plain[28]! - 1) < 1e-9, "28 iterations 4.19 times: kept");
  assert.ok(Math.abs(got[35]! / plain[35]! - 1 / 8) < 1e-9, "35 iterations less than once: divided");
  const share = (turns(31) - 1) / 3;
  assert.ok(Math.abs(got[31]! / plain[31]! - (share + (1 - share) / 8)) < 1e-6);
});

rotary("that grow with the text need its length", () => {
  const scaling = { kind: "dynamic", factor: 2, trained: 4 } as const, at = input("at", [], "i32");
  assert.throws(() => ropeTables(1, 8, { scaling, offset: at }), (e: Error) => e instanceof ConfigError);
  const known = ropeTables(1, 8, { scaling, offset: 6 }),
    reported = ropeTables(1, 8, { scaling, offset: 6, length: 7 });
  assert.is(known.cos_te, reported.cos_te);
  assert.not.equal(
    ropeTables(1, 8, { scaling, offset: at, length: 9 }).cos_te,
    ropeTables(1, 8, { offset: at }).cos_te,
  );
  assert.is(
    ropeTables(4, 8, { scaling }).cos_te,
    ropeTables(4, 8).cos_te,
    "within the trained length nothing changes",
  );
});

decoder.run();
rotary.run();

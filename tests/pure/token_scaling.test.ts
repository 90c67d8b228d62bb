/** The scaling algebra gives every configuration of the paper, and inflation copies what it should. */
import {
  chainOfSightSpecs,
  compoundScaling,
  ConfigError,
  grow,
  type Growth,
  growthOf,
  inflate,
  initialise,
  layoutOf,
  resampler,
  resolutionScaling,
  tokenCount,
  tokensPerScale,
  TreeError,
  windowScaling,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";

const pretrain = layoutOf(224, 14, [16, 4], [16, 4]);
const windowsOf = (growth: Growth, from = pretrain) => grow(growth)(from).layout.scales.map((s) => s.window);
const tokens = (growth: Growth, from = pretrain) => tokenCount(grow(growth)(from).layout);
const G = { local: false }, L = { global: false };

test("every layout of the paper, with its tokens by scale", () => {
  const rows:
    readonly (readonly [number, readonly number[], readonly number[], readonly number[], number])[] = [
      [224, [16, 4], [16, 4], [16, 64], 80],
      [224, [16, 4], [16, 1], [16, 16], 32],
      [224, [16, 8], [16, 4], [16, 16], 32],
      [224, [16, 4], [16, 2], [16, 32], 48],
      [224, [16, 8], [16, 8], [16, 32], 48],
      [224, [16, 8, 4], [16, 16, 4], [16, 64, 64], 144],
      [224, [16, 2], [16, 4], [16, 256], 272],
      [224, [16, 8, 2], [16, 16, 4], [16, 64, 256], 336],
      [448, [32, 8], [16, 4], [16, 64], 80],
      [448, [32, 16, 8], [16, 16, 4], [16, 64, 64], 144],
      [448, [32, 4], [16, 4], [16, 256], 272],
      [448, [32, 16, 4], [16, 16, 4], [16, 64, 256], 336],
      [448, [32, 8, 4], [16, 16, 4], [16, 256, 256], 528],
      [448, [32, 16, 2], [16, 16, 4], [16, 64, 1024], 1104],
      [448, [32, 8, 2], [16, 16, 4], [16, 256, 1024], 1296],
      [448, [32, 8, 2], [16, 16, 1], [16, 256, 256], 528],
      [448, [32, 16, 2], [16, 16, 1], [16, 64, 256], 336],
      [448, [32, 8, 2], [16, 16, 2], [16, 256, 512], 784],
    ];
  for (const [resolution, windows, queries, perScale, total] of rows) {
    const of = layoutOf(resolution, 14, windows, queries);
    assert.equal(tokensPerScale(of), perScale);
    assert.is(tokenCount(of), total);
  }
});

test("every row of the token-scaling ablation", () => {
  const still: Growth = { resolution: 2, global: 1, local: 1 };
  const rows: readonly (readonly [Growth, readonly number[], number])[] = [
    [growthOf(), [16, 4], 80],
    [still, [32, 8], 80],
    [windowScaling(G), [16, 8, 4], 144],
    [windowScaling(L), [16, 2], 272],
    [windowScaling(), [16, 8, 2], 336],
    [resolutionScaling(G), [32, 16, 8], 144],
    [resolutionScaling(L), [32, 4], 272],
    [resolutionScaling(), [32, 16, 4], 336],
    [compoundScaling(G), [32, 8, 4], 528],
    [compoundScaling(L), [32, 16, 2], 1104],
    [compoundScaling(), [32, 8, 2], 1296],
  ];
  for (const [growth, windows, count] of rows) {
    assert.equal(windowsOf(growth), windows);
    assert.is(tokens(growth), count);
  }
  assert.equal(grow(compoundScaling())(pretrain).sources, [0, 0, 1]);
  assert.equal(grow(windowScaling(L))(pretrain).sources, [0, 1]);
});

test("fewer pre-training tokens: 48 to 784, 32 to 528 and 336", () => {
  assert.is(tokens(compoundScaling(), layoutOf(224, 14, [16, 4], [16, 2])), 784);
  assert.is(tokens(compoundScaling(), layoutOf(224, 14, [16, 4], [16, 1])), 528);
  const seen = compoundScaling(L), from = layoutOf(224, 14, [16, 4], [16, 1]);
  assert.equal(windowsOf(seen, from), [32, 16, 2]);
  assert.is(tokens(seen, from), 336);
});

test("the quarter-size geometry of the quickstart follows from the same algebra", () => {
  const twenty = layoutOf(112, 14, [8, 2], [4, 1]), eight = layoutOf(112, 14, [8, 4], [4, 1]);
  assert.equal([tokenCount(twenty), tokenCount(eight)], [20, 8]);
  assert.equal(windowsOf(resolutionScaling(), twenty), [16, 8, 2]);
  assert.is(tokens(resolutionScaling(), twenty), 84);
  assert.equal(windowsOf(compoundScaling(), eight), [16, 4, 2]);
  assert.is(tokens(compoundScaling(), eight), 132);
  assert.equal(windowsOf(resolutionScaling(), eight), [16, 8, 4]);
  assert.is(tokens(resolutionScaling(), eight), 36);
  assert.equal(tokensPerScale(grow(compoundScaling())(twenty).layout), [4, 64, 256]);
  const baselineEntry = resampler({ resolution: 112, patch: 14, queries: 84, width: 8, to: 8, heads: 1 });
  assert.equal([baselineEntry.tokens, baselineEntry.grid, baselineEntry.levels], [84, 8, 2]);
});

test("growths compose by multiplying", () => {
  assert.equal(compoundScaling(), growthOf(windowScaling(), resolutionScaling()));
  assert.equal(growthOf(growthOf(), windowScaling(G)), windowScaling(G));
});

test("impossible layouts are refused", () => {
  for (
    const build of [
      () => layoutOf(225, 14, [16], [1]),
      () => layoutOf(224, 14, [5], [1]),
      () => layoutOf(224, 14, [4, 16], [1, 1]),
      () => layoutOf(224, 14, [16], [0]),
      () => layoutOf(224, 14, [], []),
      () => layoutOf(224, 14, [16], [1, 2]),
      () => grow(windowScaling())(layoutOf(112, 14, [8, 1], [4, 1])),
    ]
  ) assert.throws(build, (e: Error) => e instanceof ConfigError);
});

test("inflation copies queries to child windows and everything else as it is", () => {
  const source = layoutOf(56, 14, [4, 2], [2, 1]), { layout, sources } = grow(compoundScaling())(source);
  const config = { width: 4, to: 4, heads: 1 };
  const small = initialise([3, 4], chainOfSightSpecs({ ...config, layout: source }));
  const large = inflate(source, layout, sources)(small);
  assert.equal(large.scales.map((s) => s.queries.shape[1]), tokensPerScale(layout));
  assert.is(large.ln, small.ln);
  assert.is(large.scales[1]!.blocks, small.scales[0]!.blocks);
  const row = (a: { data: ArrayLike<number> }, i: number) => Array.from(a.data).slice(i * 4, i * 4 + 4);
  // local lineage: 2 x 2 windows of one query become 8 x 8, so window (y, x) has parent (y >> 2, x >> 2)
  for (const [y, x] of [[0, 0], [3, 4], [7, 7], [5, 2]] as const) {
    assert.equal(
      row(large.scales[2]!.queries, y * 8 + x),
      row(small.scales[1]!.queries, (y >> 2) * 2 + (x >> 2)),
    );
  }
});

test("inflation refuses what does not correspond", () => {
  const source = layoutOf(56, 14, [4, 2], [2, 1]);
  const small = initialise([3, 4], chainOfSightSpecs({ layout: source, width: 4, to: 4, heads: 1 }));
  const to = layoutOf(112, 14, [8, 2], [2, 1]);
  assert.throws(() => inflate(source, to, [0])(small), (e: Error) => e instanceof ConfigError);
  assert.throws(() => inflate(source, to, [1, 1])(small), (e: Error) => e instanceof ConfigError);
  assert.throws(() => inflate(source, to, [0, 5])(small), (e: Error) => e instanceof ConfigError);
  assert.throws(() => inflate(to, to, [0, 1])(small), (e: Error) => e instanceof TreeError);
});

test.run();

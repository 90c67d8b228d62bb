/** Laws of token scaling and inflation, on random layouts. */
import {
  bindingsOf,
  chainOfSightSpecs,
  chainOfSightTokens,
  compoundScaling,
  ConfigError,
  grow,
  type Growth,
  growthOf,
  inflate,
  initialise,
  input,
  interpret,
  type Layout,
  layout,
  type NdArray,
  ndarray,
  placeholders,
  resolutionScaling,
  tokenCount,
  tokensPerScale,
  type Tree,
  windowScaling,
  windowsPerSide,
} from "@chain-of-sight/core";
import * as fc from "fast-check";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { property } from "../support/property.ts";
import { floats } from "../support/random.ts";
import { near } from "../support/near.ts";

const RUNS = { runs: 60 };

// a global scale and local ones whose windows can be halved twice
const layouts = (patch = 14): fc.Arbitrary<Layout> =>
  fc.tuple(
    fc.constantFrom(4, 8, 16),
    fc.integer({ min: 1, max: 5 }),
    fc.array(fc.record({ level: fc.constantFrom(2, 3), queries: fc.integer({ min: 1, max: 4 }) }), {
      maxLength: 2,
    }),
  ).map(([grid, global, locals]) =>
    layout(grid * patch, patch, [
      { window: grid, queries: global },
      ...locals.map(({ level, queries }) => ({ window: Math.min(grid, 2 ** level), queries }))
        .toSorted((a, b) => b.window - a.window),
    ])
  );

const factor = fc.constantFrom(1, 2);
const localGrowths: fc.Arbitrary<Growth> = fc.record({
  resolution: factor,
  global: fc.constant(1),
  local: factor,
});
const growths: fc.Arbitrary<Growth> = fc.record({ resolution: factor, global: factor, local: factor });

property(
  test,
  "counts grow by the square of the factors, and the global scale stays alongside its grown copy",
  [
    layouts(),
    growths,
  ],
  (from, growth) => {
    const before = tokensPerScale(from),
      { layout: to } = grow(growth)(from),
      sorted = (n: readonly number[]) => n.toSorted((a, b) => a - b);
    const copies = growth.global === 1 ? [] : [before[0]! * growth.global ** 2];
    const expected = [before[0]!, ...copies, ...before.slice(1).map((n) => n * growth.local ** 2)];
    assert.equal(sorted(tokensPerScale(to)), sorted(expected));
    const windows = to.scales.map((s) => s.window);
    assert.equal(windows, sorted(windows).toReversed(), "coarse to fine");
  },
  RUNS,
);

property(
  test,
  "the three scalings: 4, 4 and 16 times, and the global scale once more",
  [layouts()],
  (from) => {
    const first = tokensPerScale(from)[0]!;
    for (
      const [growth, times] of [[windowScaling(), 4], [resolutionScaling(), 4], [
        compoundScaling(),
        16,
      ]] as const
    ) {
      assert.is(tokenCount(grow(growth)(from).layout), times * tokenCount(from) + first);
    }
  },
  RUNS,
);

property(
  test,
  "queries per window stay along a lineage, and windows multiply",
  [layouts(), growths],
  (from, growth) => {
    const { layout: to, sources } = grow(growth)(from);
    to.scales.forEach((scale, t) => {
      const source = from.scales[sources[t]!]!,
        ratio = windowsPerSide(to, scale) / windowsPerSide(from, source);
      assert.is(scale.queries, source.queries);
      assert.ok(Number.isInteger(ratio) && ratio >= 1);
    });
  },
  RUNS,
);

property(test, "growths are a commutative monoid, and growing twice is growing by the product", [
  layouts(),
  localGrowths,
  localGrowths,
], (from, a, b) => {
  assert.equal(growthOf(a, b), growthOf(b, a));
  assert.equal(growthOf(a, growthOf()), { ...a });
  const product = growthOf(a, b);
  const [once, twice] = [grow(product)(from).layout, grow(b)(grow(a)(from).layout).layout];
  assert.equal(once, twice);
}, RUNS);

property(test, "windows that do not tile the grid are refused by name", [
  fc.integer({ min: 2, max: 40 }),
  fc.integer({ min: 1, max: 60 }),
], (grid, window) => {
  const build = () => layout(grid * 14, 14, [{ window, queries: 1 }]);
  if (grid % window === 0) assert.is(tokenCount(build()), (grid / window) ** 2);
  else {
    assert.throws(
      build,
      (e: Error) =>
        e instanceof ConfigError && e.message.includes(`window of ${window} on a ${grid} x ${grid}`),
    );
  }
}, RUNS);

const shape = { width: 4, to: 3, heads: 2 } as const;
const drawn = (of: Layout) => initialise([5, 6], chainOfSightSpecs({ ...shape, layout: of }));
const queriesOf = (params: { readonly scales: readonly { readonly queries: NdArray }[] }) =>
  params.scales.map(({ queries }) => [...queries.data]);

property(test, "inflation by nothing changes nothing; inflation twice is inflation by the product", [
  layouts(),
  localGrowths,
  localGrowths,
], (from, a, b) => {
  const params = drawn(from), same = from.scales.map((_, i) => i);
  assert.equal(queriesOf(inflate(from, from, same)(params)), queriesOf(params));
  const middle = grow(a)(from), last = grow(b)(middle.layout), once = grow(growthOf(a, b))(from);
  const steps = inflate(middle.layout, last.layout, last.sources)(
    inflate(from, middle.layout, middle.sources)(params),
  );
  assert.equal(queriesOf(steps), queriesOf(inflate(from, once.layout, once.sources)(params)));
}, { runs: 20 });

/** Each cell of `[1, g g, d]` as a square of cells: `[1, g g f f, d]`. */
const enlarged = (x: NdArray, grid: number, f: number): NdArray => {
  const d = x.shape[2]!, side = grid * f, out = new Float32Array(side * side * d);
  for (let y = 0; y < side; y++) {
    for (let i = 0; i < side; i++) {
      const cell = Math.floor(y / f) * grid + Math.floor(i / f);
      out.set((x.data as Float32Array).subarray(cell * d, cell * d + d), (y * side + i) * d);
    }
  }
  return ndarray("f32", [1, side * side, d], out);
};

const tokensOf = (of: Layout, params: Tree<NdArray>, features: readonly NdArray[]): NdArray => {
  const config = { ...shape, layout: of }, inputs = features.map((f, i) => input(`f${i}`, f.shape));
  const out = chainOfSightTokens(config)(placeholders("w", chainOfSightSpecs(config)), inputs);
  return interpret([out], {
    ...bindingsOf("w", params),
    ...Object.fromEntries(features.map((f, i) => [`f${i}`, f])),
  })[0]!;
};

property(test, "at twice the resolution, an enlarged image gives the tokens that it gave before", [
  layouts(),
], (from) => {
  const grid = from.resolution / from.patch, params = drawn(from);
  const { layout: to, sources } = grow({ resolution: 2, global: 1, local: 1 })(from);
  const features = [0, 1].map((l) => floats(`level ${l}`, [1, grid * grid, 4]));
  near(
    "tokens",
    tokensOf(
      to,
      inflate(from, to, sources)(params) as unknown as Tree<NdArray>,
      features.map((f) => enlarged(f, grid, 2)),
    ),
    tokensOf(from, params as unknown as Tree<NdArray>, features),
    { rtol: 1e-6, atol: 1e-7 },
  );
}, { runs: 6 });

property(test, "on an image of one colour, every child window gives the tokens of its parent", [
  layouts(),
  growths,
], (from, growth) => {
  const grid = from.resolution / from.patch, params = drawn(from), cell = floats("cell", [4]);
  const plain = (side: number): NdArray =>
    ndarray(
      "f32",
      [1, side * side, 4],
      Float32Array.from({ length: side * side * 4 }, (_, i) => cell.data[i % 4]!),
    );
  const { layout: to, sources } = grow(growth)(from), side = grid * growth.resolution;
  const before = tokensOf(from, params as unknown as Tree<NdArray>, [plain(grid), plain(grid)]);
  const after = tokensOf(to, inflate(from, to, sources)(params) as unknown as Tree<NdArray>, [
    plain(side),
    plain(side),
  ]);
  const starts = (of: Layout) =>
    tokensPerScale(of).map((_, s) => tokensPerScale(of).slice(0, s).reduce((a, b) => a + b, 0));
  to.scales.forEach((scale, t) => {
    const source = from.scales[sources[t]!]!,
      few = windowsPerSide(from, source),
      many = windowsPerSide(to, scale);
    const ratio = many / few;
    for (let w = 0; w < many * many; w += Math.max(1, Math.floor(many * many / 5))) {
      const parent = Math.floor(Math.floor(w / many) / ratio) * few + Math.floor((w % many) / ratio);
      const at = (starts(to)[t]! + w * scale.queries) * 3;
      const from0 = (starts(from)[sources[t]!]! + parent * scale.queries) * 3;
      for (let c = 0; c < 3 * scale.queries; c++) {
        const difference = Math.abs(after.data[at + c]! - before.data[from0 + c]!);
        assert.ok(difference < 1e-6, `scale ${t}, window ${w}, channel ${c}: ${difference}`);
      }
    }
  });
}, { runs: 6 });

test.run();

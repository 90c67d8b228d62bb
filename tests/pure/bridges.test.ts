/** Bridges: what they make of features, which growths they have, and what they refuse. */
import {
  arrayTrees,
  type Bridge,
  type BridgeDescription,
  bridgeOf,
  bridgeRules,
  type BridgeSite,
  ConfigError,
  expandBridge,
  expandedSite,
  type Expansion,
  f32,
  type Growth,
  input,
  interpret,
  LanguageError,
  type NdArray,
  ndarray,
  type ParameterSpec,
  placeholders,
  type Start,
  type Tensor,
  type Tree,
  TreeError,
  viewsOf,
  visionLanguage,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  bridgeHere,
  everyBridge,
  featuresOf,
  nameOf,
  parametersOf,
  site,
  tokensOf,
} from "../support/bridges.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const refuses = (f: () => unknown, kind: new (...a: never[]) => LanguageError, pattern: RegExp): void =>
  assert.throws(f, (e: Error) => e instanceof kind && pattern.test(e.message));

const exact = { rtol: 1e-6, atol: 1e-7 };
const grow = (resolution: number, global: number, local: number, start: Start = "source"): Expansion => ({
  kind: "grow",
  growth: { resolution, global, local } satisfies Growth,
  start,
});

/** Tokens `[first, last)` of `[1, n, h]`. */
const some = (x: NdArray, first: number, last: number): NdArray => {
  const h = x.shape[2]!;
  return { ...x, shape: [1, last - first, h], data: x.data.slice(first * h, last * h) };
};

test("every kind of bridge is here, and says where it comes from", () => {
  assert.equal(
    [...new Set(everyBridge.map(([d]) => d.kind))].toSorted(),
    Object.keys(bridgeRules).toSorted(),
  );
  for (const rule of Object.values(bridgeRules)) assert.match(rule.source, /arXiv \d{4}\.\d{5}/);
});

for (const [description, tokens] of everyBridge) {
  test(`${nameOf(description)}: ${tokens} tokens, and other features or parameters are refused`, () => {
    const bridge = bridgeHere(description), params = parametersOf(bridge), features = featuresOf(bridge, 4);
    assert.is(bridge.tokens, tokens);
    const out = tokensOf(bridge, params, features);
    assert.equal(out.shape, [1, tokens, site.to]);
    assert.ok(out.data.every(Number.isFinite) && new Set(out.data).size > tokens, "tokens differ");
    const held = placeholders("p", bridge.specs as Tree<ParameterSpec>) as Tree<Tensor>;
    const inputs = features.map((f, i) => input(`f${i}`, f.shape));
    refuses(() => bridge.apply(held, [...inputs, inputs[0]!]), ConfigError, /expected \d level/);
    refuses(
      () => bridge.apply(held, inputs.map(() => input("g", [1, 9, 4]))),
      ConfigError,
      /\[1, 9, 4\]|\d+, 4\]/,
    );
    refuses(() => bridge.apply({}, inputs), TreeError, /nothing for f32/);
  });
}

test("what does not fit the grid is refused with the reason", () => {
  const wrong: readonly (readonly [BridgeDescription, RegExp])[] = [
    [{ kind: "average-pool", side: 5 }, /5 tokens per side on a 4 x 4 grid/],
    [{ kind: "c-abstractor", side: 0, depth: 1, table: 4 }, /0 tokens per side/],
    [{ kind: "token-packer", region: 3, levels: 1 }, /regions of 3 on a 4 x 4 grid/],
    [{ kind: "pixel-shuffle", ratio: 3 }, /squares of 3 patches on a 4 x 4 grid/],
    [{ kind: "nested-pool", sides: [1, 3] }, /divides the grid/],
    [{ kind: "nested-pool", sides: [2, 1] }, /each greater than the one before/],
    [{ kind: "nested-queries", queries: [5], most: 4, levels: 1 }, /the first 5 of 4 queries/],
    [
      { kind: "chain-of-sight", windows: [3], queries: [1], levels: 1, order: "coarse-to-fine" },
      /window of 3/,
    ],
    [{ kind: "tiled", tiles: 1, of: { kind: "linear" } }, /1 x 1 tiles/],
    [{ kind: "tiled", tiles: 3, of: { kind: "linear" } }, /patches of 14 px/],
  ];
  for (const [description, pattern] of wrong) refuses(() => bridgeHere(description), ConfigError, pattern);
  refuses(() => bridgeOf({ kind: "linear" }, { ...site, resolution: 60 }), ConfigError, /multiple of 14/);
});

test("pooling by nothing is a perceptron; nested pooling is the mean of its tokens", () => {
  const mlp = bridgeHere({ kind: "mlp" }), params = parametersOf(mlp), features = featuresOf(mlp, 4);
  const fine = tokensOf(mlp, params, features);
  near("pool", tokensOf(bridgeHere({ kind: "average-pool", side: 4 }), params, features), fine, exact);
  const nested = bridgeHere({ kind: "nested-pool", sides: [2, 4] });
  near("nested", tokensOf(nested, params, features), fine, exact);
  const coarse = tokensOf(nested.members![0]!, params, features);
  const means = Array.from({ length: 4 * 3 }, (_, i) => {
    const c = i % 3, [y, x] = [Math.floor(i / 6), Math.floor(i / 3) % 2];
    const cells = [[0, 0], [0, 1], [1, 0], [1, 1]].map(([dy, dx]) => (2 * y + dy!) * 4 + 2 * x + dx!);
    return cells.reduce((sum, cell) => sum + fine.data[cell * 3 + c]!, 0) / 4;
  });
  near("mean", coarse, f32([1, 4, 3], means), exact);
});

test("the linear bridge is W z + b on the deepest level", () => {
  const bridge = bridgeHere({ kind: "linear" }), features = featuresOf(bridge, 4);
  const params = { weight: floats("w", [3, 4]), bias: floats("b", [3]) };
  const by = (n: number, h: number) =>
    [0, 1, 2, 3].reduce(
      (s, c) => s + params.weight.data[h * 4 + c]! * features[0]!.data[n * 4 + c]!,
      params.bias.data[h]!,
    );
  const expected = Array.from({ length: 48 }, (_, i) => by(Math.floor(i / 3), i % 3));
  near("tokens", tokensOf(bridge, params, features), f32([1, 16, 3], expected), exact);
});

/** Tokens that change when the features of one cell do. */
const reached = (bridge: Bridge, cell: number): readonly number[] => {
  const params = parametersOf(bridge), features = featuresOf(bridge, 4);
  const other = features.map((f) => {
    const data = Float32Array.from(f.data);
    for (let c = 0; c < 4; c++) data[cell * 4 + c]! += 0.5 + c;
    return { ...f, data };
  });
  const [a, b] = [tokensOf(bridge, params, features), tokensOf(bridge, params, other)];
  return Array.from({ length: bridge.tokens }, (_, t) => t).filter((t) =>
    [0, 1, 2].some((h) => a.data[t * 3 + h] !== b.data[t * 3 + h])
  );
};

test("a token sees its own region alone, or the whole image", () => {
  const corner = 3 * 4 + 1; // cell (3, 1): the lower left quarter
  assert.equal(reached(bridgeHere({ kind: "token-packer", region: 2, levels: 2 }), corner), [2]);
  assert.equal(reached(bridgeHere({ kind: "pixel-shuffle", ratio: 2 }), corner), [2]);
  assert.equal(reached(bridgeHere({ kind: "average-pool", side: 2 }), corner), [2]);
  assert.equal(reached(bridgeHere({ kind: "average-pool", side: 3 }), corner), [6, 7]);
  assert.equal(reached(bridgeHere({ kind: "mlp" }), corner), [corner]);
  assert.equal(reached(bridgeHere({ kind: "resampler", queries: 2, levels: 1 }), corner), [0, 1]);
  assert.equal(reached(bridgeHere({ kind: "c-abstractor", side: 2, depth: 1, table: 4 }), corner), [
    0,
    1,
    2,
    3,
  ]);
});

test("the first nested queries are those of any count", () => {
  const bridge = bridgeHere({ kind: "nested-queries", queries: [1, 3], most: 4, levels: 2 });
  const params = parametersOf(bridge), features = featuresOf(bridge, 4);
  const [few, many] = [tokensOf(bridge.members![0]!, params, features), tokensOf(bridge, params, features)];
  near("first", few, some(many, 0, 1), exact);
});

test("a bridge of one level leaves the shallow one alone; the order of scales moves tokens alone", () => {
  const of = { kind: "chain-of-sight", windows: [4, 2], queries: [2, 1], levels: 2 } as const;
  const forward = bridgeHere({ ...of, order: "coarse-to-fine" });
  const backward = bridgeHere({ ...of, order: "fine-to-coarse" });
  const params = parametersOf(forward), features = featuresOf(forward, 4);
  const [a, b] = [tokensOf(forward, params, features), tokensOf(backward, params, features)];
  near("coarse", some(b, 4, 6), some(a, 0, 2), exact);
  near("fine", some(b, 0, 4), some(a, 2, 6), exact);
  assert.is(bridgeHere({ kind: "resampler", queries: 3, levels: 1 }).levels, 1);
});

test("a thumbnail of means, then tiles; each view goes through the bridge on its own", () => {
  const image = floats("image", [2, 4, 4, 1]),
    [views] = interpret([viewsOf(2)(input("x", [2, 4, 4, 1]))], { x: image });
  assert.equal(views!.shape, [10, 2, 2, 1]);
  const at = (b: number, y: number, x: number) => image.data[b * 16 + y * 4 + x]!;
  near(
    "tile (1, 0) of image 1",
    f32([4], [...views!.data.slice(32, 36)]),
    f32([4], [at(1, 2, 0), at(1, 2, 1), at(1, 3, 0), at(1, 3, 1)]),
    exact,
  );
  near(
    "thumbnail",
    f32([1], [views!.data[20]!]),
    f32([1], [(at(1, 0, 0) + at(1, 0, 1) + at(1, 1, 0) + at(1, 1, 1)) / 4]),
    exact,
  );
  const tiled = bridgeHere({ kind: "tiled", tiles: 2, of: { kind: "linear" } });
  const small = bridgeOf({ kind: "linear" }, { ...site, resolution: 28 });
  const params = parametersOf(tiled),
    features = featuresOf(tiled, 4),
    all = tokensOf(tiled, params, features);
  for (let v = 0; v < 5; v++) {
    const part = ndarray("f32", [1, 4, 4], (features[0]!.data as Float32Array).slice(v * 16, v * 16 + 16));
    near(`view ${v}`, some(all, v * 4, v * 4 + 4), tokensOf(small, params, [part]), exact);
  }
  refuses(() => viewsOf(3)(input("x", [2, 4, 4, 1])), ConfigError, /3 x 3 tiles/);
});

test("a model shows a tiled bridge its views, and trains nested counts together", () => {
  const vision = { config: { resolution: 28, patch: 14, width: 4, layers: 1, heads: 1 }, levels: [0] };
  const decoder = { vocabulary: 7, width: 4, layers: 0, heads: 1, ff: 4 };
  const around: BridgeSite = { ...site, to: 4 };
  const tiled = visionLanguage({
    bridge: bridgeOf({ kind: "tiled", tiles: 2, of: { kind: "mlp" } }, around),
    decoder,
    vision,
  });
  const held = placeholders("w", tiled.specs as Tree<ParameterSpec>) as Tree<Tensor>;
  assert.equal(tiled.visual(held, { images: input("x", [2, 56, 56, 3]) }).shape, [2, 20, 4]);
  const losses = [[2], [4], [2, 4]].map((sides) => {
    const model = visionLanguage({ bridge: bridgeOf({ kind: "nested-pool", sides }, around), decoder });
    const params = placeholders("w", model.specs as Tree<ParameterSpec>) as Tree<Tensor>;
    const ids = input("ids", [1, 2], "i32");
    const [loss] = model.loss(params, { features: [input("f", [1, 16, 4])], ids, labels: ids });
    const weights = Object.fromEntries(
      arrayTrees.entries(parametersOf(model as unknown as Bridge)).map(([path, a]) => [`w.${path}`, a]),
    );
    const text = ndarray("i32", [1, 2], Int32Array.of(3, 5));
    return interpret([loss], { ...weights, f: floats("f", [1, 16, 4]), ids: text })[0]!.data[0]!;
  });
  assert.ok(Math.abs(losses[2]! - (losses[0]! + losses[1]!) / 2) < 1e-9, losses.join(" "));
  assert.ok(Math.abs(losses[0]! - losses[1]!) > 1e-6, "the counts differ");
});

const grownTo = (description: BridgeDescription, expansion: Expansion): number =>
  bridgeOf(expandBridge(description, expansion, site).description, expandedSite(expansion, site)).tokens;

test("growths that a bridge has, by token count; parameters that do not depend on it stay as they are", () => {
  const rows: readonly (readonly [BridgeDescription, Expansion, number])[] = [
    [{ kind: "linear" }, grow(2, 1, 2), 64],
    [{ kind: "mlp" }, grow(3, 1, 3), 144],
    [{ kind: "resampler", queries: 3, levels: 1 }, grow(2, 1, 1), 3],
    [{ kind: "average-pool", side: 2 }, grow(2, 1, 1), 4],
    [{ kind: "average-pool", side: 2 }, grow(1, 1, 2), 16],
    [{ kind: "average-pool", side: 2 }, grow(2, 1, 4), 64],
    [{ kind: "c-abstractor", side: 2, depth: 1, table: 4 }, grow(2, 1, 3), 36],
    [{ kind: "token-packer", region: 2, levels: 1 }, grow(1, 1, 2), 16],
    [{ kind: "token-packer", region: 2, levels: 1 }, grow(2, 1, 1), 4],
    [{ kind: "pixel-shuffle", ratio: 2 }, grow(2, 1, 2), 16],
    [{ kind: "nested-pool", sides: [1, 2] }, grow(2, 1, 4), 64],
    [{ kind: "nested-queries", queries: [1], most: 4, levels: 1 }, grow(2, 2, 1), 4],
    [{ kind: "average-pool", side: 2 }, { kind: "tile", tiles: 2 }, 20],
    [{ kind: "resampler", queries: 3, levels: 1 }, { kind: "tile", tiles: 3 }, 30],
  ];
  for (const [description, expansion, tokens] of rows) {
    assert.is(grownTo(description, expansion), tokens, nameOf(description));
    const params = parametersOf(bridgeHere(description));
    const { description: grown, inherit } = expandBridge(description, expansion, site);
    assert.is(inherit(params, () => ({})), params);
    const bridge = bridgeOf(grown, expandedSite(expansion, site));
    assert.ok(tokensOf(bridge, params, featuresOf(bridge, 4)).data.every(Number.isFinite));
  }
  assert.equal(expandBridge({ kind: "nested-pool", sides: [1, 2] }, grow(2, 1, 2), site).description, {
    kind: "nested-pool",
    sides: [1, 2, 4],
  });
});

test("growths that a bridge does not have are refused with the reason", () => {
  const rows: readonly (readonly [BridgeDescription, Expansion, RegExp])[] = [
    [{ kind: "linear" }, grow(2, 1, 1), /fixed number of patches/],
    [{ kind: "mlp" }, grow(1, 1, 2), /fixed number of patches/],
    [{ kind: "pixel-shuffle", ratio: 2 }, grow(1, 1, 2), /fixed number of patches/],
    [{ kind: "average-pool", side: 2 }, grow(1, 2, 1), /no global scale/],
    [{ kind: "token-packer", region: 2, levels: 1 }, grow(1, 1, 4), /whole number of patches, not 0.5/],
    [{ kind: "resampler", queries: 3, levels: 1 }, grow(2, 2, 1), /no windows to split/],
    [{ kind: "resampler", queries: 3, levels: 1 }, grow(2, 1, 2), /no windows to split/],
    [{ kind: "nested-queries", queries: [1], most: 4, levels: 1 }, grow(1, 1, 2), /look at the whole image/],
    [{ kind: "tiled", tiles: 2, of: { kind: "mlp" } }, grow(2, 1, 2), /resolution of pre-training/],
    [{ kind: "tiled", tiles: 2, of: { kind: "mlp" } }, { kind: "tile", tiles: 2 }, /tiles of tiles/],
    [{ kind: "average-pool", side: 2 }, grow(2, 1, 1, "fresh"), /do not depend on the number of tokens/],
    [
      { kind: "chain-of-sight", windows: [4, 1], queries: [1, 1], levels: 1, order: "coarse-to-fine" },
      grow(1, 1, 2),
      /window of 0.5/,
    ],
  ];
  for (const [description, expansion, pattern] of rows) {
    refuses(() => expandBridge(description, expansion, site), ConfigError, pattern);
  }
  refuses(() => grownTo({ kind: "average-pool", side: 2 }, grow(1, 1, 4)), ConfigError, /8 tokens per side/);
  refuses(
    () => grownTo({ kind: "nested-queries", queries: [2], most: 4, levels: 1 }, grow(1, 2, 1)),
    ConfigError,
    /first 8 of 4/,
  );
});

test("scales that grew start from their source, with fresh queries, or fresh", () => {
  const of: BridgeDescription = {
    kind: "chain-of-sight",
    windows: [4, 2],
    queries: [2, 1],
    levels: 1,
    order: "coarse-to-fine",
  };
  type Scale = { readonly queries: NdArray; readonly blocks: unknown };
  type Params = { readonly scales: readonly Scale[]; readonly ln: unknown; readonly proj: unknown };
  const given = parametersOf(bridgeHere(of)) as unknown as Params;
  const after = (start: Start): readonly [Params, Params] => {
    const expansion = grow(2, 2, 2, start), { description, inherit } = expandBridge(of, expansion, site);
    const drawn = parametersOf(bridgeOf(description, expandedSite(expansion, site)), 0.25);
    return [
      inherit(given as unknown as Tree<NdArray>, () => drawn) as unknown as Params,
      drawn as unknown as Params,
    ];
  };
  const [source] = after("source"),
    [queries, drawn] = after("fresh-queries"),
    [fresh, drawnToo] = after("fresh");
  assert.equal(source.scales.map((s) => s.queries.shape[1]), [2, 8, 16]);
  assert.equal(source.scales.map((s) => s.blocks), [0, 0, 1].map((i) => given.scales[i]!.blocks));
  assert.equal(queries.scales.map((s) => s.blocks), source.scales.map((s) => s.blocks));
  assert.equal(queries.scales.slice(1).map((s) => s.queries), drawn.scales.slice(1).map((s) => s.queries));
  assert.equal(fresh.scales.slice(1), drawnToo.scales.slice(1));
  for (const params of [source, queries, fresh]) {
    assert.equal(params.scales[0], given.scales[0], "the global scale is kept");
    assert.is(params.ln, given.ln);
    assert.is(params.proj, given.proj);
  }
});

test.run();

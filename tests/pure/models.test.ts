/** Layers and models: what they refuse, what they cost, and facts that no golden number shows. */
import {
  attention,
  bindingsOf,
  causalMask,
  chainOfSight,
  ConfigError,
  costOf,
  crossEntropy,
  f32,
  geometric,
  i32,
  initialise,
  input,
  interpolationMatrix,
  interpret,
  layoutOf,
  listing,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  matmul,
  type NdArray,
  placeholders,
  positionTable,
  reduceAngle,
  resize,
  rope,
  ropeTables,
  ShapeError,
  softmax,
  sum,
  type Tree,
  TreeError,
  visionLanguage,
  vitFeatures,
  vitSpecs,
  windows,
} from "@chain-of-sight/core";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { floats, integers } from "../support/random.ts";
import { near } from "../support/near.ts";

const refuses = (f: () => unknown, kind: new (...a: never[]) => Error) =>
  assert.throws(f, (e: Error) => e instanceof kind);

test("a causal mask lets the last query see every key", () => {
  const [square, wide] = interpret([causalMask(2, 2), causalMask(2, 4)]);
  assert.equal([...square!.data], [1, 0, 1, 1]);
  assert.equal([...wide!.data], [1, 1, 1, 0, 1, 1, 1, 1]);
});

test("rotation keeps lengths and depends on distance alone", () => {
  const q = input("q", [9, 8]), k = input("k", [9, 8]), turn = rope(ropeTables(9, 8));
  const far = rope(ropeTables(9, 8, { offset: 100 }));
  const scores = (f: typeof turn) => matmul(input("kt", [8, 9]))(f(q));
  assert.equal(scores(turn).shape, [9, 9]);
  const row = floats("row", [1, 8]).data, same = Float32Array.from({ length: 72 }, (_, i) => row[i % 8]!);
  const dot = (f: typeof turn) => interpret([f(q), f(k)], { q: f32([9, 8], same), k: f32([9, 8], same) });
  const at = ([a, b]: NdArray[], i: number, j: number) =>
    Array.from({ length: 8 }, (_, c) => a!.data[i * 8 + c]! * b!.data[j * 8 + c]!).reduce((x, y) => x + y);
  const [near0, far0] = [dot(turn), dot(far)];
  assert.ok(Math.abs(at(near0, 2, 5) - at(near0, 4, 7)) < 1e-4);
  assert.ok(Math.abs(at(near0, 2, 5) - at(far0, 0, 3)) < 1e-4);
  refuses(() => ropeTables(3, 5), ConfigError);
});

test("powers by bits, and angles within an iteration", () => {
  const [powers, angles] = interpret([geometric(0.9, 7), reduceAngle(input("a", [4]))], {
    a: f32([4], [0.5, 6.5, 100, -2000]),
  });
  powers!.data.forEach((p, i) => assert.ok(Math.abs(p / 0.9 ** i - 1) < 1e-6));
  [0.5, 6.5, 100, -2000].forEach((a, i) => {
    assert.ok(Math.abs(angles!.data[i]!) <= Math.PI + 1e-6);
    assert.ok(Math.abs(Math.sin(angles!.data[i]!) - Math.sin(a)) < 1e-7, `sin ${a}`);
  });
});

test("interpolation weights sum to one and keep what is already there", () => {
  for (const mode of ["bicubic", "bilinear"] as const) {
    for (const alignCorners of [true, false]) {
      for (const [from, to] of [[1, 5], [5, 1], [4, 9], [9, 4], [16, 32]] as const) {
        const [rows] = interpret([sum({ axes: [1] })(interpolationMatrix(from, to, { mode, alignCorners }))]);
        rows!.data.forEach((r) => assert.ok(Math.abs(r - 1) < 1e-6, `${mode} ${from} ${to}: ${r}`));
      }
    }
  }
  const x = input("x", [4, 4, 2]);
  assert.is(resize([4, 4], { mode: "bicubic", alignCorners: true })(x), x);
  refuses(() => resize([0, 4], { mode: "bicubic", alignCorners: true })(x), ShapeError);
});

test("positions of a tower at another resolution: aligned corners, or those of transformers", () => {
  // cubic convolution with a = -0.75 at (o + 0.5) from / to - 0.5, borders repeated (interpolate_pos_encoding)
  const from = 4,
    to = 7,
    d = 2,
    table = Array.from({ length: (1 + from * from) * d }, (_, i) => Math.sin(i * 1.7));
  const cubic = (x: number): number => {
    const t = Math.abs(x), a = -0.75;
    return t <= 1
      ? (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
      : t < 2
      ? a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a
      : 0;
  };
  const taps = (o: number, aligned: boolean): readonly (readonly [number, number])[] => {
    const at = aligned ? o * (from - 1) / (to - 1) : (o + 0.5) * from / to - 0.5, first = Math.floor(at) - 1;
    return [0, 1, 2, 3].map((k) =>
      [Math.min(from - 1, Math.max(0, first + k)), cubic(at - first - k)] as const
    );
  };
  for (const aligned of [true, false]) {
    const [got] = interpret([positionTable(input("table", [1 + from * from, d]), to, true, aligned)], {
      table: f32([1 + from * from, d], table),
    });
    assert.equal(
      [...got!.data.subarray(0, d)],
      [...Float32Array.from(table.slice(0, d))],
      "the class token's row",
    );
    for (let o = 0; o < to * to; o++) {
      let want = 0;
      for (const [y, v] of taps(Math.floor(o / to), aligned)) {
        for (const [x, w] of taps(o % to, aligned)) want += v * w * table[(1 + y * from + x) * d]!;
      }
      assert.ok(Math.abs(got!.data[(1 + o) * d]! - want) < 1e-5, `${aligned} ${o}`);
    }
  }
});

test("softmax and cross entropy stay finite for large logits", () => {
  const x = input("x", [2, 3]), values = { x: f32([2, 3], [1e4, 0, -1e4, 3e38, 3e38, -3e38]) };
  const [p] = interpret([softmax()(x)], values);
  assert.equal([...p!.data], [1, 0, 0, 0.5, 0.5, 0]);
  const { mean, count, correct } = crossEntropy(x, input("y", [2], "i32"));
  const [m, c, r] = interpret([mean, count, correct], { ...values, y: i32([2], [0, -100]) });
  assert.equal([m!.data[0], c!.data[0], ...r!.data], [0, 1, 1, 0]);
  const none = interpret([mean], { ...values, y: i32([2], [-100, -100]) });
  assert.is(none[0]!.data[0], 0, "no label counts");
  refuses(() => crossEntropy(x, input("y", [3], "i32")), ShapeError);
});

test("a bridge's query sees its own window alone", () => {
  const bridge = chainOfSight({ layout: layoutOf(56, 14, [4, 2], [1, 1]), width: 4, to: 4, heads: 1 });
  const params = placeholders("w", bridge.specs), f = [input("f0", [1, 16, 4]), input("f1", [1, 16, 4])];
  const out = bridge.apply(params as never, f);
  const weights = bindingsOf("w", initialise([5, 6], bridge.specs) as Tree<NdArray>);
  const f0 = floats("f0", [1, 16, 4]), moved = { ...f0, data: f0.data.slice() };
  moved.data[3 * 4] = 9; // cell (0, 3): upper right window
  const run = (f0: NdArray) => interpret([out], { ...weights, f0, f1: floats("f1", [1, 16, 4]) })[0]!.data;
  const [a, b] = [run(f0), run(moved)];
  const changed = [0, 1, 2, 3, 4].map((t) => [0, 1, 2, 3].some((c) => a[t * 4 + c] !== b[t * 4 + c]));
  assert.equal(changed, [true, false, true, false, false]);
  refuses(() => bridge.apply(params as never, [f[0]!]), ConfigError);
  refuses(() => bridge.apply({}, f), TreeError);
  refuses(() => windows(3)(f[0]!), ConfigError);
});

test("text token t is predicted without seeing tokens t and later", () => {
  const model = visionLanguage({
    bridge: chainOfSight({ layout: layoutOf(28, 14, [2], [2]), width: 4, to: 8, heads: 1 }),
    decoder: { vocabulary: 7, width: 8, layers: 1, heads: 2, kvHeads: 1, ff: 12, tied: true },
    vision: { config: { resolution: 28, patch: 14, width: 4, layers: 2, heads: 1 }, levels: [0, 1] },
  });
  const params = placeholders("w", model.specs), ids = input("ids", [1, 4], "i32");
  const logits = model.logits(params as never, { images: input("im", [1, 28, 28, 3]) }, ids);
  assert.equal(logits.shape, [1, 4, 7]);
  const weights = bindingsOf("w", initialise([5, 6], model.specs) as Tree<NdArray>);
  const run = (last: number[]) =>
    interpret([logits], { ...weights, im: floats("im", [1, 28, 28, 3]), ids: i32([1, 4], last) })[0]!;
  const a = run([1, 2, 3, 4]), b = run([1, 2, 6, 5]);
  const rows = (x: NdArray, n: number) => ({
    shape: [n * 7],
    data: Float64Array.from(x.data).slice(0, n * 7),
    dtype: "f32" as const,
  });
  near("tokens 0 to 2", rows(a, 3), rows(b, 3), { rtol: 0, atol: 0 });
  assert.not.equal(a.data, b.data);
  refuses(() => model.logits(params as never, { images: input("im", [2, 28, 28, 3]) }, ids), ConfigError);
  refuses(
    () =>
      visionLanguage({
        bridge: chainOfSight({ layout: layoutOf(28, 14, [2], [2]), width: 4, to: 8, heads: 1 }),
        decoder: { vocabulary: 7, width: 8, layers: 1, heads: 2, ff: 12 },
        vision: { config: { resolution: 28, patch: 14, width: 4, layers: 2, heads: 1 }, levels: [0] },
      }),
    ConfigError,
  );
});

test("samples that share an image are each as they are alone, whatever accompanies them", () => {
  const decoder = { vocabulary: 9, width: 8, layers: 2, heads: 2, ff: 12 } as const;
  const bridge = chainOfSight({ layout: layoutOf(28, 14, [2], [2]), width: 4, to: 8, heads: 1 });
  const features = [input("f0", [1, 4, 4]), input("f1", [1, 4, 4])];
  const given = { f0: floats("f0", [1, 4, 4]), f1: floats("f1", [1, 4, 4]) };
  const [bos, pad] = [0, 8], samples = [[1, 2, 3], [4, 5], [6, 7, 1, 2]];
  const logitsOf = (
    options: { readonly window?: number },
    ids: readonly number[],
    turns?: readonly number[],
  ): readonly (readonly number[])[] => {
    const model = visionLanguage({ bridge, decoder: { ...decoder, ...options } }), t = ids.length;
    const params = placeholders("w", model.specs);
    const visionInput = {
      features,
      ...(turns === undefined ? {} : { turns: input("turns", [1, t], "i32") }),
    };
    const [out] = interpret([model.logits(params as never, visionInput, input("ids", [1, t], "i32"))], {
      ...bindingsOf("w", initialise([5, 6], model.specs) as Tree<NdArray>),
      ...given,
      ids: i32([1, t], ids),
      ...(turns === undefined ? {} : { turns: i32([1, t], turns) }),
    });
    return ids.map((_, i) => Array.from(out!.data.slice(9 * i, 9 * (i + 1)), (x) => +x.toFixed(5)));
  };
  for (const options of [{}, { window: 4 }]) {
    const ids = [bos, ...samples.flat(), pad, pad], turns = [0, 1, 1, 1, 2, 2, 3, 3, 3, 3, 0, 0];
    const together = logitsOf(options, ids, turns);
    let at = 1;
    for (const sample of samples) {
      // entry t predicts token t: those of a sample's own tokens but the first, which nothing of it comes before
      const alone = logitsOf(options, [bos, ...sample]).slice(2);
      assert.equal(together.slice(at + 1, at + sample.length), alone);
      at += sample.length;
    }
    const plain = logitsOf(options, ids);
    assert.equal(
      together.slice(0, 4),
      plain.slice(0, 4),
      "the first sample is as it would without iterations",
    );
    assert.not.equal(together[8], plain[8]);
  }
});

test("a vision transformer without class token, and refusals", () => {
  const config = { resolution: 28, patch: 14, width: 4, layers: 2, heads: 1, classToken: false } as const;
  const params = placeholders("w", vitSpecs(config));
  assert.equal(vitFeatures(config, [0, 1])(params, input("im", [3, 56, 56, 3])).map((f) => f.shape), [[
    3,
    16,
    4,
  ], [3, 16, 4]]);
  refuses(() => vitFeatures(config, [2])(params, input("im", [1, 28, 28, 3])), ConfigError);
  refuses(() => vitSpecs({ ...config, resolution: 30 }), ConfigError);
  refuses(() => llamaSpecs({ vocabulary: 5, width: 8, layers: 1, heads: 3, ff: 4 }), ConfigError);
  refuses(() => attention(input("q", [3, 2, 4]), input("k", [2, 2, 4]), input("v", [2, 2, 4])), ShapeError);
});

test("the cost of a 7B decoder needs no memory: 2 flops per parameter and token, and attention", () => {
  const config = { vocabulary: 32000, width: 4096, layers: 32, heads: 32, ff: 11008 };
  const specs = llamaSpecs(config), params = placeholders("w", specs), ids = input("ids", [1, 128], "i32");
  const cost = costOf([llamaLogits(params, llamaStates(config)(params, llamaEmbed(params, ids)))]);
  assert.is(cost.inputElements, 6_738_415_616 + 128);
  const matrices = 6_738_415_616 - 32000 * 4096 - 65 * 4096, scores = 2 * 2 * 32 * 128 * 128 * 4096;
  assert.is(cost.byFamily.contraction, 2 * 128 * matrices);
  assert.is(cost.byFamily.attention, scores);
  assert.ok(cost.peakBytes > 128 * 11008 * 4 && cost.peakBytes < 2 ** 31);
  assert.is(cost.byFamily.movement, 0);
});

test("a listing shows every node once, with the names of roots", () => {
  const x = input("x", [2, 3]), text = listing({ y: sum({ axes: [1] })(x), x });
  assert.is(
    text,
    [
      "%0 = input x : f32 [2, 3]   -> x",
      "%1 = sum(%0) {axes: [1]} : f32 [2, 1]",
      "%2 = reshape(%1) {shape: [2]} : f32 [2]   -> y",
    ].join("\n"),
  );
  assert.ok(integers("n", [3], 0, 5).data.every((v) => v >= 0 && v < 5));
});

test.run();

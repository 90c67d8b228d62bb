/** Decoding with a cache, and choosing tokens: the reference interpreter. */
import {
  attentionsOf,
  attentionWeights,
  bindingsOf,
  cacheSpecs,
  decodeStep,
  exponential,
  f32,
  greedy,
  i32,
  initialise,
  input,
  interpret,
  type LlamaConfig,
  llamaEmbed,
  llamaLogits,
  llamaSpecs,
  llamaStates,
  matmul,
  type NdArray,
  ndarray,
  nucleus,
  type ParameterSpec,
  placeholders,
  prefill,
  repeatHeads,
  resultAt,
  sample,
  sum,
  type Tree,
} from "@chain-of-sight/core";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";

const test = suite("decode");

const plain: LlamaConfig = { vocabulary: 23, width: 16, layers: 2, heads: 4, kvHeads: 2, ff: 24 };
const config = plain, specs = llamaSpecs(config), params = placeholders("w", specs);
const weights = bindingsOf("w", initialise([3, 4], specs as Tree<ParameterSpec>) as Tree<NdArray>);
// larger embeddings, so that tokens differ
for (const name of Object.keys(weights)) {
  if (name.includes("norm")) continue;
  weights[name] = ndarray("f32", weights[name]!.shape, weights[name]!.data.map((x) => x * 12));
}

property(test, "a prefix and single steps give the logits of the whole, whatever the rows' lengths", [
  fc.array(fc.array(fc.nat(22), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 3 }),
  fc.array(fc.nat(22), { minLength: 1, maxLength: 4 }),
  fc.nat(2),
  fc.constantFrom({}, { window: 1 }, { window: 3 }),
], (prefixes, more, spare, sliding) => {
  const config: LlamaConfig = { ...plain, ...sliding };
  const rows = prefixes.length, t = Math.max(...prefixes.map((p) => p.length)) + spare;
  const flat = new Int32Array(rows * t).fill(7);
  prefixes.forEach((p, r) => flat.set(p, r * t));
  const ids = input("ids", [rows, t], "i32"), lengths = input("lengths", [rows], "i32");
  const first = prefill(config)(params, llamaEmbed(params, ids), lengths);
  const bindings: Record<string, NdArray> = {
    ...weights,
    ids: i32([rows, t], flat),
    lengths: i32([rows], prefixes.map((p) => p.length)),
  };
  const blank = initialise([0, 0], cacheSpecs(config, rows, more.length) as Tree<ParameterSpec>);
  Object.assign(bindings, bindingsOf("tail", blank as Tree<NdArray>));
  let logits = first.logits_bv;
  let tail = placeholders(
    "tail",
    cacheSpecs(config, rows, more.length) as Tree<ParameterSpec>,
  ) as never;
  const got = [logits];
  more.forEach((id, k) => {
    const at = input(`at.${k}`, [rows], "i32"), next = input(`next.${k}`, [rows], "i32");
    bindings[`at.${k}`] = i32([rows], prefixes.map((p) => p.length + k));
    bindings[`next.${k}`] = i32([rows], prefixes.map(() => id));
    const past = { prefix: first.cache, tail, start: lengths };
    const decoded = decodeStep(config)(params, llamaEmbed(params, next), at, past);
    logits = decoded.logits_bv;
    tail = decoded.cache as never;
    got.push(logits);
  });
  const values = interpret(got, bindings);
  prefixes.forEach((prefix, r) => {
    const all = [...prefix, ...more], whole = input("whole", [1, all.length], "i32");
    const states = llamaStates(config)(params, llamaEmbed(params, whole));
    const [want] = interpret([llamaLogits(params, states)], {
      ...weights,
      whole: i32([1, all.length], all),
    });
    values.forEach((value, k) => {
      const at = prefix.length - 1 + k, v = config.vocabulary;
      near(
        `row ${r}, step ${k}`,
        ndarray("f32", [v], value.data.slice(r * v, (r + 1) * v)),
        { shape: [v], data: want!.data.slice(at * v, (at + 1) * v) },
        { rtol: 1e-9, atol: 1e-10 },
      );
    });
  });
}, { runs: 12 });

test("a row at the end of its tail leaves it alone, and so do steps the prefix of others", () => {
  const held = (name: string) => placeholders(name, cacheSpecs(config, 1, 3) as Tree<ParameterSpec>) as never;
  const past = { prefix: held("prefix"), tail: held("tail"), start: input("start", [1], "i32") };
  const embedded = llamaEmbed(params, input("next", [1], "i32"));
  const { cache } = decodeStep(config)(params, embedded, input("at", [1], "i32"), past);
  const before = initialise([1, 1], cacheSpecs(config, 1, 3) as Tree<ParameterSpec>) as Tree<NdArray>;
  const filled = (name: string) =>
    Object.fromEntries(
      Object.entries(bindingsOf(name, before)).map((
        [path, a],
        i,
      ) => [path, ndarray("f32", a.shape, a.data.map((_, j) => i + j))]),
    );
  const after = interpret(cache.flatMap(({ key, value }) => [key, value]), {
    ...weights,
    ...filled("prefix"),
    ...filled("tail"),
    next: i32([1], [5]),
    start: i32([1], [2]),
    at: i32([1], [5]),
  });
  Object.values(filled("tail")).forEach((was, i) => assert.equal([...after[i]!.data], [...was.data]));
});

test("a prefix without lengths of its rows is refused", () => {
  const ids = input("ids", [1, 5], "i32"), lengths = input("lengths", [2], "i32");
  assert.throws(() => prefill(config)(params, llamaEmbed(params, ids), lengths), /lengths \[2\]/);
});

const settingsOf = (temperature: number, topK: number, topP: number) => ({
  temperature: input("temperature", [1, 1]),
  topK: input("topK", [1, 1], "i32"),
  topP: input("topP", [1, 1]),
  given: {
    temperature: f32([1, 1], [temperature]),
    topK: i32([1, 1], [topK]),
    topP: f32([1, 1], [topP]),
  },
});

property(test, "what top-k and top-p leave is what sorting would leave", [
  fc.uniqueArray(fc.integer({ min: -4000, max: 4000 }), { minLength: 1, maxLength: 40 }),
  fc.integer({ min: 1, max: 45 }),
  fc.double({ min: 0.01, max: 1, noNaN: true }),
], (hundredths, k, p) => {
  const logits = hundredths.map((x) => x / 100), v = logits.length;
  const { given, ...settings } = settingsOf(1, k, p);
  const [kept] = interpret([nucleus(input("logits", [1, v]), settings)], {
    ...given,
    logits: f32([1, v], logits),
  });
  const order = logits.map((_, i) => i).toSorted((a, b) => logits[b]! - logits[a]!).slice(0, k);
  const weights = order.map((i) => Math.exp(logits[i]! - logits[order[0]!]!));
  const total = weights.reduce((a, w) => a + w, 0);
  let mass = 0;
  const expected = new Set<number>();
  for (const [rank, i] of order.entries()) {
    // a share within rounding of p may fall either way
    if (p < 1 && Math.abs(mass - p * total) <= 1e-6 * total) return;
    if (p < 1 && mass >= p * total) break;
    expected.add(i);
    mass += weights[rank]!;
  }
  assert.equal([...kept!.data].flatMap((x, i) => x ? [i] : []), [...expected].sort((a, b) => a - b));
}, { runs: 60 });

test("of equal logits top-p keeps the minimum number of tokens, the first ones", () => {
  const kept = (logits: readonly number[], k: number, p: number): readonly number[] => {
    const { given, ...settings } = settingsOf(1, k, p), v = logits.length;
    const [mask] = interpret([nucleus(input("logits", [1, v]), settings)], {
      ...given,
      logits: f32([1, v], logits),
    });
    return [...mask!.data].flatMap((x, i) => x ? [i] : []);
  };
  const equal = Array.from({ length: 8 }, () => 3);
  assert.equal(kept(equal, 100, 0.5), [0, 1, 2, 3]);
  assert.equal(kept(equal, 100, 0.51), [0, 1, 2, 3, 4]);
  assert.equal(kept(equal, 100, 1e-30), [0]);
  assert.equal(kept(equal, 100, 1), [0, 1, 2, 3, 4, 5, 6, 7]);
  // one token above three equal ones: e / (e + 3) = 0.475, each of the others 0.175
  assert.equal(kept([0, 1, 0, 0], 100, 0.4), [1]);
  assert.equal(kept([0, 1, 0, 0], 100, 0.6), [0, 1]);
  assert.equal(kept([0, 1, 0, 0], 100, 0.7), [0, 1, 2]);
  // what equals the last of the k most probable tokens stays, as in transformers' TopKLogitsWarper
  assert.equal(kept([0, 1, 0, 0], 2, 1), [0, 1, 2, 3]);
});

test("as the temperature goes to 0 a draw becomes the first of the most probable tokens", () => {
  for (const temperature of [1e-3, 1e-20, 1.2e-38]) {
    const { given, ...settings } = settingsOf(temperature, 5, 0.9);
    const [ids] = interpret([sample(settings, input("key", [2], "u32"))(input("logits", [2, 3]))], {
      ...given,
      key: ndarray("u32", [2], Uint32Array.of(1, 2)),
      logits: f32([2, 3], [10, 200, -3, 5, 1, 4]),
    });
    assert.equal([...ids!.data], [1, 0], `${temperature}`);
  }
});

test("tokens are drawn as often as softmax says, and only from what is left", () => {
  const rows = 4000, logits = [0, 1, 2, -1, 0.5], v = logits.length;
  const draw = (temperature: number, k: number, p: number, seed: number): readonly number[] => {
    const { given, ...settings } = settingsOf(temperature, k, p);
    const chosen = sample(settings, input("key", [2], "u32"))(input("logits", [rows, v]));
    const [ids] = interpret([chosen], {
      ...given,
      key: ndarray("u32", [2], Uint32Array.of(seed, 9)),
      logits: f32([rows, v], Array.from({ length: rows }, () => logits).flat()),
    });
    const counts = Array.from({ length: v }, () => 0);
    ids!.data.forEach((id) => counts[id]!++);
    return counts.map((n) => n / rows);
  };
  const expect = (temperature: number, among: readonly number[]) => {
    const w = logits.map((l, i) => among.includes(i) ? Math.exp(l / temperature) : 0);
    return w.map((x) => x / w.reduce((a, b) => a + b, 0));
  };
  const close = (got: readonly number[], want: readonly number[]) =>
    want.forEach((share, i) => {
      const deviation = Math.sqrt(share * (1 - share) / rows);
      assert.ok(Math.abs(got[i]! - share) <= 4.5 * deviation, `token ${i}: ${got[i]} for ${share}`);
    });
  close(draw(1, 99, 1, 1), expect(1, [0, 1, 2, 3, 4]));
  close(draw(0.5, 99, 1, 2), expect(0.5, [0, 1, 2, 3, 4]));
  close(draw(2, 2, 1, 3), expect(2, [1, 2]));
  close(draw(1, 99, 0.7, 4), expect(1, [1, 2]));
  assert.equal(draw(1, 1, 1, 5), [0, 0, 1, 0, 0]);
  assert.equal(draw(1, 99, 1, 1), draw(1, 99, 1, 1), "the same key draws the same");
  assert.not.equal(draw(1, 99, 1, 1), draw(1, 99, 1, 6));
});

test("exponential numbers are positive, and accurate near zero", () => {
  const [e] = interpret([exponential([20000])(input("key", [2], "u32"))], {
    key: ndarray("u32", [2], Uint32Array.of(1, 2)),
  });
  const values = [...e!.data], mean = values.reduce((a, x) => a + x, 0) / values.length;
  assert.ok(values.every((x) => x > 0 && Number.isFinite(x)));
  assert.ok(Math.abs(mean - 1) < 4.5 / Math.sqrt(values.length));
  const below = values.filter((x) => x < 0.01).length / values.length;
  assert.ok(Math.abs(below - (1 - Math.exp(-0.01))) < 4.5 * Math.sqrt(0.01 / values.length));
});

test("weights found in a description are those that attention used, block after block", () => {
  const ids = input("ids", [2, 5], "i32");
  const states = llamaStates(config)(params, llamaEmbed(params, ids)), found = attentionsOf([states]);
  assert.is(found.length, config.layers);
  const given = { ...weights, ids: i32([2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) };
  for (const node of found) {
    const [, k, v] = node.args as [typeof states, typeof states, typeof states];
    const seen = matmul(repeatHeads(config.heads)(v))(attentionWeights(node));
    const [byWeights, attended, shares] = interpret(
      [seen, resultAt(node, 0), sum({ axes: [-1] })(attentionWeights(node))],
      given,
    );
    near("values", byWeights!, attended!, { rtol: 1e-9, atol: 1e-10 });
    assert.ok(shares!.data.every((s) => Math.abs(s - 1) < 1e-12));
    assert.equal(attentionWeights(node).shape, [2, config.heads, 5, k.shape[2]!]);
  }
});

test("the largest logit, the first among equals", () => {
  const [ids] = interpret([greedy(input("l", [2, 3]))], { l: f32([2, 3], [1, 5, 5, 9, 0, 1]) });
  assert.equal([...ids!.data], [1, 0]);
});

test.run();

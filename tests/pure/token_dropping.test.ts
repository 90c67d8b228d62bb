/** Which visual tokens a decoder sees: selections, drops between blocks, and distillation, against plain TypeScript. */
import {
  answerStarts,
  bindingsOf,
  cacheSpecs,
  ConfigError,
  decodeStep,
  distillation,
  diverseTokens,
  droppedBy,
  f32,
  grad,
  i32,
  initialise,
  input,
  interpret,
  type LlamaConfig,
  llamaEmbed,
  llamaSpecs,
  mul,
  type NdArray,
  ndarray,
  type ParameterSpec,
  placeholders,
  prefill,
  pyramidCounts,
  type PyramidStage,
  sum,
  type Tensor,
  topTokens,
  type Tree,
  type VisionLanguage,
  visionLanguage,
} from "@chain-of-sight/core";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { plainStates } from "../support/plain_decoder.ts";
import { property } from "../support/property.ts";
import { floats, integers } from "../support/random.ts";

const test = suite("token dropping");

const rowsOf = ({ shape, data }: NdArray): number[][] => {
  const width = shape.at(-1)!;
  return Array.from(
    { length: data.length / width },
    (_, i) => Array.from(data.subarray(i * width, (i + 1) * width)),
  );
};

/** DivPrune as its authors have it: lists and loops. */
const plainDiverse = (tokens: readonly (readonly number[])[], k: number): readonly number[] => {
  const length = (a: readonly number[]) => Math.hypot(...a);
  const far = tokens.map((a) =>
    tokens.map((b) => 1 - a.reduce((s, x, i) => s + x * b[i]!, 0) / (length(a) * length(b)))
  );
  const bestOf = (score: readonly number[]) => score.indexOf(Math.max(...score));
  const chosen = [bestOf(far.map((row, i) => Math.min(...row.filter((_, j) => j !== i))))];
  while (chosen.length < k) {
    chosen.push(
      bestOf(
        tokens.map((_, i) => chosen.includes(i) ? -Infinity : Math.min(...chosen.map((c) => far[c]![i]!))),
      ),
    );
  }
  return chosen.sort((a, b) => a - b);
};

property(test, "tokens far from each other are those of DivPrune", [
  fc.integer({ min: 2, max: 9 }),
  fc.integer({ min: 1, max: 9 }),
  fc.nat(1000),
], (n, count, name) => {
  const k = Math.min(count, n),
    x = floats(`tokens ${name}`, [3, n, 4]),
    got = interpret([
      diverseTokens(k)(input("x", [3, n, 4])),
    ], { x })[0]!;
  const rows = rowsOf(x);
  for (let b = 0; b < 3; b++) {
    assert.equal(
      Array.from(got.data.subarray(b * k, (b + 1) * k)),
      plainDiverse(rows.slice(b * n, (b + 1) * n), k),
    );
  }
}, { runs: 15 });

test("the largest scores win, of equal ones the first, and none outside of the tokens are asked for", () => {
  const score = input("s", [1, 5]), s = f32([1, 5], [0.1, 0.5, 0.1, 0.7, 0.5]);
  assert.equal([...interpret([topTokens(2)(score)], { s })[0]!.data], [1, 3]);
  assert.equal([...interpret([topTokens(4)(score)], { s })[0]!.data], [0, 1, 3, 4]);
  assert.throws(() => topTokens(6)(score), (e: unknown) => e instanceof ConfigError);
  assert.throws(() => diverseTokens(0)(input("x", [1, 5, 2])), (e: unknown) => e instanceof ConfigError);
});

test("stages say how many tokens every block sees, and out of order they are refused", () => {
  const paper = [[8, 0.5], [16, 0.25], [24, 0.125]].map(([after, keep]): PyramidStage => ({
    after: after!,
    keep: keep!,
  }));
  const counts = pyramidCounts(32, paper, 576);
  assert.equal([0, 7, 8, 15, 16, 23, 24, 31].map((i) => counts[i]), [576, 576, 288, 288, 144, 144, 72, 72]);
  const refused = (stages: readonly PyramidStage[]) =>
    assert.throws(() => pyramidCounts(4, stages, 8), (e: unknown) => e instanceof ConfigError);
  refused([{ after: 4, keep: 0.5 }]);
  refused([{ after: 2, keep: 0.5 }, { after: 1, keep: 0.25 }]);
  refused([{ after: 1, keep: 0.25 }, { after: 2, keep: 0.5 }]);
  refused([{ after: 1, keep: 0.1 }]);
});

test("answers begin where a label counts and the one before does not", () => {
  const labels = i32([2, 6], [-100, -100, 5, 7, -100, 3, 4, -100, -100, 2, 2, -100]);
  assert.equal([...interpret([answerStarts(input("l", [2, 6], "i32"))], { l: labels })[0]!.data], [
    ...[0, 0, 1, 0, 0, 1],
    ...[1, 0, 0, 1, 0, 0],
  ]);
});

const config: LlamaConfig = { vocabulary: 17, width: 16, layers: 4, heads: 4, kvHeads: 2, ff: 24 };
const stages: readonly PyramidStage[] = [{ after: 1, keep: 0.5 }, { after: 3, keep: 0.25 }];
const N = 9, T = 7;
const specs = llamaSpecs(config), params = placeholders("w", specs);
const weights: Record<string, NdArray> = bindingsOf(
  "w",
  initialise([5, 6], specs as Tree<ParameterSpec>) as Tree<NdArray>,
);
// larger, so that positions differ
for (const name of Object.keys(weights)) {
  if (name.includes("norm")) continue;
  weights[name] = ndarray("f32", weights[name]!.shape, weights[name]!.data.map((x) => x * 14));
}

/** A model whose visual tokens are its features. */
const given = (more: Partial<Parameters<typeof visionLanguage>[0]> = {}): VisionLanguage =>
  visionLanguage({
    bridge: { name: "features", tokens: N, grid: 3, levels: 1, specs: {}, apply: (_, [x]) => x! },
    decoder: config,
    ...more,
  });

const visual = floats("visual", [2, N, 16]);
const ids = integers("ids", [2, T], 0, 17);
const features = [input("v", [2, N, 16])], words = input("ids", [2, T], "i32");
const labels = i32([2, T], [-100, -100, -100, 4, 5, -100, -100, -100, -100, 3, -100, -100, 7, -100]);
const asked = [[3], [2, 5]];

/** Embeddings of a row: its visual tokens and its text. */
const embedded = (b: number, text: readonly number[]): number[][] => [
  ...rowsOf(visual).slice(b * N, (b + 1) * N),
  ...text.map((id) => rowsOf(weights["w.model.embed_tokens.weight"]!)[id]!),
];

test("visual tokens that no answer's position looks at are dropped between blocks, as in plain lists", () => {
  const model = given({ pyramid: stages });
  const { perToken } = model.entropy(params, { features, ids: words, labels: input("l", [2, T], "i32") });
  const logits = model.logits(params, { features, labels: input("l", [2, T], "i32") }, words);
  const bindings = { ...weights, v: visual, ids, l: labels };
  const [got, loss] = interpret([logits, perToken], bindings) as [NdArray, NdArray];
  for (let b = 0; b < 2; b++) {
    const text = [...ids.data.subarray(b * T, (b + 1) * T)];
    // the position before text token t is N - 1 + t
    const at = asked[b]!.map((t) => N - 1 + t);
    const { states, visual: left } = plainStates(config, weights, embedded(b, text), N, stages, at);
    assert.is(left, 2);
    const head = rowsOf(weights["w.lm_head.weight"]!);
    const want = states.slice(left - 1, left - 1 + T).flatMap((s) =>
      head.map((row) => row.reduce((sum, x, i) => sum + x * s[i]!, 0))
    );
    const own = ndarray("f32", [T, 17], got.data.slice(b * T * 17, (b + 1) * T * 17));
    near(`row ${b}`, own, { shape: [T, 17], data: Float64Array.from(want) }, { rtol: 1e-7, atol: 1e-8 });
    labels.data.subarray(b * T, (b + 1) * T).forEach((label, t) => {
      if (label < 0) return;
      const row = want.slice(t * 17, (t + 1) * 17), most = Math.max(...row);
      const entropy = Math.log(row.reduce((s, x) => s + Math.exp(x - most), 0)) + most - row[label]!;
      assert.ok(Math.abs(loss.data[b * T + t]! - entropy) < 1e-6);
    });
  }
});

test("a stage that keeps every token changes nothing but where the mask is written", () => {
  const plain = given().logits(params, { features }, words);
  const all = given({ pyramid: [{ after: 2, keep: 1 }] }).logits(params, { features }, words);
  const [a, b] = interpret([plain, all], { ...weights, v: visual, ids }) as [NdArray, NdArray];
  near("logits", b, a, { rtol: 1e-12, atol: 1e-12 });
});

test("questions that share an image rank its tokens together and see themselves alone", () => {
  const model = given({ pyramid: [{ after: 1, keep: 0.5 }] });
  const turns = i32([2, T], [0, 1, 1, 1, 2, 2, 2, 0, 1, 1, 1, 2, 2, 2]);
  const both = i32([2, T], [-100, -100, 4, -100, -100, 5, -100, -100, -100, 4, -100, -100, 5, -100]);
  const visionInput = { features, turns: input("t", [2, T], "i32"), labels: input("l", [2, T], "i32") };
  const [before] = interpret([model.logits(params, visionInput, words)], {
    ...weights,
    v: visual,
    ids,
    t: turns,
    l: both,
  });
  const changed = i32([2, T], Array.from(ids.data, (id, i) => i % T === 3 ? (id + 1) % 17 : id));
  const [after] = interpret([model.logits(params, visionInput, words)], {
    ...weights,
    v: visual,
    ids: changed,
    t: turns,
    l: both,
  });
  // token 3 ends the first question, behind the position that ranks: the second one sees nothing of it
  const second = ({ data }: NdArray) => ndarray("f32", [2, 17], data.slice(5 * 17, 7 * 17));
  near("second question", second(after!), second(before!), { rtol: 0, atol: 0 });
});

test("a prefix ranks by its last position, and single steps go on behind it", () => {
  const lengths = [N + 3, N + 5], prompt = 5, more = [[4, 9], [11, 2]];
  const pyramid = { visual: N, stages };
  const x = input("x", [2, N + prompt, 16]), start = input("start", [2], "i32");
  const rows = [0, 1].map((b) => embedded(b, [...ids.data.subarray(b * T, b * T + prompt)]));
  const bindings: Record<string, NdArray> = {
    ...weights,
    x: f32([2, N + prompt, 16], rows.flat(2)),
    start: i32([2], lengths),
  };
  const blank = initialise([0, 0], cacheSpecs(config, 2, 2) as Tree<ParameterSpec>) as Tree<NdArray>;
  Object.assign(bindings, bindingsOf("tail", blank));
  const first = prefill(config)(params, x, start, pyramid), got = [first.logits_bv];
  let tail = placeholders("tail", cacheSpecs(config, 2, 2) as Tree<ParameterSpec>) as never;
  for (let k = 0; k < 2; k++) {
    bindings[`at.${k}`] = i32([2], lengths.map((n) => n + k));
    bindings[`next.${k}`] = i32([2], more.map((row) => row[k]!));
    const past = { prefix: first.cache, tail, start, dropped: droppedBy(config, pyramid) };
    const next = llamaEmbed(params, input(`next.${k}`, [2], "i32"));
    const decoded = decodeStep(config)(params, next, input(`at.${k}`, [2], "i32"), past);
    tail = decoded.cache as never;
    got.push(decoded.logits_bv);
  }
  const values = interpret(got, bindings), head = rowsOf(weights["w.lm_head.weight"]!);
  for (let b = 0; b < 2; b++) {
    const own = lengths[b]! - N, text = [...ids.data.subarray(b * T, b * T + own), ...more[b]!];
    const { states, visual: left } = plainStates(config, weights, embedded(b, text), N, stages, [
      lengths[b]! - 1,
    ]);
    values.forEach((value, k) => {
      const state = states[left + own - 1 + k]!;
      const want = head.map((row) => row.reduce((sum, w, i) => sum + w * state[i]!, 0));
      near(
        `row ${b}, step ${k}`,
        ndarray("f32", [17], value.data.slice(b * 17, (b + 1) * 17)),
        { shape: [17], data: Float64Array.from(want) },
        { rtol: 1e-7, atol: 1e-8 },
      );
    });
  }
});

test("kept tokens follow the isolator, and the others get no gradient", () => {
  const keep = i32([2, 3], [0, 4, 8, 1, 2, 7]), isolator = floats("isolator", [2, 16], -1, 1);
  const model = given({ isolator: 2, keep: { count: 3, by: "given" } });
  assert.is(model.visualTokens, 5);
  const all = { ...params, isolator: input("isolator", [2, 16]) } as unknown as Tree<Tensor>;
  const visionInput = (v: Tensor) => ({ features: [v], keep: input("keep", [2, 3], "i32") });
  const shown = model.visual(all, visionInput(features[0]!));
  const slope = grad((v: Tensor) =>
    sum()(mul(model.logits(all, visionInput(v), words), input("ct", [2, T, 17])))
  )(
    features[0]!,
  );
  const [tokens, gradient] = interpret([shown, slope], {
    ...weights,
    isolator,
    keep,
    ids,
    v: visual,
    ct: floats("ct", [2, T, 17]),
  }) as [NdArray, NdArray];
  const own = [0, 1].flatMap((b) => [
    ...rowsOf(isolator),
    ...[...keep.data.subarray(3 * b, 3 * b + 3)].map((n) => rowsOf(visual)[b * N + n]!),
  ]);
  assert.equal(rowsOf(tokens), own);
  const moved = rowsOf(gradient).map((row) => row.some((x) => x !== 0));
  assert.equal(
    moved,
    Array.from(
      { length: 2 * N },
      (_, i) => [...keep.data.subarray(3 * Math.floor(i / N), 3 * Math.floor(i / N) + 3)].includes(i % N),
    ),
  );
  const nested = { ...given(), name: "nested", tokens: N, grid: 3, levels: 1, specs: {}, members: [] };
  assert.throws(
    () => given({ bridge: { ...nested, apply: (_, [x]) => x! }, keep: { count: 3, by: "given" } }),
    (e: unknown) => e instanceof ConfigError,
  );
});

test("the choice of diverse tokens has no gradient, what is chosen has that of its rows", () => {
  const x = input("x", [1, N, 16]), model = given({ keep: { count: 4, by: "diversity" } });
  const [ids, slope] = interpret([
    diverseTokens(4)(x),
    grad((v: Tensor) => sum()(mul(model.visual(params, { features: [v] }), input("ct", [1, 4, 16]))))(x),
  ], { ...weights, x: floats("x", [1, N, 16]), ct: floats("ct", [1, 4, 16]) }) as [NdArray, NdArray];
  const ct = rowsOf(floats("ct", [1, 4, 16])), chosen = [...ids.data];
  rowsOf(slope).forEach((row, n) => {
    const at = chosen.indexOf(n);
    assert.equal(row, at < 0 ? row.map(() => 0) : ct[at]);
  });
});

test("distillation is the divergence from the teacher over labels that count, and teaches the student alone", () => {
  const V = 5, student = floats("student", [2, 3, V]), teacher = floats("teacher", [2, 3, V]);
  const wanted = i32([2, 3], [-100, 3, 0, 4, -100, -100]);
  const a = input("a", [2, 3, V]), b = input("b", [2, 3, V]), l = input("l", [2, 3], "i32");
  const loss = distillation(a, b, l);
  const [got, own, other] = interpret(
    [loss, grad((x: Tensor) => distillation(x, b, l))(a), grad((x: Tensor) => distillation(a, x, l))(b)],
    { a: student, b: teacher, l: wanted },
  ) as [NdArray, NdArray, NdArray];
  const shares = (row: readonly number[]) => {
    const e = row.map(Math.exp), total = e.reduce((x, y) => x + y);
    return e.map((x) => x / total);
  };
  const counted = [1, 2, 3], s = rowsOf(student).map(shares), t = rowsOf(teacher).map(shares);
  const want =
    counted.reduce((sum, i) => sum + t[i]!.reduce((k, p, v) => k + p * Math.log(p / s[i]![v]!), 0), 0) / 3;
  assert.ok(Math.abs(got.data[0]! - want) < 1e-12);
  rowsOf(own).forEach((row, i) =>
    row.forEach((x, v) =>
      assert.ok(Math.abs(x - (counted.includes(i) ? (s[i]![v]! - t[i]![v]!) / 3 : 0)) < 1e-12)
    )
  );
  assert.ok(other.data.every((x) => x === 0));
});

test.run();

/**
 * Attention and its gradients through matrix units, from scores to weights. The forward kernel measures exponentials
 * from a maximum that may lag behind by 2^8: results, which stay in the units, are scaled again only where a maximum
 * grows by more (as in FlashAttention-4). Numbers that are not finite reach all queries of a tile, also
 * those that the causal mask keeps from them: 0 times such a number is no number.
 */
import { type MatrixTile } from "./attention_matrix_tile.ts";
import { addQueries } from "./attention_matrix_queries.ts";
import { range, seenText } from "./attention_parts.ts";
import { literal } from "./dialect.ts";
import { when } from "./module.ts";

/** How far a maximum may grow, as a power of two, before results are scaled again. */
const LAG = 8;

/** Joins texts as a tree, so that no long chain of results waits for each other. */
const balanced = (texts: readonly string[], join: (a: string, b: string) => string): string => {
  const half = texts.length >> 1;
  return half === 0
    ? texts[0]!
    : join(balanced(texts.slice(0, half), join), balanced(texts.slice(half), join));
};

/** Multiplies the rows of the results by what their lane says. */
const rescale = (t: MatrixTile): string[] => {
  const { unit } = t.s, { band, bandStride, channels } = t.at, bands = range(channels / band);
  const type = `subgroup_matrix_result<f32, ${unit.N}, ${unit.M}>`, share = t.share(band) / 4;
  return bands.flatMap((part) => [
    ...t.banded("y", part).map(([y, at]) =>
      `subgroupMatrixStore<row_major>(&scores, ${at}, ${y}, ${bandStride / 4}u);`
    ),
    "workgroupBarrier();",
    "{",
    `let band_at = score_base + own_line * ${bandStride / 4}u${t.parts === 1 ? "" : ` + part * ${share}u`};`,
    ...range(share).map((q) => `scores[band_at + ${q}u] = scores[band_at + ${q}u] * shrink;`),
    "}",
    "workgroupBarrier();",
    ...t.banded("y", part).map(([y, at]) =>
      `${y} = subgroupMatrixLoad<${type}, row_major>(&scores, ${at}, ${bandStride / 4}u);`
    ),
    ...(part + 1 < bands.length ? ["workgroupBarrier();"] : []),
  ]);
};

/** Statements between scores and products with weights, for a lane of the forward kernel. */
const softmax = (t: MatrixTile): string[] => {
  const { rows, each } = t.s, { node } = t.w.kernel, all = range(t.share());
  const factor = literal(Math.fround(node.attributes.scale * Math.LOG2E), "f32");
  return [
    ...t.read(),
    ...all.map((i) => `var s${i} = ${t.score(i)} * ${factor};`),
    ...t.mask("s", "-3e38f"),
    `var top = ${balanced(all.map((i) => `s${i}`), (a, b) => `max(${a}, ${b})`)};`,
    ...t.joined("top", (a, b) => `max(${a}, ${b})`),
    `let grows = top > most + ${LAG}f;`,
    "let next = select(most, top, grows);",
    "let shrink = exp2(most - next);",
    "most = next;",
    ...all.map((i) => `let p${i} = exp2(s${i} - next);`),
    `total = fma(total, shrink, ${balanced(all.map((i) => `p${i}`), (a, b) => `(${a} + ${b})`)});`,
    ...t.weigh((i) => `p${i}`),
    // results of the first block are 0, whatever they are scaled by
    "let grown_here = subgroupAny(grows);",
    "if (subgroup_lane == 0u) {",
    "grown[subgroup] = select(0u, 1u, grown_here && first > 0u);",
    "}",
    "let grown_of = workgroupUniformLoad(&grown);",
    `if (${range(rows / each).map((i) => `grown_of[${i}u]`).join(" + ")} > 0u) {`,
    ...rescale(t),
    "}",
  ];
};

/** Walks over blocks of the others: copies one, makes scores of it and weights of these, and adds to the results. */
const blocks = (
  t: MatrixTile,
  from: string,
  to: string,
  copy: readonly string[],
  weights: readonly string[],
): string[] => [
  `for (var first = ${from}; first < ${to}; first += ${t.s.block}u) {`,
  ...copy,
  "workgroupBarrier();",
  ...t.scores(),
  "workgroupBarrier();",
  ...weights,
  ...t.add(),
  "workgroupBarrier();",
  "}",
];

const forward = (t: MatrixTile): string[] => {
  const { size, node } = t.w.kernel, { rows, each } = t.s, { bindings } = t.w;
  const blind = node.attributes.causal && size.keys < size.queries ? "seen == 0u" : undefined;
  const none = t.ids === undefined ? blind : "mine < 0i";
  const unless = (value: string, instead: string): string =>
    none === undefined ? value : `select(${value}, ${instead}, ${none})`;
  const normaliser = `select(fma(most, ${Math.fround(Math.LN2)}f, log(sum)), ${
    literal(NaN, "f32")
  }, sum == 0f)`;
  const at = `(batch * ${size.heads}u + head) * ${size.queries}u + row`;
  const store = bindings.store(t.w.result(1), at, unless(normaliser, literal(-Infinity, "f32")));
  const copy = t.others(t.w.top);
  return [
    ...t.zeros(),
    // far below any product of f16, and above what masked scores are
    "var most = -1e30f;",
    "var total = 0f;",
    ...t.span(),
    `let seen = ${seenText(t.w.kernel)};`,
    ...t.end(),
    ...blocks(t, t.ids === undefined ? "0u" : "span_block", "end", copy, softmax(t)),
    "var sum = total;",
    ...t.joined("sum", (a, b) => `${a} + ${b}`),
    ...when(t.parts === 1 ? [] : ["part == 0u"], [
      `shares[subgroup * ${each}u + own_line] = ${unless("1f / sum", "0f")};`,
      ...when(size.queries % rows === 0 ? [] : [`row < ${size.queries}u`], [store]),
    ]),
    ...t.finish(),
  ];
};

/** Weights of the gradient from scores and from products of cotangents and values. */
const pairs = (t: MatrixTile, lse: (i: number) => string, delta: (i: number) => string): string[] => {
  const { node, size: { keys } } = t.w.kernel;
  const factor = literal(Math.fround(node.attributes.scale * Math.LOG2E), "f32");
  return [
    ...t.read(0),
    ...t.read(1),
    ...range(t.share()).map((i) => `var p${i} = exp2(fma(${t.score(i)}, ${factor}, -${lse(i)}));`),
    ...t.mask("p", "0f"),
    // lines beyond the last key add nothing to the queries
    ...(keys % t.s.rows === 0
      ? []
      : range(t.share()).map((i) => `p${i} = select(0f, p${i}, key < ${keys}u);`)),
    ...t.weigh((i) => `p${i} * (${t.score(i, 1)} - ${delta(i)})`),
    ...t.weigh((i) => `p${i}`, 1),
    "workgroupBarrier();",
    ...addQueries(t),
  ];
};

const gradient = (t: MatrixTile): string[] => {
  const { kernel: { size, back, node }, top } = t.w, { block } = t.s;
  const share = size.heads / size.groups, ahead = size.keys - size.queries, whole = t.ids === undefined;
  const within = top.inner(["head"]), others = t.others(within);
  // four queries of a lane
  const numbers = range(4).flatMap((u) => {
    const scope = within.inner(["row"]), lse = scope.value(back!.lse), delta = scope.value(back!.delta);
    const row = `first + at * 4u + ${u}u`;
    return [
      `var lse${u}: f32;`,
      `var delta${u}: f32;`,
      "{",
      `let row = ${size.queries % block === 0 ? row : `min(${row}, ${size.queries - 1}u)`};`,
      ...scope.lines,
      `lse${u} = ${lse} * ${Math.fround(Math.LOG2E)}f;`,
      `delta${u} = ${delta};`,
      "}",
    ];
  });
  const from = t.parts === 1 ? "0u" : `part * ${t.share() / 4}u`;
  // the first query that sees a key
  const lowest = (key: string): string => ahead === 0 ? key : `u32(max(0i, i32(${key}) - ${ahead}i))`;
  const copy = [
    ...others,
    `for (var at = lane.x; at < ${block / 4}u; at += ${t.workers}u) {`,
    ...numbers,
    "numbers[at] = vec4f(lse0, lse1, lse2, lse3);",
    `numbers[at + ${block / 4}u] = vec4f(delta0, delta1, delta2, delta3);`,
    "}",
  ];
  const weights = [
    ...range(t.share() / 4).flatMap((q) => [
      `let lse_${q} = numbers[${from} + ${q}u];`,
      `let delta_${q} = numbers[${from} + ${q + block / 4}u];`,
    ]),
    ...pairs(t, (i) => `lse_${i >> 2}.${"xyzw"[i & 3]}`, (i) => `delta_${i >> 2}.${"xyzw"[i & 3]}`),
  ];
  return [
    ...t.zeros(),
    ...t.span(),
    ...(node.attributes.causal
      ? [
        `let lowest = ${lowest("key")};`,
        `let low_row = ${whole ? lowest("line_first") : `max(span_begin, ${lowest("line_first")})`};`,
        `let begin = low_row - low_row % ${block}u;`,
        ...(whole ? [`let high_row = ${lowest(`(line_first + ${t.s.rows - 1}u)`)};`] : []),
      ]
      : [`let begin = ${whole ? "0u" : "span_block"};`]),
    `for (var head = kv * ${share}u; head < (kv + 1u) * ${share}u; head++) {`,
    ...within.lines,
    ...blocks(t, "begin", whole ? `${size.queries}u` : "span_end", copy, weights),
    "storageBarrier();",
    "}",
    ...t.finish(),
  ];
};

/** Writes the whole body after the place of the workgroup. */
export const writeMatrixTile = (t: MatrixTile): void => {
  const { w, s, workers } = t;
  if (w.kernel.node.op === "attention") {
    const own = t.own();
    w.top.lines.push(...t.places(), ...own, ...forward(t));
    return;
  }
  const before = w.top.lines.splice(0), kept = t.keepKeys(), own = t.own();
  const body = [...t.places(), ...kept, ...own, ...gradient(t)], tile = [...w.top.lines.splice(0), ...body];
  w.top.lines.push(...before, ...w.eachTile(s.rows, workers, tile));
};

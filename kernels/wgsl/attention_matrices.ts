/**
 * Attention and its gradients through matrix units, from scores to weights. The forward kernel measures exponentials
 * from a maximum that may lag behind by 2^8: results, which stay in the units, are scaled anew only where a maximum
 * grows by more (as in FlashAttention-4). Numbers that are not finite reach all queries of a tile, also
 * those that the causal mask keeps from them: 0 times such a number is no number.
 */
import { type MatrixTile } from "./attention_matrix_tile.ts";
import { range, seenText } from "./attention_parts.ts";
import { literal } from "./dialect.ts";
import { when } from "./module.ts";

/** How far a maximum may grow, as a power of two, before results are scaled anew. */
const LAG = 8;

/** Multiplies the rows of the results by what their lane says. */
const rescale = (t: MatrixTile): string[] => {
  const { unit } = t.s, { band, channels, scoreStride } = t.at, { down } = t.counts;
  const type = `subgroup_matrix_result<f32, ${unit.N}, ${unit.M}>`;
  return range(channels / band).flatMap((part) => {
    const each = (text: (name: string, at: string) => string): string[] =>
      down.flatMap((i) =>
        range(band / unit.N).map((j) =>
          text(
            `y${i}_${part * band / unit.N + j}`,
            `score_base + ${j * unit.N * scoreStride + i * unit.M}u`,
          )
        )
      );
    return [
      ...each((y, at) => `subgroupMatrixStore<col_major>(&scores, ${at}, ${y}, ${scoreStride}u);`),
      "workgroupBarrier();",
      ...range(band / t.parts).map((i) => `${t.score(i)} = ${t.score(i)} * shrink;`),
      "workgroupBarrier();",
      ...each((y, at) => `${y} = subgroupMatrixLoad<${type}, col_major>(&scores, ${at}, ${scoreStride}u);`),
      ...((part + 1) * band < channels ? ["workgroupBarrier();"] : []),
    ];
  });
};

/** Statements between scores and products with weights, for a lane of the forward kernel. */
const softmax = (t: MatrixTile): string[] => {
  const { rows, each, block } = t.s, { size, node } = t.w.kernel, all = range(block / t.parts);
  const factor = literal(Math.fround(node.attributes.scale * Math.LOG2E), "f32");
  const masked = node.attributes.causal || size.keys % block !== 0;
  return [
    ...all.map((i) => {
      const s = `${t.score(i)} * ${factor}`;
      return `let s${i} = ${masked ? `select(-3e38f, ${s}, ${t.sees(i)})` : s};`;
    }),
    "var top = s0;",
    ...all.slice(1).map((i) => `top = max(top, s${i});`),
    ...t.joined("top", (a, b) => `max(${a}, ${b})`),
    `let grows = top > most + ${LAG}f;`,
    "let next = select(most, top, grows);",
    "let shrink = exp2(most - next);",
    "most = next;",
    ...all.map((i) => `let p${i} = exp2(s${i} - next);`),
    `total = fma(total, shrink, ${all.map((i) => `p${i}`).join(" + ")});`,
    ...all.map((i) => t.weigh(i, `p${i}`)),
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

const forward = (t: MatrixTile): string[] => {
  const { size, node } = t.w.kernel, { rows, each, block } = t.s, { bindings } = t.w;
  const none = node.attributes.causal && size.keys < size.queries;
  const unless = (value: string, instead: string): string =>
    none ? `select(${value}, ${instead}, seen == 0u)` : value;
  const normaliser = `select(fma(most, ${Math.fround(Math.LN2)}f, log(sum)), ${
    literal(NaN, "f32")
  }, sum == 0f)`;
  const at = `((batch * ${size.heads}u + head) * ${size.queries}u + row) * ${
    size.width + 1
  }u + ${size.width}u`;
  const store = bindings.store(node, at, unless(normaliser, literal(-Infinity, "f32")));
  const walk = t.others(t.w.top);
  return [
    ...t.zeros(),
    // far below any product of f16, and above what masked scores are
    "var most = -1e30f;",
    "var total = 0f;",
    `let seen = ${seenText(t.w.kernel)};`,
    ...t.end(),
    `for (var first = 0u; first < end; first += ${block}u) {`,
    ...walk,
    "workgroupBarrier();",
    ...t.scores(),
    "workgroupBarrier();",
    ...softmax(t),
    ...t.add(),
    "workgroupBarrier();",
    "}",
    "var sum = total;",
    ...t.joined("sum", (a, b) => `${a} + ${b}`),
    ...when(t.parts === 1 ? [] : ["part == 0u"], [
      `shares[subgroup * ${each}u + own_line] = ${unless("1f / sum", "0f")};`,
      ...when(size.queries % rows === 0 ? [] : [`row < ${size.queries}u`], [store]),
    ]),
    ...t.finish(),
  ];
};

/** Weights of a gradient from scores `s` and products `dp` of cotangents and values. */
const pairs = (t: MatrixTile, lse: (i: number) => string, delta: (i: number) => string): string[] => {
  const { node } = t.w.kernel, factor = literal(Math.fround(node.attributes.scale * Math.LOG2E), "f32");
  return range(t.s.block / t.parts).flatMap((i) => {
    const sees = t.sees(i), p = `exp2(fma(${t.score(i)}, ${factor}, -${lse(i)}))`;
    return [
      `let p${i} = ${sees === undefined ? p : `select(0f, ${p}, ${sees})`};`,
      t.weigh(i, `p${i} * (${t.score(i, 1)} - ${delta(i)})`),
      ...(t.perKey ? [t.weigh(i, `p${i}`, 1)] : []),
    ];
  });
};

const gradQuery = (t: MatrixTile): string[] => {
  const { kernel: { size, back }, top } = t.w, { rows, block } = t.s;
  const scope = top.inner(["row"]), walk = t.others(top);
  const lse = scope.value(back!.lse), delta = scope.value(back!.delta);
  return [
    ...t.zeros(),
    "var lse: f32;",
    "var delta: f32;",
    "{",
    ...(size.queries % rows === 0
      ? []
      : [`let row = min(line_first + subgroup * ${t.s.each}u + own_line, ${size.queries - 1}u);`]),
    ...scope.lines,
    `lse = ${lse} * ${Math.fround(Math.LOG2E)}f;`,
    `delta = ${delta};`,
    "}",
    `let seen = ${seenText(t.w.kernel)};`,
    ...t.end(),
    `for (var first = 0u; first < end; first += ${block}u) {`,
    ...walk,
    "workgroupBarrier();",
    ...t.scores(),
    "workgroupBarrier();",
    ...pairs(t, () => "lse", () => "delta"),
    "workgroupBarrier();",
    ...t.add(),
    "workgroupBarrier();",
    "}",
    ...t.finish(),
  ];
};

const gradKeyValue = (t: MatrixTile): string[] => {
  const { kernel: { size, back, node }, top } = t.w, { block } = t.s;
  const share = size.heads / size.groups, ahead = size.keys - size.queries;
  const within = top.inner(["head"]), scope = within.inner(["row"]), walk = t.others(within);
  const lse = scope.value(back!.lse), delta = scope.value(back!.delta);
  // the first query that sees a key
  const lowest = (key: string): string => ahead === 0 ? key : `u32(max(0i, i32(${key}) - ${ahead}i))`;
  return [
    ...t.zeros(),
    ...(node.attributes.causal
      ? [
        `let lowest = ${lowest("key")};`,
        `let low_row = ${lowest("line_first")};`,
        `let begin = low_row - low_row % ${block}u;`,
      ]
      : ["let begin = 0u;"]),
    `for (var head = kv * ${share}u; head < (kv + 1u) * ${share}u; head++) {`,
    ...within.lines,
    `for (var first = begin; first < ${size.queries}u; first += ${block}u) {`,
    ...walk,
    `for (var at = lane.x; at < ${block}u; at += ${t.workers}u) {`,
    size.queries % block === 0 ? "let row = first + at;" : `let row = min(first + at, ${size.queries - 1}u);`,
    ...scope.lines,
    `numbers[at] = ${lse} * ${Math.fround(Math.LOG2E)}f;`,
    `numbers[at + ${block}u] = ${delta};`,
    "}",
    "workgroupBarrier();",
    ...t.scores(),
    "workgroupBarrier();",
    ...pairs(t, (i) => `numbers[${t.column(i)}]`, (i) => `numbers[${t.column(i)} + ${block}u]`),
    "workgroupBarrier();",
    ...t.add(),
    "workgroupBarrier();",
    "}",
    "}",
    ...t.finish(),
  ];
};

/** Writes the whole body after the place of the workgroup. */
export const writeMatrixTile = (t: MatrixTile): void => {
  const { top, kernel: { node } } = t.w;
  const own = t.own();
  const body = node.op === "attention"
    ? forward(t)
    : node.op === "attentionGradQuery"
    ? gradQuery(t)
    : gradKeyValue(t);
  top.lines.push(...t.places(), ...own, ...body);
};

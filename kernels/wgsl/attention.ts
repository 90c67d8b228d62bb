/**
 * Renders attention and its gradients as WGSL; scores never reach memory. Tiles of queries (or of keys, for their
 * gradients) share what they read of the others: over the lanes of a subgroup on software devices, in workgroup memory
 * on GPUs, and on matrix units where there are some for f16. Where none pays, a worker owns one query or key and walks
 * over the others by itself.
 */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel } from "../graph/kernel.ts";
import type { Value } from "../ir/value.ts";
import { kernelLabel } from "../plan/explain.ts";
import { scheduleAttention } from "../schedule/attention.ts";
import { writeMatrixTile } from "./attention_matrices.ts";
import { MatrixTile } from "./attention_matrix_tile.ts";
import { AttentionWriter, range, scaleText, seenText, SPAN } from "./attention_parts.ts";
import { Spread, writeTile } from "./attention_spread.ts";
import { Staged } from "./attention_staged.ts";
import { literal } from "./dialect.ts";
import { type Dispatch, groupBox, type Homes, moduleText } from "./module.ts";
import { MATRIX_EXTENSIONS, UNIFORM } from "./subgroup_matrix.ts";

/** Keys that one turn of the forward loop takes together: one rescaling of the accumulators for all. */
const TOGETHER = 4;

/** Statements that name the segment of the own line `mine`, and the positions that it may see. */
const segmentOf = (w: AttentionWriter, own: "row" | "key", length: number): readonly string[] => {
  const { segments } = w.kernel;
  if (segments === undefined) return [];
  const bound = (name: string, value: Value): string[] => [
    ...w.number(`${name}_of`, value, "edge", own),
    `let ${name} = min(u32(max(${name}_of, 0i)), ${length}u);`,
  ];
  return [
    `let mine = ${w.top.value(segments[own])};`,
    ...bound("span_begin", segments.from),
    ...bound("span_end", segments.to),
  ];
};

const forward = (w: AttentionWriter): void => {
  const { kernel: { size, node, segments }, top } = w;
  w.row("raw", w.kernel.query, top);
  top.lines.push(...w.each((c) => `let q${c} = raw${c} * ${scaleText(node.attributes.scale)};`));
  top.lines.push("var most = -3e38f;", "var total = 0f;", ...w.each((c) => `var o${c} = vec4f();`));
  const whole = segments === undefined;
  top.lines.push(
    ...segmentOf(w, "row", size.keys),
    `let seen = ${whole ? seenText(w.kernel) : `min(span_end, ${seenText(w.kernel)})`};`,
    `for (var first = ${whole ? "0u" : "span_begin"}; first < seen; first += ${TOGETHER}u) {`,
  );
  const body: string[] = [], last = size.keys - 1;
  const sees = (j: number): string => `first + ${j}u < seen${whole ? "" : ` && id${j} == mine`}`;
  const block = (j: number, lines: (scope: AttentionWriter["top"]) => void): string[] => {
    const scope = top.inner(["key"]);
    lines(scope);
    const key = whole && size.keys % TOGETHER === 0 ? `first + ${j}u` : `min(first + ${j}u, ${last}u)`;
    return ["{", `let key = ${key};`, ...scope.lines, "}"];
  };
  range(TOGETHER).forEach((j) => {
    body.push(`var s${j} = -3e38f;`);
    if (!whole) body.push(`var id${j} = 0i;`);
    body.push(...block(j, (scope) => {
      if (!whole) scope.lines.push(`id${j} = ${scope.value(segments.key)};`);
      w.row("k", w.kernel.key, scope);
      scope.lines.push(`if (${sees(j)}) {`, `s${j} = ${w.dot("q", "k")};`, "}");
    }));
  });
  body.push(
    `let next = max(most, ${range(TOGETHER).map((j) => `s${j}`).reduce((a, b) => `max(${a}, ${b})`)});`,
    "let shrink = exp(most - next);",
    "most = next;",
    ...range(TOGETHER).map((j) => `let p${j} = select(0f, exp(s${j} - next), ${sees(j)});`),
    `total = fma(total, shrink, ${range(TOGETHER).map((j) => `p${j}`).join(" + ")});`,
    ...w.each((c) => `o${c} = o${c} * shrink;`),
  );
  range(TOGETHER).forEach((j) => {
    body.push(...block(j, (scope) => {
      w.row("v", w.kernel.value, scope);
      scope.lines.push(
        ...w.each((c) => `o${c} = fma(select(vec4f(), v${c}, ${sees(j)}), vec4f(p${j}), o${c});`),
      );
    }));
  });
  const stride = size.width + 1, at = `((batch * ${size.heads}u + head) * ${size.queries}u + row)`;
  // where scores are all -inf, the normaliser is NaN as the values are; queries that see no key have neither
  const blind = node.attributes.causal && size.keys < size.queries ? "seen == 0u" : undefined;
  const none = whole ? blind : "mine < 0i";
  const unless = (value: string, instead: string) =>
    none === undefined ? value : `select(${value}, ${instead}, ${none})`;
  const normaliser = `select(most + log(total), ${literal(NaN, "f32")}, total == 0f)`;
  top.lines.push(
    ...body,
    "}",
    "let share = 1f / total;",
    ...w.each((c) => `let y${c} = ${unless(`o${c} * share`, "vec4f()")};`),
    ...w.store(at, stride, 0, (c) => `y${c}`),
    w.bindings.store(
      node,
      `${at} * ${stride}u + ${size.width}u`,
      unless(normaliser, literal(-Infinity, "f32")),
    ),
  );
};

/** Statements that give the probability `p` and the score gradient `ds` of the current pair. */
const pair = (w: AttentionWriter): string[] => {
  const scale = scaleText(w.kernel.node.attributes.scale);
  return [
    `let p = exp((${w.dot("q", "k")}) * ${scale} - lse);`,
    `let ds = p * ((${w.dot("t", "v")}) - delta) * ${scale};`,
  ];
};

const gradQuery = (w: AttentionWriter): void => {
  const { kernel: { size, back, segments }, top } = w;
  w.row("q", w.kernel.query, top);
  w.row("t", back!.cotangent, top);
  top.lines.push(`let lse = ${top.value(back!.lse)};`, `let delta = ${top.value(back!.delta)};`);
  const whole = segments === undefined, horizon = seenText(w.kernel);
  top.lines.push(
    ...w.each((c) => `var dq${c} = vec4f();`),
    ...segmentOf(w, "row", size.keys),
    `let seen = ${whole ? horizon : `min(span_end, ${horizon})`};`,
  );
  const inner = top.inner(["key"]);
  if (!whole) inner.lines.push(`if (${inner.value(segments.key)} == mine) {`);
  w.row("k", w.kernel.key, inner);
  w.row("v", w.kernel.value, inner);
  inner.lines.push(...pair(w), ...w.each((c) => `dq${c} = fma(k${c}, vec4f(ds), dq${c});`));
  const at = `((batch * ${size.heads}u + head) * ${size.queries}u + row)`;
  top.lines.push(
    `for (var key = ${whole ? "0u" : "span_begin"}; key < seen; key++) {`,
    ...inner.lines,
    ...(whole ? [] : ["}"]),
    "}",
  );
  top.lines.push(...w.store(at, size.width, 0, (c) => `dq${c}`));
};

const gradKeyValue = (w: AttentionWriter): void => {
  const { kernel: { size, back, node, segments }, top } = w, share = size.heads / size.groups;
  const whole = segments === undefined;
  w.row("k", w.kernel.key, top);
  w.row("v", w.kernel.value, top);
  top.lines.push(...w.each((c) => `var dk${c} = vec4f();`), ...w.each((c) => `var dv${c} = vec4f();`));
  const behind = size.keys - size.queries;
  const start = !node.attributes.causal ? "0u" : behind === 0 ? "key" : `u32(max(0i, i32(key) - ${behind}i))`;
  const inner = top.inner(["head", "row"]);
  if (!whole) inner.lines.push(`if (${inner.value(segments.row)} == mine) {`);
  w.row("q", w.kernel.query, inner);
  w.row("t", back!.cotangent, inner);
  inner.lines.push(
    `let lse = ${inner.value(back!.lse)};`,
    `let delta = ${inner.value(back!.delta)};`,
    ...pair(w),
  );
  inner.lines.push(...w.each((c) => `dk${c} = fma(q${c}, vec4f(ds), dk${c});`));
  inner.lines.push(...w.each((c) => `dv${c} = fma(t${c}, vec4f(p), dv${c});`));
  top.lines.push(
    ...segmentOf(w, "key", size.queries),
    `let start = ${whole ? start : `max(span_begin, ${start})`};`,
    `for (var head = kv * ${share}u; head < (kv + 1u) * ${share}u; head++) {`,
    `for (var row = start; row < ${whole ? `${size.queries}u` : "span_end"}; row++) {`,
    ...inner.lines,
    ...(whole ? [] : ["}"]),
    "}",
    "}",
  );
  const at = `((batch * ${size.groups}u + kv) * ${size.keys}u + key)`;
  top.lines.push(
    ...w.store(at, 2 * size.width, 0, (c) => `dk${c}`),
    ...w.store(at, 2 * size.width, size.width, (c) => `dv${c}`),
  );
};

/** Renders an attention kernel. */
export const renderAttention = (
  kernel: AttentionKernel,
  homes: Homes,
  profile: DeviceProfile,
): Dispatch => {
  const { size, node } = kernel, perKey = node.op === "attentionGradKeyValue";
  const heads = perKey ? size.groups : size.heads, lines = perKey ? size.keys : size.queries;
  const schedule = scheduleAttention(kernel, profile), single = schedule.kind === "single";
  const w = new AttentionWriter(
    kernel,
    homes,
    perKey ? ["batch", "kv", "key"] : ["batch", "head", "kv", "row"],
    schedule.kind === "matrices",
  );
  const workers = schedule.kind === "spread"
    ? schedule.lanes
    : schedule.kind === "matrices"
    ? schedule.rows / schedule.each * schedule.lanes
    : schedule.workers;
  const side = single ? workers : schedule.kind === "matrices" ? schedule.rows : workers * schedule.own;
  const groups = Math.ceil(lines / side);
  const { workgroups, lines: first, at: [block, , pair] } = groupBox(
    [groups, 1, size.batch * heads],
    profile,
  );
  w.top.lines.push(
    ...first,
    `let pair_index = ${pair};`,
    `let batch = pair_index / ${heads}u;`,
    `let ${perKey ? "kv" : "head"} = pair_index % ${heads}u;`,
    ...(perKey ? [] : [`let kv = head / ${size.heads / size.groups}u;`]),
    ...(single
      ? [
        `let ${perKey ? "key" : "row"} = ${block} * ${side}u + lane.x;`,
        ...(lines % side === 0 ? [] : [`if (${perKey ? "key" : "row"} >= ${lines}u) { return; }`]),
      ]
      : [`let line_first = ${block} * ${side}u;`]),
  );
  const staged = schedule.kind === "staged" ? new Staged(w, schedule) : undefined;
  const matrices = schedule.kind === "matrices" ? new MatrixTile(w, schedule) : undefined;
  if (matrices !== undefined) writeMatrixTile(matrices);
  else if (schedule.kind === "spread") writeTile(new Spread(w, schedule));
  else if (staged !== undefined) writeTile(staged);
  else if (node.op === "attention") forward(w);
  else if (node.op === "attentionGradQuery") gradQuery(w);
  else gradKeyValue(w);
  const span = kernel.segments === undefined || single ? [] : [SPAN];
  const globals = [...span, ...(matrices?.globals ?? staged?.globals ?? [])],
    units = matrices === undefined ? [] : MATRIX_EXTENSIONS;
  const code = moduleText(w.bindings, [workers, 1], w.top.lines, globals, units);
  return {
    label: kernelLabel(kernel),
    code: matrices === undefined ? code : `${UNIFORM}\n${code}`,
    bindings: w.bindings.list(),
    workgroups,
  };
};

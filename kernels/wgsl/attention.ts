/**
 * Renders attention and its gradients as WGSL. A worker owns one query (or, for the gradients of keys and values, one
 * key) with its accumulators in registers, and walks over the others; scores never reach memory.
 */
import type { DeviceProfile } from "../device_profile.ts";
import type { AttentionKernel, LoadValue } from "../graph/kernel.ts";
import { divisible, separate } from "../ir/index_expr.ts";
import { kernelLabel } from "../plan/explain.ts";
import { Bindings, type Dispatch, type Homes, moduleText } from "./module.ts";
import { Scope } from "./scope.ts";

/** Keys that one turn of the forward loop takes together: one rescaling of the accumulators for all. */
const TOGETHER = 4;

const range = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** Text of one attention kernel, and what it shares between its parts. */
class Writer {
  readonly kernel: AttentionKernel;
  readonly bindings: Bindings;
  readonly top: Scope;
  readonly chunks: number;

  constructor(kernel: AttentionKernel, homes: Homes, variables: readonly string[]) {
    this.kernel = kernel;
    this.bindings = new Bindings(homes, [kernel.node]);
    this.top = new Scope(this.bindings.spelling(() => ""), variables);
    this.chunks = Math.ceil(kernel.size.width / 4);
  }

  /** Statements that read one row of an operand into 4-vectors `name0, name1, ...`. */
  row(name: string, load: LoadValue, scope: Scope): void {
    const { width } = this.kernel.size, { rest, by } = separate(load.at, "d")!;
    const start = scope.index(rest);
    if (by === 1 && width % 4 === 0 && divisible(rest, 4)) {
      scope.lines.push(`let ${name}_at = ${start} >> 2u;`);
      const quad = (c: number) => this.bindings.load(load.from, `${name}_at + ${c}u`, true);
      range(this.chunks).forEach((c) => scope.lines.push(`let ${name}${c} = ${quad(c)};`));
      return;
    }
    const element = (i: number) =>
      i < width ? this.bindings.load(load.from, `${name}_at + ${i * by}u`) : "0f";
    scope.lines.push(`let ${name}_at = ${start};`);
    range(this.chunks).forEach((c) =>
      scope.lines.push(`let ${name}${c} = vec4f(${range(4).map((i) => element(4 * c + i)).join(", ")});`)
    );
  }

  /** Product of two rows. */
  dot(a: string, b: string): string {
    return range(this.chunks).map((c) => `dot(${a}${c}, ${b}${c})`).join(" + ");
  }

  /** One statement per chunk. */
  each(f: (c: number) => string): string[] {
    return range(this.chunks).map(f);
  }

  /** Stores a row of accumulators from element `from` of a result row with `stride` elements. */
  store(row: string, stride: number, from: number, value: (c: number) => string): string[] {
    return range(this.kernel.size.width).map((i) =>
      this.bindings.store(
        this.kernel.node,
        `${row} * ${stride}u + ${from + i}u`,
        `${value(i >> 2)}.${"xyzw"[i & 3]}`,
      )
    );
  }
}

const scaleText = (x: number): string => `${Math.fround(x)}f`;

/** Number of keys that the current query sees. */
const seenText = ({ size, node }: AttentionKernel): string =>
  node.attributes.causal ? `min(${size.keys}u, row + ${1 + size.keys - size.queries}u)` : `${size.keys}u`;

const forward = (w: Writer): void => {
  const { kernel: { size, node }, top } = w;
  w.row("raw", w.kernel.query, top);
  top.lines.push(...w.each((c) => `let q${c} = raw${c} * ${scaleText(node.attributes.scale)};`));
  top.lines.push("var most = -3e38f;", "var total = 0f;", ...w.each((c) => `var o${c} = vec4f();`));
  top.lines.push(
    `let seen = ${seenText(w.kernel)};`,
    `for (var first = 0u; first < seen; first += ${TOGETHER}u) {`,
  );
  const body: string[] = [], last = size.keys - 1;
  const block = (j: number, lines: (scope: Scope) => void): string[] => {
    const scope = top.inner(["key"]);
    lines(scope);
    const key = size.keys % TOGETHER === 0 ? `first + ${j}u` : `min(first + ${j}u, ${last}u)`;
    return ["{", `let key = ${key};`, ...scope.lines, "}"];
  };
  range(TOGETHER).forEach((j) => {
    body.push(`var s${j} = -3e38f;`);
    body.push(...block(j, (scope) => {
      w.row("k", w.kernel.key, scope);
      scope.lines.push(`if (first + ${j}u < seen) {`, `s${j} = ${w.dot("q", "k")};`, "}");
    }));
  });
  body.push(
    `let next = max(most, ${range(TOGETHER).map((j) => `s${j}`).reduce((a, b) => `max(${a}, ${b})`)});`,
    "let shrink = exp(most - next);",
    "most = next;",
    ...range(TOGETHER).map((j) => `let p${j} = select(0f, exp(s${j} - next), first + ${j}u < seen);`),
    `total = fma(total, shrink, ${range(TOGETHER).map((j) => `p${j}`).join(" + ")});`,
    ...w.each((c) => `o${c} = o${c} * shrink;`),
  );
  range(TOGETHER).forEach((j) => {
    body.push(...block(j, (scope) => {
      w.row("v", w.kernel.value, scope);
      scope.lines.push(...w.each((c) => `o${c} = fma(v${c}, vec4f(p${j}), o${c});`));
    }));
  });
  const stride = size.width + 1, at = `((batch * ${size.heads}u + head) * ${size.queries}u + row)`;
  top.lines.push(
    ...body,
    "}",
    "let share = 1f / total;",
    ...w.each((c) => `let y${c} = o${c} * share;`),
    ...w.store(at, stride, 0, (c) => `y${c}`),
    w.bindings.store(node, `${at} * ${stride}u + ${size.width}u`, "most + log(total)"),
  );
};

/** Statements that give the probability `p` and the score gradient `ds` of the current pair. */
const pair = (w: Writer): string[] => {
  const scale = scaleText(w.kernel.node.attributes.scale);
  return [
    `let p = exp((${w.dot("q", "k")}) * ${scale} - lse);`,
    `let ds = p * ((${w.dot("t", "v")}) - delta) * ${scale};`,
  ];
};

const gradQuery = (w: Writer): void => {
  const { kernel: { size, back }, top } = w;
  w.row("q", w.kernel.query, top);
  w.row("t", back!.cotangent, top);
  top.lines.push(`let lse = ${top.value(back!.lse)};`, `let delta = ${top.value(back!.delta)};`);
  top.lines.push(...w.each((c) => `var dq${c} = vec4f();`), `let seen = ${seenText(w.kernel)};`);
  const inner = top.inner(["key"]);
  w.row("k", w.kernel.key, inner);
  w.row("v", w.kernel.value, inner);
  inner.lines.push(...pair(w), ...w.each((c) => `dq${c} = fma(k${c}, vec4f(ds), dq${c});`));
  const at = `((batch * ${size.heads}u + head) * ${size.queries}u + row)`;
  top.lines.push("for (var key = 0u; key < seen; key++) {", ...inner.lines, "}");
  top.lines.push(...w.store(at, size.width, 0, (c) => `dq${c}`));
};

const gradKeyValue = (w: Writer): void => {
  const { kernel: { size, back, node }, top } = w, share = size.heads / size.groups;
  w.row("k", w.kernel.key, top);
  w.row("v", w.kernel.value, top);
  top.lines.push(...w.each((c) => `var dk${c} = vec4f();`), ...w.each((c) => `var dv${c} = vec4f();`));
  const behind = size.keys - size.queries;
  const start = !node.attributes.causal ? "0u" : behind === 0 ? "key" : `u32(max(0i, i32(key) - ${behind}i))`;
  const inner = top.inner(["head", "row"]);
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
    `let start = ${start};`,
    `for (var head = kv * ${share}u; head < (kv + 1u) * ${share}u; head++) {`,
    `for (var row = start; row < ${size.queries}u; row++) {`,
    ...inner.lines,
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
  const w = new Writer(kernel, homes, perKey ? ["batch", "kv", "key"] : ["batch", "head", "kv", "row"]);
  const side = Math.min(profile.software ? 16 : 64, Math.max(8, lines)), groups = Math.ceil(lines / side);
  const z = size.batch * heads, most = profile.maxWorkgroups, deep = Math.min(z, most);
  w.top.lines.push(
    z <= most ? "let pair_index = group.z;" : `let pair_index = group.z + group.y * ${most}u;`,
    ...(z <= most ? [] : [`if (pair_index >= ${z}u) { return; }`]),
    `let batch = pair_index / ${heads}u;`,
    `let ${perKey ? "kv" : "head"} = pair_index % ${heads}u;`,
    ...(perKey ? [] : [`let kv = head / ${size.heads / size.groups}u;`]),
    `let ${perKey ? "key" : "row"} = group.x * ${side}u + lane.x;`,
    ...(lines % side === 0 ? [] : [`if (${perKey ? "key" : "row"} >= ${lines}u) { return; }`]),
  );
  if (node.op === "attention") forward(w);
  else if (node.op === "attentionGradQuery") gradQuery(w);
  else gradKeyValue(w);
  return {
    label: kernelLabel(kernel),
    code: moduleText(w.bindings, [side, 1], w.top.lines),
    bindings: w.bindings.list(),
    workgroups: [groups, Math.ceil(z / most), deep],
  };
};

/**
 * Attention and its gradients for devices whose loads cost as much for one number as for one in every lane. A subgroup
 * owns a tile of queries (or of keys, for their gradients), some in every lane; the lanes load a block of the others
 * together and pass each on to all. Blocks that all lines of the tile see run without masks; the rest go one by one.
 */
import type { LoadValue } from "../graph/kernel.ts";
import type { Value } from "../ir/value.ts";
import { type AttentionWriter, range, scaleText } from "./attention_parts.ts";
import { literal } from "./dialect.ts";

/** One other line. */
export interface Other {
  /** Distinguishes names. */
  readonly tag: string;
  /** Spelling of a 4-vector of one of its rows. */
  readonly pick: (name: string, c: number) => string;
  /** Spelling of one of its numbers. */
  readonly scalar: (name: string) => string;
  /** Whether the own line `i` of a lane sees it; undefined where all do. */
  readonly sees: ((i: number) => string) | undefined;
}

const sum = (v: string): string => `(${v}.x + ${v}.y) + (${v}.z + ${v}.w)`;

/** What the loops over the others need. */
export interface Walk {
  /** Name of the position of another line. */
  readonly variable: string;
  /** Number of other lines. */
  readonly length: number;
  /** The first that any own line sees, as text. */
  readonly from: string;
  /** The first of the whole blocks that all own lines see. */
  readonly low: string;
  /** The end of those. */
  readonly high: string;
  /** The end of what any own line sees. */
  readonly to: string;
  /** Operands whose rows are passed around. */
  readonly rows: Readonly<Record<string, LoadValue>>;
  /** Numbers of other lines that are passed around. */
  readonly values: Readonly<Record<string, Value>>;
  /** Statements for some others that all own lines see. */
  readonly fast: (js: readonly number[]) => string[];
  /** Statements for the other `first + turn`; undefined where there are whole blocks alone. */
  readonly slow: readonly string[] | undefined;
}

/** Text of one kernel. */
export class Spread {
  /** What all attention kernels share. */
  readonly w: AttentionWriter;
  /** The tile. */
  readonly s: { readonly lanes: number; readonly own: number; readonly block: number };
  /** Indices of the own lines of a lane. */
  readonly own: readonly number[];

  /** The text of a kernel with a tile; `block` others are spelt out in one turn. */
  constructor(
    w: AttentionWriter,
    s: { readonly lanes: number; readonly own: number; readonly block: number },
  ) {
    this.w = w;
    this.s = s;
    this.own = range(s.own);
  }

  /** For every own line and chunk. */
  each(f: (i: number, c: number) => string): string[] {
    return this.own.flatMap((i) => this.w.each((c) => f(i, c)));
  }

  /** Loads what each lane owns: rows of operands into `name{i}_{c}`, values into `name{i}`. */
  load(
    variable: string,
    from: string,
    length: number,
    rows: Readonly<Record<string, LoadValue>>,
    values: Readonly<Record<string, Value>> = {},
  ): void {
    const { top } = this.w, { lanes } = this.s;
    this.own.forEach((i) => {
      top.lines.push(`let line${i} = ${from} + ${i * lanes}u + lane.x;`);
      const scope = top.inner([variable]);
      Object.entries(rows).forEach(([name, load]) => {
        this.w.row(name, load, scope);
        top.lines.push(...this.w.each((c) => `var ${name}${i}_${c}: vec4f;`));
        scope.lines.push(...this.w.each((c) => `${name}${i}_${c} = ${name}${c};`));
      });
      Object.entries(values).forEach(([name, value]) => {
        top.lines.push(`var ${name}${i}: ${value.dtype};`);
        scope.lines.push(`${name}${i} = ${scope.value(value)};`);
      });
      top.lines.push("{", `let ${variable} = min(line${i}, ${length - 1}u);`, ...scope.lines, "}");
    });
  }

  /** Statements of the dot product of the own rows `mine` and another's `theirs`, into `to{i}`. */
  dots(to: string, mine: string, other: Other, theirs: string): string[] {
    const { chunks } = this.w;
    return this.own.flatMap((i) => {
      const terms = range(chunks).map((c) => {
        const a = `${mine}${i}_${c}`, b = other.pick(theirs, c), name = `${to}${i}${other.tag}_${c}`;
        return c === 0
          ? `let ${name} = ${a} * ${b};`
          : `let ${name} = fma(${a}, ${b}, ${to}${i}${other.tag}_${c - 1});`;
      });
      return [...terms, `let ${to}${i}${other.tag} = ${sum(`${to}${i}${other.tag}_${chunks - 1}`)};`];
    });
  }

  /** Names for the passed parts of other `j` of a block: from a lane that the text knows, or from any. */
  other(j: number | undefined, names: readonly string[], scalars: readonly string[], sees?: Other["sees"]): {
    readonly lines: string[];
    readonly other: Other;
  } {
    const tag = j === undefined ? "" : `n${j}`;
    const pass = (x: string) =>
      j === undefined ? `subgroupShuffle(${x}, turn)` : `subgroupBroadcast(${x}, ${j}u)`;
    return {
      lines: [
        ...names.flatMap((name) => this.w.each((c) => `let ${name}${tag}p${c} = ${pass(`${name}${c}`)};`)),
        ...scalars.map((name) => `let ${name}${tag}p = ${pass(name)};`),
      ],
      other: { tag, pick: (name, c) => `${name}${tag}p${c}`, scalar: (name) => `${name}${tag}p`, sees },
    };
  }

  /** Numbers of own lines that every kernel needs: their segments, where there are some. */
  get mine(): Readonly<Record<string, Value>> {
    const { segments, node: { op } } = this.w.kernel;
    return segments === undefined
      ? {}
      : { mine: op === "attentionGradKeyValue" ? segments.key : segments.row };
  }

  /** Numbers of other lines that every kernel needs. */
  get theirs(): Readonly<Record<string, Value>> {
    const { segments, node: { op } } = this.w.kernel;
    return segments === undefined ? {} : { id: op === "attentionGradKeyValue" ? segments.row : segments.key };
  }

  /** Statements that say which own lines see another: by where it is, if it goes alone, and by its segment. */
  sight(other: Other, past: ((i: number) => string) | undefined): string[] {
    const same = (i: number): string[] =>
      this.w.kernel.segments === undefined ? [] : [`${other.scalar("id")} == mine${i}`];
    return other.sees === undefined
      ? []
      : this.own.map((i) =>
        `let ${other.sees!(i)} = ${[...(past === undefined ? [] : [past(i)]), ...same(i)].join(" && ")};`
      );
  }

  /** How to ask whether own lines see other `j` of a block, or any; undefined where they all do. */
  seeing(j: number | undefined): Other["sees"] {
    if (j === undefined) return (i) => `sees${i}`;
    return this.w.kernel.segments === undefined ? undefined : (i) => `sees${i}n${j}`;
  }

  /** Adds a weighted row of another to accumulators; what is not seen adds nothing, whatever it is. */
  add(to: string, other: Other, row: string, weight: (i: number) => string): string[] {
    return this.each((i, c) => {
      const x = other.pick(row, c),
        seen = other.sees === undefined ? x : `select(vec4f(), ${x}, ${other.sees(i)})`;
      return `${to}${i}_${c} = fma(${seen}, vec4f(${weight(i)}), ${to}${i}_${c});`;
    });
  }

  /** The loops over the others: whole blocks that all own lines see, and the rest one by one. */
  walk({ variable, length, from, low, high, to, rows, values, fast, slow }: Walk): string[] {
    const { lanes, block } = this.s, lane = block === lanes ? "lane.x" : `(lane.x & ${block - 1}u)`;
    const scope = this.scope(variable, rows, values);
    const gap = low === from ? [] : [`first = select(first, ${high}, first == ${low});`];
    return [
      `for (var first = ${low}; first < ${high}; first += ${block}u) {`,
      `let ${variable} = first + ${lane};`,
      ...scope.lines,
      ...fast(range(block)),
      "}",
      ...(slow === undefined ? [] : [
        "{",
        `var first = ${low === from ? high : from};`,
        "loop {",
        ...gap,
        `if (first >= ${to}) { break; }`,
        `let ${variable} = min(first + ${lane}, ${length - 1}u);`,
        ...scope.lines,
        `for (var turn = 0u; turn < ${block}u; turn++) {`,
        ...slow,
        "}",
        `first += ${block}u;`,
        "}",
        "}",
      ]),
    ];
  }

  /** Statements that read one other line: rows of operands into `name{c}`, values into `name`. */
  scope(variable: string, rows: Walk["rows"], values: Walk["values"]): AttentionWriter["top"] {
    const scope = this.w.top.inner(variable === "row" ? ["head", "row"] : [variable]);
    Object.entries(rows).forEach(([name, load]) => this.w.row(name, load, scope));
    Object.entries(values).forEach(([name, v]) => scope.lines.push(`let ${name} = ${scope.value(v)};`));
    return scope;
  }
}

/** How far own queries see: `common` keys are seen by all, `last` by some; `sees` says it of one. */
const horizon = ({ w, s, own }: Spread) => {
  const { kernel: { size, node, segments }, top } = w, whole = segments === undefined;
  const furthest = `min(line_first + ${s.own * s.lanes - 1}u, ${size.queries - 1}u)`;
  if (!whole) top.lines.push(...w.span("line_first", furthest, size.keys));
  // whole blocks from where the walk begins
  const blocks = (end: string): string =>
    `span_begin + (max(span_begin, ${end}) - span_begin) / ${s.block}u * ${s.block}u`;
  if (!node.attributes.causal && !whole) {
    top.lines.push(`let whole = ${blocks("span_end")};`);
    return {
      from: "span_begin",
      common: "whole",
      last: "span_end",
      sees: () => "first + turn < span_end",
      ragged: true,
    };
  }
  if (!node.attributes.causal) {
    return {
      from: "0u",
      common: `${Math.floor(size.keys / s.block) * s.block}u`,
      last: `${size.keys}u`,
      sees: () => `first + turn < ${size.keys}u`,
      ragged: size.keys % s.block !== 0,
    };
  }
  const seen = (row: string) =>
    `u32(clamp(i32(${row}) + ${1 + size.keys - size.queries}i, 0i, ${size.keys}i))`;
  own.forEach((i) => top.lines.push(`let seen${i} = ${seen(`line${i}`)};`));
  const within = (end: string): string => whole ? end : `min(span_end, ${end})`;
  top.lines.push(
    whole
      ? `let whole = ${seen("line_first")} / ${s.block}u * ${s.block}u;`
      : `let whole = ${blocks(within(seen("line_first")))};`,
    `let last = ${within(seen(furthest))};`,
  );
  return {
    from: whole ? "0u" : "span_begin",
    common: "whole",
    last: "last",
    sees: (i: number) => `first + turn < seen${i}`,
    ragged: true,
  };
};

/** Writes the forward kernel. */
const forward = (a: Spread): void => {
  const { w } = a,
    { top, kernel: { size, node, query, key, value } } = w,
    scale = scaleText(node.attributes.scale);
  a.load("row", "line_first", size.queries, { raw: query }, a.mine);
  top.lines.push(
    ...a.each((i, c) => `let q${i}_${c} = raw${i}_${c} * ${scale};`),
    ...a.each((i, c) => `var o${i}_${c} = vec4f();`),
    ...a.own.flatMap((i) => [`var most${i} = -3e38f;`, `var total${i} = 0f;`]),
  );
  const { from, common, last, sees, ragged } = horizon(a), ids = Object.keys(a.theirs);
  const scores = (js: readonly number[]) =>
    js.flatMap((j) => {
      const { lines, other } = a.other(j, ["k"], ids, a.seeing(j));
      return [...lines, ...a.dots("s", "q", other, "k"), ...a.sight(other, undefined)];
    });
  const only = (value: string, instead: string, i: number, j: number): string => {
    const seen = a.seeing(j);
    return seen === undefined ? value : `select(${instead}, ${value}, ${seen(i)})`;
  };
  const softmax = (js: readonly number[]) =>
    a.own.flatMap((i) => [
      `let next${i} = max(most${i}, ${
        js.map((j) => only(`s${i}n${j}`, `most${i}`, i, j)).reduce((x, y) => `max(${x}, ${y})`)
      });`,
      `let shrink${i} = exp(most${i} - next${i});`,
      `most${i} = next${i};`,
      ...js.map((j) => `let p${i}n${j} = ${only(`exp(s${i}n${j} - next${i})`, "0f", i, j)};`),
      `total${i} = fma(total${i}, shrink${i}, ${js.map((j) => `p${i}n${j}`).join(" + ")});`,
      ...w.each((c) => `o${i}_${c} = o${i}_${c} * shrink${i};`),
    ]);
  const values = (js: readonly number[]) =>
    js.flatMap((j) => {
      const { lines, other } = a.other(j, ["v"], [], a.seeing(j));
      return [...lines, ...a.add("o", other, "v", (i) => `p${i}n${j}`)];
    });
  const { lines, other } = a.other(undefined, ["k", "v"], ids, a.seeing(undefined));
  const one = [
    ...lines,
    ...a.dots("s", "q", other, "k"),
    ...a.sight(other, sees),
    ...a.own.flatMap((i) => [
      `let next${i} = select(most${i}, max(most${i}, s${i}), sees${i});`,
      `let shrink${i} = exp(most${i} - next${i});`,
      `let p${i} = select(0f, exp(s${i} - next${i}), sees${i});`,
      `most${i} = next${i};`,
      `total${i} = fma(total${i}, shrink${i}, p${i});`,
      ...w.each((c) => `o${i}_${c} = o${i}_${c} * shrink${i};`),
    ]),
    ...a.add("o", other, "v", (i) => `p${i}`),
  ];
  top.lines.push(...a.walk({
    variable: "key",
    length: size.keys,
    from,
    low: from,
    high: common,
    to: last,
    rows: { k: key, v: value },
    values: a.theirs,
    fast: (js) => [...scores(js), ...softmax(js), ...values(js)],
    slow: ragged ? one : undefined,
  }));
  const stride = size.width + 1;
  const whole = w.kernel.segments === undefined;
  const blind = !whole || node.attributes.causal && size.keys < size.queries;
  a.own.forEach((i) => {
    const at = `((batch * ${size.heads}u + head) * ${size.queries}u + line${i})`;
    // where scores are all -inf, the normaliser is NaN as the values are
    const normaliser = `select(most${i} + log(total${i}), ${literal(NaN, "f32")}, total${i} == 0f)`,
      none = whole ? `seen${i} == 0u` : `mine${i} < 0i`;
    top.lines.push(
      `let share${i} = 1f / total${i};`,
      ...w.each((c) =>
        `let y${i}_${c} = ${
          blind ? `select(o${i}_${c} * share${i}, vec4f(), ${none})` : `o${i}_${c} * share${i}`
        };`
      ),
      ...(size.queries % (a.s.lanes * a.s.own) === 0 ? ["{"] : [`if (line${i} < ${size.queries}u) {`]),
      ...w.store(at, stride, 0, (c) => `y${i}_${c}`),
      w.bindings.store(
        node,
        `${at} * ${stride}u + ${size.width}u`,
        blind ? `select(${normaliser}, ${literal(-Infinity, "f32")}, ${none})` : normaliser,
      ),
      "}",
    );
  });
};

/** Statements that give the probability `p` and the score gradient `ds` of own lines and another. */
const pair = (
  a: Spread,
  other: Other,
  mine: readonly [score: string, cotangent: string],
  theirs: readonly [score: string, cotangent: string],
  lse: (i: number) => string,
  delta: (i: number) => string,
): string[] => {
  const scale = scaleText(a.w.kernel.node.attributes.scale), { tag } = other;
  return [
    ...a.dots("s", mine[0], other, theirs[0]),
    ...a.dots("e", mine[1], other, theirs[1]),
    ...a.own.flatMap((i) => {
      const p = `exp(s${i}${tag} * ${scale} - ${lse(i)})`,
        ds = `p${i}${tag} * (e${i}${tag} - ${delta(i)}) * ${scale}`;
      return other.sees === undefined ? [`let p${i}${tag} = ${p};`, `let d${i}${tag} = ${ds};`] : [
        `let p${i}${tag} = select(0f, ${p}, ${other.sees(i)});`,
        `let d${i}${tag} = select(0f, ${ds}, ${other.sees(i)});`,
      ];
    }),
  ];
};

/** Writes the gradient of queries. */
const gradQuery = (a: Spread): void => {
  const { w } = a, { top, kernel: { size, query, key, value } } = w, back = w.kernel.back!;
  a.load("row", "line_first", size.queries, { q: query, t: back.cotangent }, {
    lse: back.lse,
    delta: back.delta,
    ...a.mine,
  });
  top.lines.push(...a.each((i, c) => `var g${i}_${c} = vec4f();`));
  const { from, common, last, sees, ragged } = horizon(a);
  const one = (j: number | undefined) => {
    const { lines, other } = a.other(j, ["k", "v"], Object.keys(a.theirs), a.seeing(j));
    return [
      ...lines,
      ...a.sight(other, j === undefined ? sees : undefined),
      ...pair(a, other, ["q", "t"], ["k", "v"], (i) => `lse${i}`, (i) => `delta${i}`),
      ...a.add("g", other, "k", (i) => `d${i}${other.tag}`),
    ];
  };
  top.lines.push(...a.walk({
    variable: "key",
    length: size.keys,
    from,
    low: from,
    high: common,
    to: last,
    rows: { k: key, v: value },
    values: a.theirs,
    fast: (js) => js.flatMap(one),
    slow: ragged ? one(undefined) : undefined,
  }));
  a.own.forEach((i) => {
    const at = `((batch * ${size.heads}u + head) * ${size.queries}u + line${i})`;
    top.lines.push(
      ...(size.queries % (a.s.lanes * a.s.own) === 0 ? ["{"] : [`if (line${i} < ${size.queries}u) {`]),
      ...w.store(at, size.width, 0, (c) => `g${i}_${c}`),
      "}",
    );
  });
};

/** Writes the gradients of keys and values. */
const gradKeyValue = (a: Spread): void => {
  const { w, s } = a, { top, kernel: { size, node, query, key, value } } = w, back = w.kernel.back!;
  const causal = node.attributes.causal, behind = size.keys - size.queries;
  const whole = w.kernel.segments === undefined;
  a.load("key", "line_first", size.keys, { k: key, v: value }, a.mine);
  top.lines.push(
    ...a.each((i, c) => `var f${i}_${c} = vec4f();`),
    ...a.each((i, c) => `var g${i}_${c} = vec4f();`),
  );
  // queries from `start` on see some of the tile's keys, from `all` to below `stop` whole blocks see all
  const least = (key: string) => `u32(clamp(i32(${key}) - ${behind}i, 0i, ${size.queries}i))`;
  const furthest = `min(line_first + ${s.own * s.lanes - 1}u, ${size.keys - 1}u)`;
  const end = whole ? `${size.queries}u` : "span_end";
  if (!whole) top.lines.push(...w.span("line_first", furthest, size.queries));
  if (causal || !whole) {
    const from = (key: string): string => causal ? least(key) : "0u";
    const start = whole ? from("line_first") : `min(span_end, max(span_begin, ${from("line_first")}))`;
    const common = whole ? from(furthest) : `max(start, ${from(furthest)})`;
    top.lines.push(
      `let start = ${start};`,
      `let all = min(${end}, start + (${common} - start + ${s.block - 1}u) / ${s.block}u * ${s.block}u);`,
      `let stop = all + (${end} - all) / ${s.block}u * ${s.block}u;`,
    );
  }
  const sees = (i: number) =>
    causal
      ? `first + turn < ${end} && i32(line${i}) <= i32(first + turn) + ${behind}i`
      : `first + turn < ${end}`;
  const one = (j: number | undefined) => {
    const { lines, other } = a.other(
      j,
      ["q", "t"],
      ["lse", "delta", ...Object.keys(a.theirs)],
      a.seeing(j),
    );
    return [
      ...lines,
      ...a.sight(other, j === undefined ? sees : undefined),
      ...pair(a, other, ["k", "v"], ["q", "t"], () => other.scalar("lse"), () => other.scalar("delta")),
      ...a.add("f", other, "q", (i) => `d${i}${other.tag}`),
      ...a.add("g", other, "t", (i) => `p${i}${other.tag}`),
    ];
  };
  const blocks = `${Math.floor(size.queries / s.block) * s.block}u`, share = size.heads / size.groups;
  const [start, all, stop] = causal || !whole ? ["start", "all", "stop"] : ["0u", "0u", blocks];
  top.lines.push(
    `for (var head = kv * ${share}u; head < (kv + 1u) * ${share}u; head++) {`,
    ...a.walk({
      variable: "row",
      length: size.queries,
      from: start!,
      low: all!,
      high: stop!,
      to: end,
      rows: { q: query, t: back.cotangent },
      values: { lse: back.lse, delta: back.delta, ...a.theirs },
      fast: (js) => js.flatMap(one),
      slow: causal || !whole || size.queries % s.block !== 0 ? one(undefined) : undefined,
    }),
    "}",
  );
  a.own.forEach((i) => {
    const at = `((batch * ${size.groups}u + kv) * ${size.keys}u + line${i})`;
    top.lines.push(
      ...(size.keys % (s.lanes * s.own) === 0 ? ["{"] : [`if (line${i} < ${size.keys}u) {`]),
      ...w.store(at, 2 * size.width, 0, (c) => `f${i}_${c}`),
      ...w.store(at, 2 * size.width, size.width, (c) => `g${i}_${c}`),
      "}",
    );
  });
};

/** Writes the body of a kernel whose tile starts at the line `line_first` of `batch` and `head` (or `kv`). */
export const writeTile = (a: Spread): void => {
  if (a.w.kernel.node.op === "attention") forward(a);
  else if (a.w.kernel.node.op === "attentionGradQuery") gradQuery(a);
  else gradKeyValue(a);
};

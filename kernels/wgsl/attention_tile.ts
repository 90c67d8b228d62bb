/**
 * Attention and its gradients over tiles of own lines: others that all lines of a tile see run without masks, `together`
 * at a time; the rest go one by one.
 */
import { scaleText } from "./attention_parts.ts";
import type { Other, Staged } from "./attention_staged.ts";
import { literal } from "./dialect.ts";

/** How far own queries see: `common` keys are seen by all, `last` by some; `sees` says it of one. */
const horizon = ({ w, s, own }: Staged) => {
  const { kernel: { size, node, segments }, top } = w, whole = segments === undefined;
  const furthest = `min(line_first + ${s.own * s.workers - 1}u, ${size.queries - 1}u)`;
  if (!whole) top.lines.push(...w.span("line_first", furthest, size.keys));
  // whole groups from where the walk begins
  const blocks = (end: string): string =>
    `span_begin + (max(span_begin, ${end}) - span_begin) / ${s.together}u * ${s.together}u`;
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
      common: `${Math.floor(size.keys / s.together) * s.together}u`,
      last: `${size.keys}u`,
      sees: () => `first + turn < ${size.keys}u`,
      ragged: size.keys % s.together !== 0,
    };
  }
  const seen = (row: string) =>
    `u32(clamp(i32(${row}) + ${1 + size.keys - size.queries}i, 0i, ${size.keys}i))`;
  own.forEach((i) => top.lines.push(`let seen${i} = ${seen(`line${i}`)};`));
  const within = (end: string): string => whole ? end : `min(span_end, ${end})`;
  top.lines.push(
    whole
      ? `let whole = ${seen("line_first")} / ${s.together}u * ${s.together}u;`
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
const forward = (a: Staged): void => {
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
      return [...lines, ...a.dots("s", "q", other, "k"), ...a.visionInput(other, undefined)];
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
    ...a.visionInput(other, sees),
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
      ...(size.queries % (a.s.workers * a.s.own) === 0 ? ["{"] : [`if (line${i} < ${size.queries}u) {`]),
      ...w.store(0, at, (c) => `y${i}_${c}`),
      w.bindings.store(
        w.result(1),
        at,
        blind ? `select(${normaliser}, ${literal(-Infinity, "f32")}, ${none})` : normaliser,
      ),
      "}",
    );
  });
};

/** Statements that give the probability `p` and the score gradient `ds` of own lines and another. */
const pair = (
  a: Staged,
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

/** Statements of a workgroup that add the score gradients of a block, times own keys, to the cotangent of its queries. */
const addQueries = ({ w, s }: Staged, end: string): readonly string[] => {
  const { queries, width } = w.kernel.size, lines = s.own * s.workers, { chunks } = w;
  const at = `${w.queryGradient("head")} + row * ${width}u + c * 4u`;
  return [
    `for (var e = lane.x; e < ${s.block * chunks}u; e += ${s.workers}u) {`,
    `let turn = e / ${chunks}u;`,
    `let c = e % ${chunks}u;`,
    "let row = first + turn;",
    `if (row < min(${end}, ${queries}u)) {`,
    "var sum = vec4f();",
    `for (var line = 0u; line < ${lines}u; line++) {`,
    `let ds = ds_block[turn * ${lines}u + line];`,
    // pairs that do not see each other have none, whatever the key is
    `if (ds != 0f) { sum = fma(own_keys[line * ${chunks}u + c], vec4f(ds), sum); }`,
    "}",
    `let at = ${at};`,
    ...[0, 1, 2, 3].map((i) => {
      const place = `at + ${i}u`, x = w.result(0);
      const add = w.bindings.store(x, place, `${w.bindings.load(x, place)} + sum.${"xyzw"[i]}`);
      return width % 4 === 0 ? add : `if (c * 4u + ${i}u < ${width}u) { ${add} }`;
    }),
    "}",
    "}",
  ];
};

/** Writes the gradient of a tile of keys: of these, of their values, and their share of that of queries. */
const gradient = (a: Staged): void => {
  const { w, s } = a, { top, kernel: { size, node, query, key, value } } = w, back = w.kernel.back!;
  const tile = s.own * s.workers;
  a.globals.push(
    `var<workgroup> own_keys: array<vec4f, ${tile * w.chunks}>;`,
    `var<workgroup> ds_block: array<f32, ${s.block * tile}>;`,
  );
  const causal = node.attributes.causal, behind = size.keys - size.queries;
  const whole = w.kernel.segments === undefined;
  a.load("key", "line_first", size.keys, { k: key, v: value }, a.mine);
  top.lines.push(
    ...a.each((i, c) => `var f${i}_${c} = vec4f();`),
    ...a.each((i, c) => `var g${i}_${c} = vec4f();`),
    ...a.each((i, c) => `own_keys[(${i * s.workers}u + lane.x) * ${w.chunks}u + ${c}u] = k${i}_${c};`),
  );
  // queries from `start` on see some of the tile's keys, from `all` to below `stop` whole groups see all
  const least = (key: string) => `u32(clamp(i32(${key}) - ${behind}i, 0i, ${size.queries}i))`;
  const furthest = `min(line_first + ${s.own * s.workers - 1}u, ${size.keys - 1}u)`;
  const end = whole ? `${size.queries}u` : "span_end";
  if (!whole) top.lines.push(...w.span("line_first", furthest, size.queries));
  if (causal || !whole) {
    const from = (key: string): string => causal ? least(key) : "0u";
    const start = whole ? from("line_first") : `min(span_end, max(span_begin, ${from("line_first")}))`;
    const common = whole ? from(furthest) : `max(start, ${from(furthest)})`;
    top.lines.push(
      `let start = ${start};`,
      `let all = min(${end}, start + (${common} - start + ${
        s.together - 1
      }u) / ${s.together}u * ${s.together}u);`,
      `let stop = all + (${end} - all) / ${s.together}u * ${s.together}u;`,
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
      ...a.visionInput(other, j === undefined ? sees : undefined),
      ...pair(a, other, ["k", "v"], ["q", "t"], () => other.scalar("lse"), () => other.scalar("delta")),
      ...a.add("f", other, "q", (i) => `d${i}${other.tag}`),
      ...a.add("g", other, "t", (i) => `p${i}${other.tag}`),
      ...a.own.map((i) => {
        const ds = `d${i}${other.tag}`,
          there = size.keys % tile === 0 ? ds : `select(0f, ${ds}, line${i} < ${size.keys}u)`;
        return `ds_block[(turn + ${j ?? 0}u) * ${tile}u + ${i * s.workers}u + lane.x] = ${there};`;
      }),
    ];
  };
  const blocks = `${Math.floor(size.queries / s.together) * s.together}u`, share = size.heads / size.groups;
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
      slow: causal || !whole || size.queries % s.together !== 0 ? one(undefined) : undefined,
      around: {
        before: [
          `for (var turn = 0u; turn < ${s.block}u; turn++) {`,
          ...a.own.map((i) => `ds_block[turn * ${tile}u + ${i * s.workers}u + lane.x] = 0f;`),
          "}",
        ],
        after: addQueries(a, end),
      },
    }),
    "storageBarrier();",
    "}",
  );
  a.own.forEach((i) => {
    const at = `((batch * ${size.groups}u + kv) * ${size.keys}u + line${i})`;
    top.lines.push(
      ...(size.keys % (s.workers * s.own) === 0 ? ["{"] : [`if (line${i} < ${size.keys}u) {`]),
      ...w.store(1, at, (c) => `f${i}_${c}`),
      ...w.store(2, at, (c) => `g${i}_${c}`),
      "}",
    );
  });
};

/** Writes the body of a kernel: of a tile of queries from `line_first` on, or of all tiles of keys of a part. */
export const writeTile = (a: Staged): void => {
  const { w, s } = a;
  if (w.kernel.node.op === "attention") return forward(a);
  const before = w.top.lines.splice(0);
  gradient(a);
  const tile = w.top.lines.splice(0);
  w.top.lines.push(...before, ...w.eachTile(s.own * s.workers, s.workers, tile));
};

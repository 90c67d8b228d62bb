/**
 * Configuration of attention kernels for matrix units. Subgroups own queries (or keys, for their gradients), whose rows
 * they keep as matrices; a workgroup copies blocks of the others into its memory as f16. Scores leave the units through
 * workgroup memory; a lane reads those of a row, or of a part of it, and makes f16 weights of them, which go back to
 * the units. All copies are of 16 bytes, all sums f32.
 */
import type { AttentionOp } from "@chain-of-sight/core";
import type { LoadValue } from "../graph/kernel.ts";
import { divisible, separate } from "../ir/index_expr.ts";
import type { Value } from "../ir/value.ts";
import { heldBy, type MatrixAttentionLayout, matrixAttentionLayout } from "../schedule/attention_matrices.ts";
import type { MatrixAttention } from "../schedule/schedule.ts";
import { type AttentionWriter, range, scaleText, seenText } from "./attention_parts.ts";
import { EIGHT, eightHalves, widest } from "./halves.ts";
import { when } from "./module.ts";
import type { Scope } from "./scope.ts";

/** A result that a subgroup sums: the weights that multiply rows of an other operand. */
export interface Sum {
  /** How its matrices are called. */
  readonly name: string;
  /** Which weights. */
  readonly weights: number;
  /** Which other operand. */
  readonly other: number;
  /** What a row is multiplied by in the end. */
  readonly factor: (line: string) => string;
}

/** Indices of the matrices of a tile. */
export type Counts = Readonly<Record<"down" | "across" | "steps" | "columns" | "depth", readonly number[]>>;

/** Who owns what: operands, names of their positions, and how many of each there are. */
export interface Sides {
  /** Operands whose rows are owned. */
  readonly own: readonly LoadValue[];
  /** Operands that the workgroup walks over. */
  readonly others: readonly LoadValue[];
  /** Name of the position of an own row. */
  readonly mine: "row" | "key";
  /** Name of the position of an other row. */
  readonly theirs: "row" | "key";
  /** Number of own rows. */
  readonly lines: number;
  /** Number of other rows. */
  readonly length: number;
}

/** Text of one kernel through matrix units. */
export class MatrixTile {
  /** Shared parts of all attention kernels. */
  readonly w: AttentionWriter;
  /** The tile. */
  readonly s: MatrixAttention;
  /** How it is in workgroup memory. */
  readonly at: MatrixAttentionLayout;
  /** Lanes that share a row. */
  readonly parts: number;
  /** Workers of a workgroup. */
  readonly workers: number;
  /** Whether keys are owned, not queries. */
  readonly perKey: boolean;

  /** The text of a kernel with a tile. */
  constructor(w: AttentionWriter, s: MatrixAttention) {
    const { node: { op }, size: { width } } = w.kernel;
    this.w = w;
    this.s = s;
    this.at = matrixAttentionLayout(s, op, width);
    this.parts = s.lanes / s.each;
    this.workers = s.rows / s.each * s.lanes;
    this.perKey = op === "attentionGrad";
  }

  /** Declarations of workgroup memory. */
  get globals(): string[] {
    const { rows, each, block } = this.s, { staged, weights, scores } = this.at, subgroups = rows / each;
    const { op } = this.w.kernel.node;
    return [
      `var<workgroup> staged: array<vec4<u32>, ${staged / EIGHT}>;`,
      `var<workgroup> weights: array<vec4<u32>, ${subgroups * weights / EIGHT}>;`,
      `var<workgroup> scores: array<vec4f, ${subgroups * scores / 4}>;`,
      ...(op === "attention"
        ? [
          `var<workgroup> shares: array<f32, ${rows}>;`,
          `var<workgroup> grown: array<u32, ${subgroups}>;`,
        ]
        : []),
      ...(this.perKey
        ? [
          `var<workgroup> numbers: array<vec4f, ${block / 2}>;`,
          `var<workgroup> kept: array<vec4<u32>, ${rows * this.at.stride / EIGHT}>;`,
        ]
        : []),
      ...(this.ids === undefined ? [] : [`var<workgroup> ids: array<vec4<i32>, ${block / 4}>;`]),
    ];
  }

  /** Number of matrices of the own rows, of scores of a block, and of channels as columns and as steps. */
  get counts(): Counts {
    const { each, block, unit } = this.s, { channels } = this.at;
    return {
      down: range(each / unit.M),
      across: range(block / unit.N),
      steps: range(block / unit.K),
      columns: range(channels / unit.N),
      depth: range(channels / unit.K),
    };
  }

  /** Segments of own rows and of the others; undefined where rows are whole. */
  get ids(): { readonly mine: Value; readonly theirs: Value } | undefined {
    const { segments } = this.w.kernel;
    if (segments === undefined) return undefined;
    return this.perKey
      ? { mine: segments.key, theirs: segments.row }
      : { mine: segments.row, theirs: segments.key };
  }

  /** Own operands, other operands, names of their positions, and how many of each there are. */
  get sides(): Sides {
    const { query, key, value, back, size: { queries, keys } } = this.w.kernel;
    const byQuery = back === undefined ? [query] : [query, back.cotangent], byKey = [key, value];
    return this.perKey
      ? { own: byKey, others: byQuery, mine: "key", theirs: "row", lines: keys, length: queries }
      : { own: byQuery, others: byKey, mine: "row", theirs: "key", lines: queries, length: keys };
  }

  /** What is summed. */
  get sums(): readonly Sum[] {
    const { op, attributes } = this.w.kernel.node, scale = () => ` * ${scaleText(attributes.scale)}`;
    const share = (line: string) => ` * shares[subgroup * ${this.s.each}u + ${line}]`;
    const sums: { readonly [P in AttentionOp]: readonly Sum[] } = {
      attention: [{ name: "y", weights: 0, other: 1, factor: share }],
      attentionGrad: [
        { name: "dk", weights: 0, other: 0, factor: scale },
        { name: "dv", weights: 1, other: 1, factor: () => "" },
      ],
    };
    return sums[op];
  }

  /** Copies some channels of `count` lines of an operand, 0 where there are none. */
  stage(
    load: LoadValue,
    { variable, from, count, length, exact }: {
      readonly variable: string;
      readonly from: string;
      readonly count: number;
      readonly length: number;
      readonly exact: boolean;
    },
    { first, channels, to, stride, into = "staged" }: {
      readonly into?: "staged" | "kept";
      readonly first: number;
      readonly channels: number;
      readonly to: number;
      readonly stride: number;
    },
    parent: Scope,
  ): string[] {
    const { width } = this.w.kernel.size, { rest, by } = separate(load.at, "d")!;
    const scope = parent.inner([variable]), start = scope.index(rest), eights = channels / EIGHT;
    return [
      `for (var turn = lane.x; turn < ${count * eights}u; turn += ${this.workers}u) {`,
      `let line = turn / ${eights}u;`,
      `let eight = turn % ${eights}u;`,
      `let place = ${from} + line;`,
      `let channel = eight * ${EIGHT}u${first === 0 ? "" : ` + ${first}u`};`,
      `let ${variable} = ${exact ? "place" : `min(place, ${length - 1}u)`};`,
      ...scope.lines,
      `let start = ${start};`,
      ...eightHalves("v", {
        load,
        bindings: this.w.bindings,
        position: (at) => by === 1 ? `start + ${at}` : `start + ${at} * ${by}u`,
        first: "channel",
        length: width,
        ragged: first + channels > width,
        wide: widest((lanes) => by === 1 && width % lanes === 0 && divisible(rest, lanes)),
        when: exact ? undefined : `place < ${length}u`,
      }),
      `${into}[line * ${stride / EIGHT}u + eight${to === 0 ? "" : ` + ${to / EIGHT}u`}] = v;`,
      "}",
    ];
  }

  /** Copies own keys to where they stay. */
  keepKeys(): string[] {
    const { rows } = this.s, { channels, stride } = this.at, { own, mine, lines } = this.sides;
    return this.stage(
      own[0]!,
      { variable: mine, from: "line_first", count: rows, length: lines, exact: lines % rows === 0 },
      { first: 0, channels, to: 0, stride, into: "kept" },
      this.w.top,
    );
  }

  /** Reads own rows into matrices `own{operand}_{rows}_{channels}`, as many channels at once as there is room for. */
  own(): string[] {
    const { rows, each, unit } = this.s, { chunk, channels } = this.at, { down } = this.counts;
    const { own, mine, lines } = this.sides, stride = chunk + (this.at.stride - channels);
    const type = `subgroup_matrix_left<f16, ${unit.K}, ${unit.M}>`;
    return own.flatMap((load, o) =>
      range(channels / chunk).flatMap((part) => [
        ...this.stage(
          load,
          { variable: mine, from: "line_first", count: rows, length: lines, exact: lines % rows === 0 },
          { first: part * chunk, channels: chunk, to: 0, stride },
          this.w.top,
        ),
        "workgroupBarrier();",
        ...down.flatMap((i) =>
          range(chunk / unit.K).map((t) => {
            const at = `(subgroup * ${each}u + ${i * unit.M}u) * ${stride / EIGHT}u + ${t * unit.K / EIGHT}u`;
            const name = `own${o}_${i}_${part * chunk / unit.K + t}`;
            return `let ${name} = subgroupMatrixLoad<${type}, row_major>(&staged, ${at}, ${
              stride / EIGHT
            }u);`;
          })
        ),
        "workgroupBarrier();",
      ])
    );
  }

  /** Copies a block of the others from `first` on. */
  others(parent: Scope): string[] {
    const { block } = this.s, { channels, stride } = this.at, { others, theirs, length } = this.sides;
    const lines = { variable: theirs, from: "first", count: block, length, exact: length % block === 0 };
    return [
      ...others.flatMap((load, o) =>
        this.stage(load, lines, { first: 0, channels, to: o * block * stride, stride }, parent)
      ),
      ...this.copyIds(),
    ];
  }

  /** Copies the segments of a block of the others, four for a lane. */
  copyIds(): string[] {
    const { ids, w, s: { block }, sides: { theirs, length } } = this;
    if (ids === undefined) return [];
    const place = (u: number): string => `min(first + at * 4u + ${u}u, ${length - 1}u)`;
    return [
      `for (var at = lane.x; at < ${block / 4}u; at += ${this.workers}u) {`,
      ...range(4).flatMap((u) => w.number(`id${u}`, ids.theirs, theirs, place(u))),
      "ids[at] = vec4<i32>(id0, id1, id2, id3);",
      "}",
    ];
  }

  /** Statements that name the segment of a lane's own row, and between which others the workgroup walks. */
  span(): string[] {
    const { ids, w, s: { rows, each, block }, sides: { mine, lines, length } } = this;
    if (ids === undefined) return [];
    const own = `line_first + subgroup * ${each}u + own_line`, last = `${lines - 1}u`;
    return [
      ...w.number("mine", ids.mine, mine, `min(${own}, ${last})`),
      ...w.span("line_first", `min(line_first + ${rows - 1}u, ${last})`, length),
      `let span_block = span_begin - span_begin % ${block}u;`,
    ];
  }

  /** Products of own rows and rows of the others, into workgroup memory. */
  scores(): string[] {
    const { each, block, unit } = this.s, { stride, scoreStride } = this.at;
    const { down, across, depth } = this.counts, right = `subgroup_matrix_right<f16, ${unit.N}, ${unit.K}>`;
    const lines = stride / EIGHT;
    return range(heldBy[this.w.kernel.node.op].scores).flatMap((o) =>
      across.flatMap((j) => [
        "{",
        ...down.map((i) => `var c${i} = subgroup_matrix_result<f32, ${unit.N}, ${unit.M}>();`),
        ...depth.flatMap((t) => {
          const at = (o * block + j * unit.N) * lines + t * unit.K / EIGHT;
          return [
            `let b${t} = subgroupMatrixLoad<${right}, col_major>(&staged, ${at}u, ${lines}u);`,
            ...down.map((i) => `c${i} = subgroupMatrixMultiplyAccumulate(own${o}_${i}_${t}, b${t}, c${i});`),
          ];
        }),
        ...down.map((i) => {
          const at = (o * each + i * unit.M) * scoreStride + j * unit.N;
          return `subgroupMatrixStore<row_major>(&scores, score_base + ${at / 4}u, c${i}, ${
            scoreStride / 4
          }u);`;
        }),
        "}",
      ])
    );
  }

  /** Adds weights times rows of the others to the sums. */
  add(): string[] {
    const { each, block, unit } = this.s, { stride, weightStride } = this.at;
    const { down, steps, columns } = this.counts, lines = stride / EIGHT;
    const left = `subgroup_matrix_left<f16, ${unit.K}, ${unit.M}>`,
      right = `subgroup_matrix_right<f16, ${unit.N}, ${unit.K}>`;
    return this.sums.flatMap(({ name, weights, other }) =>
      steps.flatMap((t) => [
        "{",
        ...down.map((i) => {
          const at = ((weights * each + i * unit.M) * weightStride + t * unit.K) / EIGHT;
          return `let a${i} = subgroupMatrixLoad<${left}, row_major>(&weights, weight_base + ${at}u, ${
            weightStride / EIGHT
          }u);`;
        }),
        ...columns.flatMap((j) => {
          const at = (other * block + t * unit.K) * lines + j * unit.N / EIGHT;
          return [
            `let b${j} = subgroupMatrixLoad<${right}, row_major>(&staged, ${at}u, ${lines}u);`,
            ...down.map((i) =>
              `${name}${i}_${j} = subgroupMatrixMultiplyAccumulate(a${i}, b${j}, ${name}${i}_${j});`
            ),
          ];
        }),
        "}",
      ])
    );
  }

  /** Where the matrices of one band of a result are among scores: their names, and places as text. */
  banded(name: string, part: number): readonly (readonly [matrix: string, at: string])[] {
    const { unit } = this.s, { band, bandStride } = this.at;
    return this.counts.down.flatMap((i) =>
      range(band / unit.N).map((j) =>
        [
          `${name}${i}_${part * band / unit.N + j}`,
          `score_base + ${(i * unit.M * bandStride + j * unit.N) / 4}u`,
        ] as const
      )
    );
  }

  /** Stores results times their factors: through the memory of scores, so that neighbours store side by side. */
  finish(): string[] {
    const { each, lanes, rows } = this.s, { band, bandStride } = this.at;
    const { kernel: { size }, bindings } = this.w, { mine, lines } = this.sides;
    const { width, heads, groups } = size, bands = range(Math.ceil(width / band));
    const pair = this.perKey ? `batch * ${groups}u + kv` : `batch * ${heads}u + head`;
    return this.sums.flatMap(({ name, factor }, n) =>
      bands.flatMap((part) => {
        const guards = [
          ...(lines % rows === 0 ? [] : [`${mine} < ${lines}u`]),
          ...((part + 1) * band <= width ? [] : [`channel < ${width}u`]),
        ];
        const at = `((${pair}) * ${lines}u + ${mine}) * ${width}u + channel`;
        const value = `scores[score_base + line * ${bandStride / 4}u + column / 4u][column % 4u]`;
        return [
          ...this.banded(name, part).map(([matrix, to]) =>
            `subgroupMatrixStore<row_major>(&scores, ${to}, ${matrix}, ${bandStride / 4}u);`
          ),
          "workgroupBarrier();",
          `for (var e = subgroup_lane; e < ${each * band}u; e += ${lanes}u) {`,
          `let line = e / ${band}u;`,
          `let column = e % ${band}u;`,
          `let channel = column${part === 0 ? "" : ` + ${part * band}u`};`,
          `let ${mine} = line_first + subgroup * ${each}u + line;`,
          ...when(guards, [
            bindings.store(this.w.result(this.perKey ? n + 1 : n), at, `${value}${factor("line")}`),
          ]),
          "}",
          ...(n + 1 < this.sums.length || part + 1 < bands.length ? ["workgroupBarrier();"] : []),
        ];
      })
    );
  }

  /** Number of columns of a lane in a row of so many that it shares with others. */
  share(columns = this.s.block): number {
    return columns / this.parts;
  }

  /** Text of the `i`-th column of a lane. */
  column(i: number): string {
    return this.parts === 1 ? `${i}u` : `part * ${this.share()}u + ${i}u`;
  }

  /** Statements that read a lane's scores, four at once. */
  read(o = 0): string[] {
    const from = o * this.s.each * this.at.scoreStride / 4;
    return range(this.share() / 4).map((q) => `let raw${o}_${q} = scores[score_at + ${from + q}u];`);
  }

  /** The score of a lane in its `i`-th column, as read. */
  score(i: number, o = 0): string {
    return `raw${o}_${i >> 2}.${"xyzw"[i & 3]}`;
  }

  /** Statements that write a lane's weights as f16, eight at once. */
  weigh(value: (i: number) => string, which = 0): string[] {
    const from = which * this.s.each * this.at.weightStride / EIGHT;
    const quad = (i: number): string =>
      `bitcast<vec2<u32>>(vec4<f16>(${range(4).map((u) => `f16(${value(i + u)})`).join(", ")}))`;
    return range(this.share() / EIGHT).map((g) =>
      `weights[weight_at + ${from + g}u] = vec4<u32>(${quad(EIGHT * g)}, ${quad(EIGHT * g + 4)});`
    );
  }

  /** Statements that change a lane's numbers `name` where its row and their column do not see each other. */
  mask(name: string, unseen: string): string[] {
    const { node, size: { queries } } = this.w.kernel, { length } = this.sides, { block } = this.s;
    const { causal } = node.attributes, ragged = length % block !== 0, end = `first + ${block}u`;
    if (this.ids !== undefined) return this.maskIds(name, unseen);
    if (!causal && !ragged) return [];
    // the same for all of a workgroup: most blocks are seen by all of its rows
    const some = this.perKey
      ? [...(causal ? ["first < high_row"] : []), ...(ragged ? [`${end} > ${queries}u`] : [])].join(" || ")
      : `${end} > low`;
    const sees = (at: string): string =>
      this.perKey
        ? [...(causal ? [`${at} >= lowest`] : []), ...(ragged ? [`${at} < ${queries}u`] : [])].join(" && ")
        : `${at} < seen`;
    return [
      `if (${some}) {`,
      ...range(this.share()).map((i) =>
        `${name}${i} = select(${unseen}, ${name}${i}, ${sees(`first + ${this.column(i)}`)});`
      ),
      "}",
    ];
  }

  /** The same where there are segments, some of which end in most blocks. */
  maskIds(name: string, unseen: string): string[] {
    const { perKey, w: { kernel: { node, size: { queries } } } } = this, { causal } = node.attributes;
    const from = this.parts === 1 ? "" : `part * ${this.share() / 4}u + `;
    const past = (at: string): string =>
      perKey ? `${at} < ${queries}u${causal ? ` && ${at} >= lowest` : ""}` : `${at} < seen`;
    return [
      ...range(this.share() / 4).map((q) => `let ${name}_id${q} = ids[${from}${q}u];`),
      ...range(this.share()).map((i) => {
        const same = `${name}_id${i >> 2}.${"xyzw"[i & 3]} == mine`;
        return `${name}${i} = select(${unseen}, ${name}${i}, ${same} && ${
          past(`first + ${this.column(i)}`)
        });`;
      }),
    ];
  }

  /** The product of all lanes that share a row, of a number of each. */
  joined(name: string, by: (a: string, b: string) => string): string[] {
    return range(Math.log2(this.parts)).flatMap((i) => [
      `let ${name}_over${i} = subgroupShuffleXor(${name}, ${this.s.each << i}u);`,
      `${name} = ${by(name, `${name}_over${i}`)};`,
    ]);
  }

  /** Where a lane and its subgroup find their own. */
  places(): string[] {
    const { each, lanes } = this.s, { scores, weights, scoreStride, weightStride } = this.at;
    const shared = this.parts > 1, part = (columns: number): string => shared ? ` + part * ${columns}u` : "";
    return [
      `let subgroup = lane.x / ${lanes}u;`,
      shared ? `let own_line = subgroup_lane % ${each}u;` : "let own_line = subgroup_lane;",
      ...(shared ? [`let part = subgroup_lane / ${each}u;`] : []),
      `let score_base = subgroup * ${scores / 4}u;`,
      `let weight_base = subgroup * ${weights / EIGHT}u;`,
      `let score_at = score_base + own_line * ${scoreStride / 4}u${part(this.share() / 4)};`,
      `let weight_at = weight_base + own_line * ${weightStride / EIGHT}u${part(this.share() / EIGHT)};`,
      `let ${this.sides.mine} = line_first + subgroup * ${each}u + own_line;`,
    ];
  }

  /** Variables of the sums. */
  zeros(): string[] {
    const { unit } = this.s, { down, columns } = this.counts;
    return this.sums.flatMap(({ name }) =>
      down.flatMap((i) =>
        columns.map((j) => `var ${name}${i}_${j} = subgroup_matrix_result<f32, ${unit.N}, ${unit.M}>();`)
      )
    );
  }

  /** The end of the keys that all own queries see, and of those that any sees. */
  end(): string[] {
    const { size: { queries, keys }, node, segments } = this.w.kernel, { rows, block } = this.s;
    const last = `let last_row = min(line_first + ${rows - 1}u, ${queries - 1}u);`;
    if (segments !== undefined) {
      return node.attributes.causal
        ? [last, `let end = min(span_end, ${seenText(this.w.kernel, "last_row")});`]
        : ["let end = span_end;"];
    }
    if (!node.attributes.causal) {
      return [...(keys % block === 0 ? [] : [`let low = ${keys}u;`]), `let end = ${keys}u;`];
    }
    return [
      `let low = ${seenText(this.w.kernel, "line_first")};`,
      last,
      `let end = ${seenText(this.w.kernel, "last_row")};`,
    ];
  }
}

/**
 * Renders the gradients of attention. Probabilities come again from the scores and the logarithms of their normalisers.
 * A unit owns what it adds up: the tile of queries, the tile of keys, or, where both gradients are computed together,
 * one head of keys with all that look at it.
 */
import type { AttentionOp, Tensor } from "@chain-of-sight/core";
import { type AttentionKernel, kernelLabel } from "../graph/kernel.ts";
import type { Lines } from "./attention_lines.ts";
import { Attention, splat } from "./attention_parts.ts";
import type { Phase } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { laneLoop } from "./loops.ts";
import { add, get, i32, repeat, set, times } from "./text.ts";

/** Where sums are kept, and statements that bring them to the result where that is elsewhere. */
interface Sums extends Lines {
  readonly put: readonly string[];
}

/** Renders one gradient, or both. */
export const renderAttentionGradient = (kernel: AttentionKernel, dialect: Dialect): Phase => {
  const results = kernel.outputs.map((o) => o.tensor as Tensor<AttentionOp>);
  const ofQuery = results.find((t) => t.op === "attentionGradQuery");
  const ofKey = results.find((t) => t.op === "attentionGradKeyValue");
  const a = new Attention(kernel, dialect), { func, unit, tiles, room } = a, { locals } = func;
  const { size, node: { attributes: { scale } } } = kernel, { queryTiles, keyTiles } = tiles;
  const panels = room.take(a.turnedBytes), panelsBack = room.take(a.turnedBytes);
  const p = room.take(tiles.keys * a.scoreLine), ds = room.take(tiles.keys * a.scoreLine);
  const gap = 4 * tiles.queries, state = room.take(2 * gap), share = size.heads / size.groups;
  const byKey = ofKey !== undefined && ofQuery === undefined;
  a.locals(["heads", "tile", "queryat", "keyat"]);

  const near = { queries: tiles.keys >= 12, keys: tiles.queries >= 12 };
  const q = a.queryLines("q", kernel.query, near.queries);
  const ct = a.queryLines("ct", kernel.back!.cotangent, near.queries);
  const k = a.keyLines("k", kernel.key, near.keys);
  const v = a.keyLines("v", kernel.value, false);

  // rows of whole groups of four channels are summed up where they belong
  const { width } = size, whole = width % 4 === 0, row = 4 * width;
  const sums = (at: string, line: number, rows: number, count: string): Sums => {
    if (whole) return { at, line, put: [] };
    const own = a.own(room.take(rows * a.channelLine)), from = { at: own, line: a.channelLine };
    const call = `(call $putrows ${own} ${i32(a.channelLine)} ${count} ${i32(width)} ${at} ${i32(line)} ${
      splat(1)
    })`;
    return { ...from, put: [call] };
  };
  const kept = ofKey === undefined ? 0 : byKey ? tiles.keys : size.keys,
    count = byKey ? get("have") : i32(size.keys);
  const dq = sums(get("queryat"), row, tiles.queries, get("rows"));
  const dk = sums(get("keyat"), 2 * row, kept, count),
    dv = sums(add(get("keyat"), i32(row)), 2 * row, kept, count);
  const here = ({ at, line }: Lines): Lines => ({ at: byKey ? at : add(at, times(get("key0"), line)), line });

  const startQueries = [
    ...(ofQuery === undefined ? [] : [set(
      "queryat",
      `(i32.add ${func.buffer(ofQuery)} (i32.mul (i32.add (i32.mul (i32.add (i32.mul ${get("batch")} ${
        i32(size.heads)
      }) ${get("head")}) ${i32(size.queries)}) ${get("row0")}) ${i32(row)}))`,
    )]),
    ...q.text,
    ...ct.text,
    ...a.turned(q.lines, panels, scale),
    ...a.turned(ct.lines, panelsBack, 1),
    ...states(a, state, gap),
    ...(ofQuery !== undefined && (a.ids !== undefined || a.causal && a.behind < 0)
      ? a.clear(dq, get("rows"))
      : []),
  ];
  // keys that are met once, or all of them by the first queries, need no zeros to start from
  const once = queryTiles * share === 1, zeros = a.ids !== undefined || a.causal && !once;
  const moreKeys = zeros
    ? i32(1)
    : once
    ? i32(0)
    : `(i32.or ${get("tile")} (i32.sub ${get("head")} (i32.mul ${get("kv")} ${i32(share)})))`;
  const pairs = [
    ...k.text,
    ...v.text,
    ...a.strangeIn([
      ...(ofQuery === undefined ? [] : [[k.lines, get("keys")]] as const),
      ...(ofKey === undefined ? [] : [[q.lines, get("rows")], [ct.lines, get("rows")]] as const),
    ]),
    ...a.scores(k.lines, panels, p),
    ...a.scores(v.lines, panelsBack, ds),
    ...a.eachQuad("pairquad", [p, ds], state, gap, [splat(scale)]),
    ...(ofQuery === undefined ? [] : a.perQuery(ds, k.lines, dq, keyTiles === 1 ? i32(0) : a.later)),
    ...(ofKey === undefined
      ? []
      : [...a.perKey(p, ct.lines, here(dv), moreKeys), ...a.perKey(ds, q.lines, here(dk), moreKeys)]),
  ];
  const startKeys = ofKey === undefined ? [] : [
    set(
      "keyat",
      `(i32.add ${func.buffer(ofKey)} (i32.mul ${
        add(
          `(i32.mul (i32.add (i32.mul ${get("batch")} ${i32(size.groups)}) ${get("kv")}) ${i32(size.keys)})`,
          byKey ? get("key0") : i32(0),
        )
      } ${i32(2 * row)}))`,
    ),
    ...(zeros ? [...a.clear(dk, count), ...a.clear(dv, count)] : []),
  ];
  const eachHead = (body: readonly string[]): string[] => [
    set("head", `(i32.mul ${get("kv")} ${i32(share)})`),
    set("heads", add(get("head"), i32(share))),
    ...repeat(locals.unique("l"), `(i32.lt_s ${get("head")} ${get("heads")})`, [
      set("tile", i32(0)),
      ...repeat(locals.unique("l"), `(i32.lt_s ${get("tile")} ${i32(queryTiles)})`, [
        ...a.queryTile(get("tile")),
        ...body,
        set("tile", add(get("tile"), i32(1))),
      ], true),
      set("head", add(get("head"), i32(1))),
    ], true),
  ];
  const unitOf = (name: string, heads: number, each: number): string[] => [
    set("batch", `(i32.div_u ${get("unit")} ${i32(heads * each)})`),
    set(
      name,
      `(i32.rem_u ${each === 1 ? get("unit") : `(i32.div_u ${get("unit")} ${i32(each)})`} ${i32(heads)})`,
    ),
  ];
  if (ofKey === undefined) {
    unit.lines.push(
      ...unitOf("head", size.heads, queryTiles),
      set("kv", `(i32.div_u ${get("head")} ${i32(share)})`),
      ...a.keySegments(),
      ...a.queryTile(`(i32.rem_u ${get("unit")} ${i32(queryTiles)})`),
      ...startQueries,
      ...a.eachKeyTile(pairs),
      ...dq.put,
    );
  } else if (!byKey) {
    unit.lines.push(
      ...unitOf("kv", size.groups, 1),
      ...a.keySegments(),
      ...startKeys,
      ...eachHead([...startQueries, ...a.eachKeyTile(pairs), ...dq.put]),
      ...dk.put,
      ...dv.put,
    );
  } else {
    unit.lines.push(
      ...unitOf("kv", size.groups, keyTiles),
      ...a.keySegments(),
      set("key0", times(`(i32.rem_u ${get("unit")} ${i32(keyTiles)})`, tiles.keys)),
      set("have", `(i32.sub ${i32(size.keys)} ${get("key0")})`),
      set("have", `(select ${get("have")} ${i32(tiles.keys)} (i32.lt_s ${get("have")} ${i32(tiles.keys)}))`),
      ...startKeys,
      ...eachHead([
        ...a.keyTile(),
        `(if ${a.meets} (then`,
        ...startQueries,
        ...pairs,
        "))",
      ]),
      ...dk.put,
      ...dv.put,
    );
  }
  const units = size.batch *
    (ofKey === undefined ? size.heads * queryTiles : size.groups * (byKey ? keyTiles : 1));
  const work = size.batch * size.heads * size.queries * size.keys * (width + 16);
  return {
    label: kernelLabel(kernel),
    text: func.text(a.top.lines, unit.lines),
    tensors: func.tensors(),
    writes: results,
    shared: 0,
    scratch: room.bytes,
    units,
    chunk: Math.max(1, Math.round(40000 / (400 + work / units))),
  };
};

/** Statements that put the logarithms of the normalisers and the deltas of the tile's queries side by side. */
const states = (a: Attention, state: number, gap: number): string[] => {
  const { back, size, segments } = a.kernel,
    { locals } = a.func,
    outer = a.unit.loop(["batch", "head", "kv", "row0"]);
  const range = {
    name: "row",
    from: get("row0"),
    to: add(get("row0"), get("rows")),
    length: size.queries,
    copies: 1,
  };
  laneLoop(outer, locals, range, (scope) => {
    const lse = scope.value(back!.lse), delta = scope.value(back!.delta), to = locals.fresh("i", "i32");
    // padding has a normaliser of log 0, which is kept out of the exponent
    const seen = segments === undefined
      ? lse
      : `(v128.and ${lse} (i32x4.ge_s ${scope.value(segments.row)} (i32x4.splat ${i32(0)})))`;
    scope.lines.push(
      set(to, add(a.own(state), times(`(i32.sub ${get("row")} ${get("row0")})`, 4))),
      `(v128.store ${get(to)} ${seen})`,
      `(v128.store offset=${gap} ${get(to)} ${delta})`,
    );
  });
  return outer.lines;
};

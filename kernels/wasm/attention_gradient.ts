/**
 * Renders the gradient of attention. Probabilities are recomputed once from the scores and the logarithms of their
 * normalisers. A unit owns one part of the keys of a head, with all queries that see them.
 */
import type { OpAttributes, Tensor } from "@chain-of-sight/core";
import { type AttentionKernel, kernelLabel } from "../graph/kernel.ts";
import type { Lines } from "./attention_lines.ts";
import { Attention, splat } from "./attention_parts.ts";
import type { Phase } from "./function.ts";
import type { Dialect } from "./inline.ts";
import { laneLoop } from "./loops.ts";
import { add, get, i32, least, repeat, set, times } from "./text.ts";

/** Where sums are kept, and statements that bring them to the result where that is elsewhere. */
interface Sums extends Lines {
  readonly put: readonly string[];
}

/** Renders the gradient. */
export const renderAttentionGradient = (kernel: AttentionKernel, dialect: Dialect): Phase => {
  const [ofQuery, ofKey, ofValue] = kernel.outputs.map((o) => o.tensor) as [Tensor, Tensor, Tensor];
  const a = new Attention(kernel, dialect), { func, unit, tiles, room } = a, { locals } = func;
  const { size } = kernel, { scale, splits } = kernel.node.attributes as OpAttributes["attentionGrad"];
  const { queryTiles, keyTiles } = tiles, each = Math.ceil(keyTiles / splits) * tiles.keys;
  const panels = room.take(a.turnedBytes), panelsBack = room.take(a.turnedBytes);
  const p = room.take(tiles.keys * a.scoreLine), ds = room.take(tiles.keys * a.scoreLine);
  const gap = 4 * tiles.queries, state = room.take(2 * gap), share = size.heads / size.groups;
  a.locals(["heads", "tile", "queryat", "keyat", "valueat", "from0", "to0"]);

  const near = { queries: tiles.keys >= 12, keys: tiles.queries >= 12 };
  const q = a.queryLines("q", kernel.query, near.queries);
  const ct = a.queryLines("ct", kernel.back!.cotangent, near.queries);
  const k = a.keyLines("k", kernel.key, near.keys);
  const v = a.keyLines("v", kernel.value, false);

  // rows of whole groups of four channels are summed up where they belong
  const { width } = size, whole = width % 4 === 0, row = 4 * width;
  const sums = (at: string, rows: number, count: string): Sums => {
    if (whole) return { at, line: row, put: [] };
    const own = a.own(room.take(rows * a.channelLine));
    const call = `(call $putrows ${own} ${i32(a.channelLine)} ${count} ${i32(width)} ${at} ${i32(row)} ${
      splat(1)
    })`;
    return { at: own, line: a.channelLine, put: [call] };
  };
  // keys of the part, from its first on
  const most = Math.min(each, size.keys), count = `(i32.sub ${get("to0")} ${get("from0")})`;
  const dq = sums(get("queryat"), tiles.queries, get("rows"));
  const dk = sums(get("keyat"), most, count), dv = sums(get("valueat"), most, count);
  const here = ({ at, line }: Lines): Lines => ({
    at: add(at, times(`(i32.sub ${get("key0")} ${get("from0")})`, line)),
    line,
  });

  const zeroQueries = splits > 1 || a.ids !== undefined || a.causal && a.behind < 0;
  const startQueries = [
    set(
      "queryat",
      `(i32.add ${func.buffer(ofQuery)} (i32.mul (i32.add (i32.mul (i32.add (i32.mul (i32.add (i32.mul ${
        get("batch")
      } ${i32(splits)}) (i32.rem_u ${get("unit")} ${i32(splits)})) ${i32(size.heads)}) ${get("head")}) ${
        i32(size.queries)
      }) ${get("row0")}) ${i32(row)}))`,
    ),
    ...q.text,
    ...ct.text,
    ...a.turned(q.lines, panels, scale),
    ...a.turned(ct.lines, panelsBack, 1),
    ...states(a, state, gap),
    ...(zeroQueries ? a.clear(dq, get("rows")) : []),
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
    ...a.strangeIn([[k.lines, get("keys")], [q.lines, get("rows")], [ct.lines, get("rows")]]),
    ...a.scores(k.lines, panels, p),
    ...a.scores(v.lines, panelsBack, ds),
    ...a.eachQuad("pairquad", [p, ds], state, gap, [splat(scale)]),
    ...a.perQuery(ds, k.lines, dq, splits > 1 ? i32(1) : keyTiles === 1 ? i32(0) : a.later),
    ...a.perKey(p, ct.lines, here(dv), moreKeys),
    ...a.perKey(ds, q.lines, here(dk), moreKeys),
  ];
  const keyLine = `(i32.mul (i32.add (i32.mul (i32.add (i32.mul ${get("batch")} ${i32(size.groups)}) ${
    get("kv")
  }) ${i32(size.keys)}) ${get("from0")}) ${i32(row)})`;
  unit.lines.push(
    set("batch", `(i32.div_u ${get("unit")} ${i32(size.groups * splits)})`),
    set("kv", `(i32.rem_u (i32.div_u ${get("unit")} ${i32(splits)}) ${i32(size.groups)})`),
    set("from0", least(times(`(i32.rem_u ${get("unit")} ${i32(splits)})`, each), size.keys)),
    set("to0", least(add(get("from0"), i32(each)), size.keys)),
    ...a.keySegments(),
    set("keyat", add(func.buffer(ofKey), keyLine)),
    set("valueat", add(func.buffer(ofValue), keyLine)),
    ...(zeros ? [...a.clear(dk, count), ...a.clear(dv, count)] : []),
    set("head", `(i32.mul ${get("kv")} ${i32(share)})`),
    set("heads", add(get("head"), i32(share))),
    ...repeat(locals.unique("l"), `(i32.lt_s ${get("head")} ${get("heads")})`, [
      set("tile", i32(0)),
      ...repeat(locals.unique("l"), `(i32.lt_s ${get("tile")} ${i32(queryTiles)})`, [
        ...a.queryTile(get("tile")),
        ...startQueries,
        ...a.eachKeyTile(pairs, splits > 1 ? { begin: get("from0"), end: get("to0") } : undefined),
        ...dq.put,
        set("tile", add(get("tile"), i32(1))),
      ], true),
      set("head", add(get("head"), i32(1))),
    ], true),
    ...dk.put,
    ...dv.put,
  );
  const units = size.batch * size.groups * splits;
  const work = size.batch * size.heads * size.queries * size.keys * (width + 16);
  return {
    label: kernelLabel(kernel),
    text: func.text(a.top.lines, unit.lines),
    tensors: func.tensors(),
    writes: [ofQuery, ofKey, ofValue],
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

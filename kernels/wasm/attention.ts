/**
 * Renders attention without the square of scores in memory (Dao et al. 2022, arXiv 2205.14135): a unit owns a tile of
 * queries of one head and walks over tiles of keys. The scores of a tile are in the thread's own memory.
 */
import type { Tensor } from "@chain-of-sight/core";
import { type AttentionKernel, kernelLabel } from "../graph/kernel.ts";
import { Attention, splat } from "./attention_parts.ts";
import { renderAttentionGradient } from "./attention_gradient.ts";
import type { Phase } from "./function.ts";
import type { Dialect } from "./math.ts";
import { add, get, i32, repeat, set, times } from "./text.ts";

/** Renders an attention kernel. */
export const renderAttention = (kernel: AttentionKernel, dialect: Dialect): Phase =>
  kernel.node.op === "attention" ? forward(kernel, dialect) : renderAttentionGradient(kernel, dialect);

const forward = (kernel: AttentionKernel, dialect: Dialect): Phase => {
  const a = new Attention(kernel, dialect), { func, unit, tiles, room, quads, channelLine } = a;
  const { size, node } = kernel, { locals } = func, { queryTiles } = tiles;
  const panels = room.take(a.turnedBytes), scores = room.take(tiles.keys * a.scoreLine);
  // rows of whole groups of four channels are summed up where they belong
  const [ofValues, ofNormalisers] = kernel.outputs.map((o) => o.tensor) as [Tensor, Tensor];
  const { width } = size, whole = width % 4 === 0, line = 4 * width;
  const own = whole ? 0 : room.take(tiles.queries * channelLine),
    gap = 4 * tiles.queries,
    state = room.take(3 * gap);
  const values = whole ? { at: get("out"), line } : { at: a.own(own), line: channelLine };
  const rowOf = `(i32.add (i32.mul (i32.add (i32.mul ${get("batch")} ${i32(size.heads)}) ${get("head")}) ${
    i32(size.queries)
  }) ${get("row0")})`;
  const blind = a.ids !== undefined || a.causal && a.behind < 0;
  a.locals(["quad", "at", "out"]);
  unit.lines.push(
    set("batch", `(i32.div_u ${get("unit")} ${i32(size.heads * queryTiles)})`),
    set("head", `(i32.rem_u (i32.div_u ${get("unit")} ${i32(queryTiles)}) ${i32(size.heads)})`),
    set("kv", `(i32.div_u ${get("head")} ${i32(size.heads / size.groups)})`),
    ...a.keySegments(),
    ...a.queryTile(`(i32.rem_u ${get("unit")} ${i32(queryTiles)})`),
    set("out", `(i32.add ${func.buffer(ofValues)} (i32.mul ${rowOf} ${i32(line)}))`),
  );
  const q = a.queryLines("q", kernel.query, false);
  unit.lines.push(
    ...q.text,
    ...a.turned(q.lines, panels, node.attributes.scale),
    ...a.fill(a.own(state), gap, -Infinity),
    ...a.fill(a.own(state + gap), gap, 0),
    // queries that see no key have nothing to add
    ...(blind ? a.clear(values, get("rows")) : []),
  );
  const near = tiles.queries >= 12, first = a.later;
  const k = a.keyLines("k", kernel.key, false);
  const v = a.keyLines("v", kernel.value, near);
  unit.lines.push(...a.eachKeyTile([
    // rows that there are but that are not seen may be read into scores
    ...k.text,
    ...v.text,
    ...a.strangeIn([[v.lines, get("keys")]]),
    ...a.scores(k.lines, panels, scores),
    ...a.eachQuad("softmaxquad", [scores], state, gap),
    ...(tiles.keyTiles === 1 ? [] : [
      `(if ${first} (then`,
      `(call $scalerows ${values.at} ${i32(values.line)} ${get("rows")} ${i32(quads)} ${
        a.own(state + 2 * gap)
      })`,
      "))",
    ]),
    ...a.perQuery(scores, v.lines, values, tiles.keyTiles === 1 ? i32(0) : first),
  ]));

  for (const name of ["best", "total", "share"]) locals.declare(name, "v128");
  const states = add(a.own(state), times(get("quad"), 4));
  const one = splat(1), zero = "(v128.const i32x4 0 0 0 0)";
  unit.lines.push(
    set("quad", i32(0)),
    ...repeat(locals.unique("l"), `(i32.lt_s ${get("quad")} ${get("rows")})`, [
      set("at", states),
      set("best", `(v128.load ${get("at")})`),
      set("total", `(v128.load offset=${gap} ${get("at")})`),
      set("share", `(f32x4.div ${one} ${get("total")})`),
      // where scores are all -inf or one is NaN, the normaliser is NaN as the values are
      set(
        "best",
        `(f32x4.add (f32x4.add ${get("best")} (call $log ${get("total")})) (f32x4.mul ${zero} ${
          get("share")
        }))`,
      ),
      ...(blind ? unseen(a) : []),
      `(v128.store ${get("at")} ${get("best")})`,
      `(v128.store offset=${gap} ${get("at")} ${get("share")})`,
      set("quad", add(get("quad"), i32(4))),
    ], true),
    `(call $scalerows ${values.at} ${i32(values.line)} ${get("rows")} ${i32(quads)} ${a.own(state + gap)})`,
    ...(whole ? [] : [
      `(call $putrows ${values.at} ${i32(channelLine)} ${get("rows")} ${i32(width)} ${get("out")} ${
        i32(line)
      } ${one})`,
    ]),
    `(call $putrows ${a.own(state)} ${i32(4)} ${get("rows")} ${i32(1)} ${
      add(func.buffer(ofNormalisers), times(rowOf, 4))
    } ${i32(4)} ${one})`,
  );
  return {
    label: kernelLabel(kernel),
    text: func.text(a.top.lines, unit.lines),
    tensors: func.tensors(),
    writes: [ofValues, ofNormalisers],
    shared: 0,
    scratch: room.bytes,
    units: size.batch * size.heads * queryTiles,
    chunk: Math.max(1, Math.round(40000 / (200 + tiles.queries * size.keys * (width / 2 + 8)))),
  };
};

/** Statements that set the share of queries that see nothing to 0, and their normaliser to the logarithm of 0. */
const unseen = (a: Attention): string[] => {
  const rows = `(i32x4.add (i32x4.splat ${add(get("row0"), get("quad"))}) (v128.const i32x4 0 1 2 3))`;
  const { locals } = a.func;
  const none = a.ids === undefined
    ? `(i32x4.lt_s ${rows} (i32x4.splat ${i32(-a.behind)}))`
    : `(i32x4.lt_s (v128.load ${add(a.own(a.ids.row), times(get("quad"), 4))}) (i32x4.splat ${i32(0)}))`;
  locals.declare("none", "v128");
  return [
    set("none", none),
    set("share", `(v128.andnot ${get("share")} ${get("none")})`),
    set("best", `(v128.bitselect (v128.const f32x4 -inf -inf -inf -inf) ${get("best")} ${get("none")})`),
  ];
};

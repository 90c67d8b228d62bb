/** A decoder in plain TypeScript, one sequence at a time, with visual tokens dropped between its blocks: what the language is held to. */
import type { LlamaConfig, NdArray, PyramidStage } from "@chain-of-sight/core";

type Row = readonly number[];
type Weights = Readonly<Record<string, NdArray>>;

const dot = (a: Row, b: Row): number => a.reduce((s, x, i) => s + x * b[i]!, 0);

const linear = ({ shape: [out, width], data }: NdArray, x: Row): Row =>
  Array.from({ length: out! }, (_, o) => dot(x, Array.from(data.subarray(o * width!, (o + 1) * width!))));

const norm = ({ data }: NdArray, x: Row, eps: number): Row => {
  const scale = 1 / Math.sqrt(dot(x, x) / x.length + eps);
  return x.map((v, i) => v * scale * data[i]!);
};

const rotated = (x: Row, position: number, theta = 10000): Row => {
  const half = x.length / 2;
  return x.map((v, i) => {
    const angle = position * theta ** (-2 * (i % half) / x.length);
    const other = i < half ? -x[i + half]! : x[i - half]!;
    return v * Math.cos(angle) + other * Math.sin(angle);
  });
};

/** Weights of a query over keys, none of which is later. */
const softmax = (scores: Row): Row => {
  const most = Math.max(...scores), e = scores.map((s) => Math.exp(s - most));
  const total = e.reduce((a, b) => a + b);
  return e.map((x) => x / total);
};

/** The states of a sequence, and how many visual tokens are left in it. */
export interface PlainStates {
  /** After the last normalisation. */
  readonly states: readonly Row[];
  /** Visual tokens that are left. */
  readonly visual: number;
}

/**
 * States of `x` whose first `visual` rows are visual tokens; `asked` are the positions whose attention ranks them, counted
 * in the whole sequence.
 */
export const plainStates = (
  { layers, heads, width, kvHeads = heads, eps = 1e-5 }: LlamaConfig,
  weights: Weights,
  x: readonly Row[],
  visual: number,
  stages: readonly PyramidStage[],
  asked: readonly number[],
): PlainStates => {
  const c = width / heads, first = visual;
  const w = (i: number, name: string): NdArray => weights[`w.model.layers.${i}.${name}.weight`]!;
  const headsOf = (rows: readonly Row[], count: number, turned: boolean): Row[][] =>
    Array.from({ length: count }, (_, h) =>
      rows.map((row, t) => {
        const own = row.slice(h * c, (h + 1) * c);
        return turned ? rotated(own, t) : own;
      }));
  const attended = (i: number, rows: readonly Row[]) => {
    const y = rows.map((row) => norm(w(i, "input_layernorm"), row, eps));
    const of = (name: string) => y.map((row) => linear(w(i, `self_attn.${name}`), row));
    const q = headsOf(of("q_proj"), heads, true), k = headsOf(of("k_proj"), kvHeads, true);
    const v = headsOf(of("v_proj"), kvHeads, false), share = heads / kvHeads;
    const looks = (h: number, t: number): Row =>
      softmax(k[Math.floor(h / share)]!.slice(0, t + 1).map((key) => dot(q[h]![t]!, key) / Math.sqrt(c)));
    return { looks, v, share };
  };
  let rows = [...x], left = visual;
  for (let i = 0; i < layers; i++) {
    const stage = stages.find(({ after }) => after === i);
    if (stage !== undefined) {
      const count = Math.floor(stage.keep * first), { looks } = attended(i, rows), here = left;
      const score = Array.from({ length: here }, (_, n) =>
        asked.reduce((sum, at) => {
          const t = at - (first - here);
          return sum + Array.from({ length: heads }, (_, h) => looks(h, t)[n]!).reduce((a, b) => a + b);
        }, 0));
      const best = score.map((s, n) => ({ s, n })).sort((a, b) => b.s - a.s || a.n - b.n).slice(0, count);
      const kept = best.map(({ n }) => n).sort((a, b) => a - b);
      rows = [...kept.map((n) => rows[n]!), ...rows.slice(here)];
      left = count;
    }
    const { looks, v, share } = attended(i, rows);
    const seen = rows.map((_, t) =>
      Array.from({ length: heads }, (_, h) => {
        const weights = looks(h, t), values = v[Math.floor(h / share)]!;
        return Array.from({ length: c }, (_, j) => weights.reduce((s, a, n) => s + a * values[n]![j]!, 0));
      }).flat()
    );
    rows = rows.map((row, t) => {
      const out = linear(w(i, "self_attn.o_proj"), seen[t]!), x2 = row.map((a, j) => a + out[j]!);
      const z = norm(w(i, "post_attention_layernorm"), x2, eps);
      const gate = linear(w(i, "mlp.gate_proj"), z), up = linear(w(i, "mlp.up_proj"), z);
      const down = linear(w(i, "mlp.down_proj"), gate.map((g, j) => g / (1 + Math.exp(-g)) * up[j]!));
      return x2.map((a, j) => a + down[j]!);
    });
  }
  return { states: rows.map((row) => norm(weights["w.model.norm.weight"]!, row, eps)), visual: left };
};

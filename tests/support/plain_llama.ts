/**
 * A decoder of the LLaMA family in plain loops over numbers, one token and one head at a time, written from the
 * formulas: what the model here is compared with for configurations without stored numbers.
 */
import type { LlamaConfig, NdArray } from "@chain-of-sight/core";

type Vector = readonly number[];
type Flat = Readonly<Record<string, NdArray>>;

const activations: Readonly<Record<string, (x: number) => number>> = {
  silu: (x) => x / (1 + Math.exp(-x)),
  quickGelu: (x) => x / (1 + Math.exp(-1.702 * x)),
  relu: (x) => Math.max(0, x),
  geluTanh: (x) => 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3))),
};

const linear = (p: Flat, name: string, x: Vector): Vector => {
  const { shape: [to, from], data } = p[`${name}.weight`]!, bias = p[`${name}.bias`]?.data;
  return Array.from({ length: to! }, (_, o) => {
    let y = bias === undefined ? 0 : bias[o]!;
    for (let i = 0; i < from!; i++) y += data[o * from! + i]! * x[i]!;
    return y;
  });
};

const norm = (p: Flat, name: string, eps: number, x: Vector): Vector => {
  const scale = 1 / Math.sqrt(x.reduce((s, v) => s + v * v, 0) / x.length + eps);
  return x.map((v, i) => v * scale * p[`${name}.weight`]!.data[i]!);
};

/** Angles per position of every pair of channels, by the definitions of `transformers`. */
export const inverseFrequencies = (
  d: number,
  theta: number,
  rope: LlamaConfig["rope"],
  length: number,
): Vector => {
  const grown = rope?.kind === "dynamic" && length > rope.trained
    ? theta * (rope.factor * length / rope.trained - (rope.factor - 1)) ** (d / (d - 2))
    : theta;
  return Array.from({ length: d / 2 }, (_, i) => {
    const f = 1 / grown ** (2 * i / d);
    if (rope?.kind === "linear") return f / rope.factor;
    if (rope?.kind !== "llama3") return f;
    const wave = 2 * Math.PI / f;
    if (wave < rope.trained / rope.high) return f;
    if (wave > rope.trained / rope.low) return f / rope.factor;
    const smooth = (rope.trained / wave - rope.low) / (rope.high - rope.low);
    return (1 - smooth) * f / rope.factor + smooth * f;
  });
};

const turn = (x: Vector, at: number, frequencies: Vector): Vector => {
  const half = x.length / 2;
  return x.map((v, i) => {
    const angle = at * frequencies[i % half]!, other = i < half ? -x[i + half]! : x[i - half]!;
    return v * Math.cos(angle) + other * Math.sin(angle);
  });
};

const softmax = (x: Vector): Vector => {
  const top = Math.max(...x), e = x.map((v) => Math.exp(v - top)), sum = e.reduce((a, b) => a + b);
  return e.map((v) => v / sum);
};

const dot = (a: Vector, b: Vector): number => a.reduce((s, v, i) => s + v * b[i]!, 0);

/** Logits of every position of one sequence, `[t][v]`. */
export const plainLogits = (config: LlamaConfig, p: Flat, ids: readonly number[]): readonly Vector[] => {
  const { width, heads, kvHeads = heads, headWidth = width / heads, eps = 1e-5, theta = 10000 } = config;
  const act = activations[config.activation ?? "silu"]!, table = p["model.embed_tokens.weight"]!.data;
  const frequencies = inverseFrequencies(headWidth, theta, config.rope, ids.length);
  const head = (x: Vector, h: number): Vector => x.slice(h * headWidth, (h + 1) * headWidth);
  const { window = Infinity, qkNorm = false } = config;
  let states: readonly Vector[] = ids.map((id) => Array.from(table.slice(id * width, (id + 1) * width)));
  for (let l = 0; l < config.layers; l++) {
    const at = `model.layers.${l}`;
    const inner = states.map((x) => norm(p, `${at}.input_layernorm`, eps, x));
    const [q, k, v] = ["q", "k", "v"].map((m) =>
      inner.map((x) => linear(p, `${at}.self_attn.${m}_proj`, x))
    ) as [
      Vector[],
      Vector[],
      Vector[],
    ];
    const seen = states.map((_, t) =>
      Array.from({ length: heads }, (_, h) => {
        const g = Math.floor(h * kvHeads / heads);
        const rotated = (x: Vector, map: string, s: number): Vector =>
          turn(qkNorm ? norm(p, `${at}.self_attn.${map}_norm`, eps, x) : x, s, frequencies);
        const query = rotated(head(q[t]!, h), "q", t);
        const scores = softmax(
          Array.from({ length: t + 1 }, (_, s) =>
            t - s < window ? dot(query, rotated(head(k[s]!, g), "k", s)) / Math.sqrt(headWidth) : -Infinity),
        );
        return Array.from({ length: headWidth }, (_, c) =>
          scores.reduce((sum, w, s) =>
            sum + w * head(v[s]!, g)[c]!, 0));
      }).flat()
    );
    states = states.map((x, t) => {
      const mid = linear(p, `${at}.self_attn.o_proj`, seen[t]!).map((y, i) => x[i]! + y);
      const z = norm(p, `${at}.post_attention_layernorm`, eps, mid);
      const gate = linear(p, `${at}.mlp.gate_proj`, z), up = linear(p, `${at}.mlp.up_proj`, z);
      return linear(p, `${at}.mlp.down_proj`, gate.map((g, i) => act(g) * up[i]!)).map((y, i) => mid[i]! + y);
    });
  }
  const output = config.tied ? "model.embed_tokens" : "lm_head";
  return states.map((x) => linear(p, output, norm(p, "model.norm", eps, x)));
};

/** TensorFlow.js, on WebAssembly or WebGPU. It runs operation by operation. */
import type { NdArray } from "@chain-of-sight/core";
import { DECODER_EPS } from "../step_work.ts";
import { type Backend, CannotDo, type Opponent, type Prepared, type Work } from "./opponent.ts";
import { load, packageVersions } from "./packages.ts";
import type { Tf, TfTensor, TfWasm } from "./tfjs_api.ts";

const arrayOf = (tf: Tf) => ({ data, dtype, shape }: NdArray): TfTensor =>
  tf.tensor(data as Float32Array | Int32Array, [...shape], dtype === "i32" ? "int32" : "float32");

/** Layers over its functions. */
const layers = (tf: Tf) => {
  const layerNorm = (x: TfTensor, weight: TfTensor, bias: TfTensor): TfTensor => {
    const { mean, variance } = tf.moments(x, -1, true);
    return tf.add(tf.mul(tf.div(tf.sub(x, mean), tf.sqrt(tf.add(variance, 1e-5))), weight), bias);
  };

  const attention = (q: TfTensor, k: TfTensor, v: TfTensor, mask?: TfTensor): TfTensor => {
    const scores = tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(q.shape.at(-1)!));
    return tf.matMul(tf.softmax(mask === undefined ? scores : tf.add(scores, mask), -1), v);
  };

  const sumOfSquares = (y: TfTensor): TfTensor => tf.sum(tf.square(y));

  const rmsNorm = (x: TfTensor, weight: TfTensor): TfTensor =>
    tf.mul(tf.div(x, tf.sqrt(tf.add(tf.mean(tf.square(x), -1, true), DECODER_EPS))), weight);

  /** `x w^T` of `[b, t, d]` through one product of matrices, as its dense layers do. */
  const linear = (x: TfTensor, weight: TfTensor): TfTensor => {
    const [b, t, d] = x.shape as [number, number, number];
    return tf.reshape(tf.matMul(tf.reshape(x, [b * t, d]), weight, false, true), [b, t, weight.shape[0]!]);
  };

  const rope = (x: TfTensor): TfTensor => {
    const [, t, , d] = x.shape as [number, number, number, number];
    const rates = tf.tensor(
      Float32Array.from({ length: d / 2 }, (_, i) => 10000 ** (-2 * i / d)),
      [d / 2],
      "float32",
    );
    const angles = tf.mul(tf.reshape(tf.range(0, t), [t, 1, 1]), rates);
    const cos = tf.cos(angles), sin = tf.sin(angles);
    const [a, b] = tf.split(x, 2, -1) as [TfTensor, TfTensor];
    return tf.concat([tf.sub(tf.mul(a, cos), tf.mul(b, sin)), tf.add(tf.mul(b, cos), tf.mul(a, sin))], -1);
  };

  /** A decoder block on `[b, t, d]` and the normalisation after it. */
  const decoder = (heads: number, x: TfTensor, p: Readonly<Record<string, TfTensor>>): TfTensor => {
    const at = (name: string): TfTensor => p[`model.layers.0.${name}.weight`]!;
    const [b, t, d] = x.shape as [number, number, number];
    const split = (y: TfTensor): TfTensor => tf.reshape(y, [b, t, heads, d / heads]);
    const swap = (y: TfTensor): TfTensor => tf.transpose(y, [0, 2, 1, 3]);
    const y = rmsNorm(x, at("input_layernorm"));
    const past = tf.mul(tf.sub(tf.linalg.bandPart(tf.ones([t, t]), -1, 0), 1), 1e30);
    const seen = attention(
      swap(rope(split(linear(y, at("self_attn.q_proj"))))),
      swap(rope(split(linear(y, at("self_attn.k_proj"))))),
      swap(split(linear(y, at("self_attn.v_proj")))),
      past,
    );
    const x2 = tf.add(x, linear(tf.reshape(swap(seen), [b, t, d]), at("self_attn.o_proj")));
    const z = rmsNorm(x2, at("post_attention_layernorm")), gate = linear(z, at("mlp.gate_proj"));
    const inner = tf.mul(tf.mul(gate, tf.sigmoid(gate)), linear(z, at("mlp.up_proj")));
    return rmsNorm(tf.add(x2, linear(inner, at("mlp.down_proj"))), p["model.norm.weight"]!);
  };

  return { attention, decoder, layerNorm, sumOfSquares };
};

type Fn = (xs: TfTensor[]) => TfTensor[];

const functionOf = (tf: Tf, work: Work): Fn => {
  const { attention, decoder, layerNorm, sumOfSquares } = layers(tf);
  switch (work.kind) {
    case "matmul":
      return ([a, b]) => [tf.matMul(a!, b!)];
    case "softmax":
      return ([x]) => [tf.softmax(x!, -1)];
    case "layerNorm":
      return ([x, weight, bias]) => [layerNorm(x!, weight!, bias!)];
    case "attention":
      return ([q, k, v]) => [attention(q!, k!, v!)];
    case "attentionGrad":
      return tf.grads((...[q, k, v]: TfTensor[]) => sumOfSquares(attention(q!, k!, v!)));
    case "decoderGrad": {
      const of = (xs: readonly TfTensor[]): TfTensor =>
        decoder(work.heads, xs[0]!, Object.fromEntries(work.names.map((name, i) => [name, xs[i + 1]!])));
      return ([x, cotangent, ...ps]) =>
        tf.grads((...xs: TfTensor[]) => tf.sum(tf.mul(of(xs), cotangent!)))([x!, ...ps]);
    }
    case "step":
      throw new CannotDo("it has neither AdamW nor a compiled step, and is left to single operations here");
  }
};

const prepare = (tf: Tf, work: Work): Prepared => {
  const f = functionOf(tf, work), xs = work.kind === "step" ? [] : work.inputs.map(arrayOf(tf));
  const once = (): TfTensor[] => tf.tidy(() => f(xs));
  return {
    check: async () => {
      const ys = once(), values = await Promise.all(ys.map((y) => y.data()));
      ys.forEach((y) => y.dispose());
      return values;
    },
    run: async (n) => {
      for (let i = 1; i < n; i++) once().forEach((y) => y.dispose());
      // one element is enough to wait for
      const ys = once(), ends = ys.map((y) => tf.slice(tf.reshape(y, [-1]), 0, 1));
      await Promise.all(ends.map((y) => y.data()));
      [...ys, ...ends].forEach((y) => y.dispose());
    },
    close: () => xs.forEach((x) => x.dispose()),
  };
};

/** Loads it on a back end. */
export const openTfjs = async (backend: Backend): Promise<Opponent> => {
  // whichever part comes first, the whole package registers the gradients
  const tf = await load<Tf>("@tensorflow/tfjs");
  const threads = backend === "wasm"
    ? await openWasm(tf)
    : (await load("@tensorflow/tfjs-backend-webgpu"), undefined);
  if (!(await tf.setBackend(backend))) throw new CannotDo(`its ${backend} back end does not start here`);
  await tf.ready();
  const version = packageVersions["@tensorflow/tfjs"];
  return {
    name: "tfjs",
    version: `${version} ${backend}${threads === undefined ? "" : `, threads: ${threads}`}`,
    prepare: (work) => Promise.resolve(work).then((w) => prepare(tf, w)),
  };
};

// Its threads need a browser's workers; outside of one it runs in a single one, whatever is asked for.
const openWasm = async (tf: Tf): Promise<number> => {
  const wasm = await load<TfWasm>("@tensorflow/tfjs-backend-wasm");
  wasm.setThreadsCount(globalThis.navigator.hardwareConcurrency);
  await tf.setBackend("wasm");
  return await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT") ? wasm.getThreadsCount() : 1;
};

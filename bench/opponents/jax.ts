/** jax-js, on WebAssembly or WebGPU. Everything is compiled by its `jit`. */
import { defaultDevice, grad, init, jit, nn, numpy as np, tree } from "@jax-js/jax";
import { type NdArray, specTrees, type Tree } from "@chain-of-sight/core";
import { benchModel } from "../../pipelines/tune/step_work.ts";
import {
  decoderStates,
  type JaxArray,
  type JaxBatch,
  type JaxModelParams,
  jaxStep,
  layerNorm,
  type Lookup,
} from "./jax_model.ts";
import {
  type Backend,
  CannotDo,
  CHECKED_STEPS,
  type Opponent,
  type Prepared,
  type Work,
} from "./opponent.ts";

/** Its version, as `deno.json` pins it. */
const VERSION = "0.1.25";

const arrayOf = ({ data, dtype, shape }: NdArray): JaxArray =>
  dtype === "i32"
    ? np.array(data as Int32Array<ArrayBuffer>, { dtype: np.int32 }).reshape([...shape])
    : np.array(data as Float32Array<ArrayBuffer>).reshape([...shape]);

const heads = (x: JaxArray): JaxArray => x.transpose([0, 2, 1, 3]);

/** Attention `[b, h, t, d]` by its own function, which wants heads behind positions. */
const attention = (q: JaxArray, k: JaxArray, v: JaxArray): JaxArray =>
  heads(nn.dotProductAttention(heads(q), heads(k), heads(v)));

const sumOfSquares = (x: JaxArray): JaxArray => np.sum(np.square(x));

type Fn = (...xs: JaxArray[]) => JaxArray | JaxArray[];

/** Parameters by path as a tree: objects, and lists where names are numbers. */
const nested = (names: readonly string[], values: readonly JaxArray[]): unknown => {
  const root: Record<string, unknown> = {};
  names.forEach((name, i) => {
    const path = name.split("."), last = path.pop()!;
    let at = root;
    for (const part of path) at = (at[part] ??= {}) as Record<string, unknown>;
    at[last] = values[i];
  });
  const lists = (x: unknown): unknown => {
    if (Object.getPrototypeOf(x) !== Object.prototype) return x;
    const entries = Object.entries(x as object).map(([k, v]) => [k, lists(v)] as const);
    return entries.every(([k]) => /^\d+$/.test(k)) ? entries.map(([, v]) => v) : Object.fromEntries(entries);
  };
  return lists(root);
};

const functionOf = (work: Exclude<Work, { kind: "step" }>): Fn => {
  switch (work.kind) {
    case "matmul":
      return (a, b) => np.matmul(a!, b!);
    case "softmax":
      return (x) => nn.softmax(x!, -1);
    case "layerNorm":
      return (x, weight, bias) => layerNorm({ weight: weight!, bias: bias! }, x!);
    case "attention":
      return (q, k, v) => attention(q!, k!, v!);
    case "attentionGrad": {
      const gradient = grad(([q, k, v]: JaxArray[]) => sumOfSquares(attention(q!, k!, v!)));
      return (...qkv) => gradient(qkv) as unknown as JaxArray[];
    }
    case "decoderGrad": {
      const gradient = grad(([x, ...ps]: JaxArray[], cotangent: JaxArray) => {
        const { model } = nested(work.names, ps) as Pick<JaxModelParams, "model">;
        return np.sum(decoderStates(work.heads)(model, x!).mul(cotangent));
      });
      return (x, cotangent, ...ps) => gradient([x!, ...ps], cotangent!) as unknown as JaxArray[];
    }
  }
};

const listOf = (y: JaxArray | JaxArray[]): JaxArray[] => Array.isArray(y) ? y : [y];

const prepareFunction = (work: Exclude<Work, { kind: "step" }>): Prepared => {
  const f = jit(functionOf(work) as never) as unknown as Fn, xs = work.inputs.map(arrayOf);
  const once = () => listOf(f(...xs.map((x) => x.ref)));
  return {
    check: () => Promise.all(once().map((y) => y.data())),
    run: async (n) => {
      // its work is deferred until someone waits for a result, so every result must be kept until then
      const results = Array.from({ length: n }, once).flat();
      await Promise.all(results.map((y) => y.blockUntilReady()));
      results.forEach((y) => y.dispose());
    },
    close: () => xs.forEach((x) => x.dispose()),
  };
};

const prepareStep = (work: Extract<Work, { kind: "step" }>, lookup: Lookup): Prepared => {
  const { preset, tokens, batch } = work, { specs } = benchModel(preset, tokens);
  const values = new Map(work.parameters);
  const from = (value: (path: string) => JaxArray): JaxModelParams =>
    specTrees.map(specs as Tree<never>, (_, path) => value(path)) as unknown as JaxModelParams;
  const zeros = (path: string): JaxArray => np.zeros([...values.get(path)!.shape]);
  const step = jaxStep(preset, tokens, lookup);
  const given: JaxBatch = {
    features: [arrayOf(batch["features.0"]!), arrayOf(batch["features.1"]!)],
    ids: arrayOf(batch.ids!),
  };
  let state = {
    params: from((path) => arrayOf(values.get(path)!)),
    m: from(zeros),
    v: from(zeros),
    step: np.array(0, { dtype: np.float32 }),
  };
  const next = (): JaxArray => {
    const [after, loss] = step(state, tree.ref(given as never) as never);
    state = after as typeof state;
    return loss;
  };
  return {
    check: async () => {
      const losses: number[] = [];
      for (let i = 0; i < CHECKED_STEPS; i++) losses.push((await next().data())[0]!);
      return [losses];
    },
    run: async (n) => {
      for (let i = 0; i < n; i++) {
        const loss = next();
        if (i < n - 1) loss.dispose();
        else await loss.data();
      }
      await Promise.all(tree.leaves(state.params as never).map((p) => (p as JaxArray).blockUntilReady()));
    },
    close: () => {
      tree.dispose(state as never);
      tree.dispose(given as never);
    },
  };
};

/** Loads it on a back end. */
export const openJax = async (backend: Backend): Promise<Opponent> => {
  const devices = await init(backend);
  if (!devices.includes(backend)) throw new CannotDo(`it has no ${backend} here`);
  defaultDevice(backend);
  // the gradient of its gather is an atomic sum that Deno's WebGPU refuses
  const lookup = backend === "webgpu" ? "oneHot" : "gather";
  return {
    name: "jax-js",
    version: `${VERSION} ${backend}`,
    prepare: (work) =>
      Promise.resolve(work.kind === "step" ? prepareStep(work, lookup) : prepareFunction(work)),
  };
};

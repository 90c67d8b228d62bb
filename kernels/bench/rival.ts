/** The rival: jax-js, on the back end that is compared. */
import * as jax from "@jax-js/jax";
import type { RivalOp } from "./cases.ts";
import type { NdArray } from "@chain-of-sight/core";

/** A prepared case: runs it `n` times without waiting in between, then waits. */
export type Prepared = (n: number) => Promise<void>;

// jax-js types its arrays by ownership; what is measured needs no more of them than this
// deno-lint-ignore no-explicit-any
type Any = any;
const { numpy: np, nn, jit, grad } = jax as Any;

const functions: Readonly<Record<RivalOp, (...xs: Any[]) => Any>> = {
  matmul: (a, b) => np.matmul(a, b),
  softmax: (x) => nn.softmax(x, -1),
  layerNorm: (x, weight, bias) => {
    const centred = x.ref.sub(np.mean(x, -1, { keepdims: true }));
    const variance = np.mean(np.square(centred.ref), -1, { keepdims: true });
    return centred.div(np.sqrt(variance.add(1e-5))).mul(weight).add(bias);
  },
  attentionGrad: grad((qkv: Any[]) => {
    const [q, k, v] = qkv, scale = 1 / Math.sqrt(q.shape.at(-1));
    const scores = np.matmul(q, np.swapaxes(k, -1, -2)).mul(scale);
    return np.sum(np.square(np.matmul(nn.softmax(scores, -1), v)));
  }),
};

/** Opens the rival on a back end; undefined where it has none. */
export const openRival = async (backend: "webgpu" | "wasm"): Promise<boolean> => {
  const devices: string[] = await (jax as Any).init();
  if (!devices.includes(backend)) return false;
  (jax as Any).defaultDevice(backend);
  return true;
};

/** Prepares a case. */
export const prepareRival = (op: RivalOp, values: readonly NdArray[]): Prepared => {
  const arrays = values.map((v) => np.array(v.data as Float32Array).reshape([...v.shape]));
  const f = op === "attentionGrad"
    ? jit((...qkv: Any[]) => functions.attentionGrad(qkv))
    : jit(functions[op]);
  const keep = (result: Any): Any[] => Array.isArray(result) ? result : [result];
  return async (n) => {
    // its work is deferred until someone waits for a result, so every result must be kept until then
    const results = Array.from({ length: n }, () => keep(f(...arrays.map((a) => a.ref)))).flat();
    await Promise.all(results.map((y) => y.blockUntilReady()));
    results.forEach((y) => y.dispose());
  };
};

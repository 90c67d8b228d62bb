/** Layers, forward and backward, for the device-generic suite: what fusion has to get right. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import { booleans, floats, integers } from "../support/random.ts";
import type { DeviceCase } from "./cases.ts";

/** Outputs, and gradients of their weighted sum for every f32 input. */
const layer = (
  name: string,
  arrays: readonly NdArray[],
  build: (...inputs: Tensor[]) => Tensor,
  loose = false,
): DeviceCase => {
  const inputs = arrays.map((a, i) => cs.input(`x${i}`, a.shape, a.dtype));
  const y = build(...inputs), cotangent = floats(`${name} cotangent`, y.shape, -1, 1);
  const grads = cs.pullback([y], [cs.input("cot", y.shape)], inputs.filter((x) => x.dtype === "f32"));
  return {
    name,
    ops: [],
    roots: [y, ...grads],
    bindings: { ...Object.fromEntries(arrays.map((a, i) => [`x${i}`, a])), cot: cotangent },
    exact: false,
    loose,
  };
};

const unit = (name: string, ...shape: number[]) => floats(name, shape, -1, 1);

/** Cases of layers. */
export const layerCases: readonly DeviceCase[] = [
  layer(
    "linear and gelu",
    [unit("x", 6, 9, 20), unit("w", 33, 20), unit("b", 33)],
    (x, weight, bias) => cs.gelu(cs.linear({ weight: weight!, bias: bias! })(x!)),
  ),
  layer(
    "layer normalisation",
    [unit("x", 5, 7, 48), unit("w", 48), unit("b", 48)],
    (x, weight, bias) => cs.layerNorm({ weight: weight!, bias: bias! })(x!),
  ),
  layer(
    "rms normalisation",
    [unit("x", 5, 7, 48), unit("w", 48)],
    (x, weight) => cs.rmsNorm({ weight: weight! })(x!),
  ),
  layer("softmax over the middle axis", [floats("x", [3, 29, 4])], (x) => cs.softmax(1)(x!)),
  layer("causal attention with shared heads", [
    unit("q", 2, 4, 13, 8),
    unit("k", 2, 2, 13, 8),
    unit("v", 2, 2, 13, 8),
  ], (q, k, v) => cs.attention(q!, k!, v!, { causal: true })),
  layer("masked cross-attention", [
    unit("q", 2, 3, 5, 8),
    unit("k", 2, 3, 70, 8),
    unit("v", 2, 3, 70, 8),
    booleans("m", [2, 1, 5, 70]),
  ], (
    q,
    k,
    v,
    mask,
  ) => cs.attention(q!, k!, v!, { mask: mask! })),
  layer("attention of shared queries over windows", [
    unit("q", 1, 4, 2, 3, 8),
    unit("k", 3, 4, 2, 16, 8),
    unit("v", 3, 4, 2, 16, 8),
  ], (
    q,
    k,
    v,
  ) => cs.attention(q!, k!, v!)),
  layer("rotary positions", [unit("x", 2, 3, 21, 16)], (x) => cs.rope(cs.ropeTables(21, 16))(x!), true),
  layer(
    "cross entropy",
    [floats("l", [6, 5, 37]), integers("y", [6, 5], -1, 37)],
    (l, y) => cs.crossEntropy(l!, cs.select(cs.less(y!, 0), -100, y!)).mean,
  ),
  layer(
    "embedding",
    [unit("t", 19, 6), integers("i", [4, 11], 0, 19)],
    (t, i) => cs.embedding({ weight: t! })(i!),
  ),
  layer(
    "patches and windows",
    [unit("x", 2, 16, 16, 3), unit("w", 12, 3, 2, 2)],
    (x, weight) => cs.windows(4)(cs.patchEmbed({ weight: weight! })(x!)),
  ),
  layer(
    "bicubic resize",
    [unit("x", 5, 5, 4)],
    (x) => cs.resize([9, 9], { mode: "bicubic", alignCorners: true })(x!),
  ),
  layer(
    "bilinear resize",
    [unit("x", 2, 6, 4, 3)],
    (x) => cs.resize([3, 7], { mode: "bilinear", alignCorners: false })(x!),
  ),
  layer(
    "a gated perceptron",
    [unit("x", 7, 16), unit("g", 40, 16), unit("u", 40, 16), unit("d", 16, 40)],
    (x, g, u, d) =>
      cs.linear({ weight: d! })(
        cs.mul(cs.silu(cs.linear({ weight: g! })(x!)), cs.linear({ weight: u! })(x!)),
      ),
  ),
  layer(
    "gradients through movement",
    [unit("x", 4, 9)],
    (x) =>
      cs.concat([
        cs.flip([0])(cs.slice([0, 1], [4, 9], [1, 3])(x!)),
        cs.pad([0, 1], [0, 1], 5)(cs.sliceAxis(1, 0, 2)(x!)),
      ], 1),
  ),
  layer(
    "quick gelu, sigmoid, softplus, relu",
    [floats("x", [333], -8, 8)],
    (x) => cs.concat([cs.quickGelu(x!), cs.sigmoid(x!), cs.softplus(x!), cs.relu(x!), cs.geluTanh(x!)]),
  ),
];

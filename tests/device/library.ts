/** Operations that the library builds from primitives, forward and backward, and transforms, on odd shapes. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, OpName, Tensor } from "@chain-of-sight/core";
import { booleans, floats, integers } from "../support/random.ts";
import type { DeviceCase } from "./cases.ts";

/** Results, and gradients of their weighted sums for every f32 input. */
const library = (
  name: string,
  arrays: readonly NdArray[],
  build: (...inputs: Tensor[]) => Tensor | readonly Tensor[],
  ops: readonly OpName[] = [],
): DeviceCase => {
  const inputs = arrays.map((a, i) => cs.input(`x${i}`, a.shape, a.dtype));
  const built = build(...inputs), ys = cs.isTensor(built) ? [built] : built;
  const floating = ys.filter((y) => y.dtype === "f32"), wrt = inputs.filter((x) => x.dtype === "f32");
  const cots = floating.map((y, i) => cs.input(`cot${i}`, y.shape));
  const back = floating.length === 0 ? [] : cs.pullback(floating, cots, wrt);
  return {
    name,
    ops,
    roots: [...ys, ...back],
    bindings: {
      ...Object.fromEntries(arrays.map((a, i) => [`x${i}`, a])),
      ...Object.fromEntries(cots.map((c, i) => [`cot${i}`, floats(`${name} ${i}`, c.shape, -1, 1)])),
    },
    exact: false,
    loose: false,
  };
};

const unit = (name: string, ...shape: number[]): NdArray => floats(name, shape, -1, 1);

const convolution = ([
  [{ stride: 1, padding: 1 }, [2, 7, 6, 4], [5, 4, 3, 3]],
  [{ stride: [2, 3], padding: [[0, 1], [2, 1]] }, [1, 9, 8, 3], [4, 3, 3, 2]],
  [{ dilation: 2 }, [2, 8, 9, 2], [3, 2, 3, 3]],
  [{ groups: 2, padding: 1 }, [2, 5, 5, 4], [6, 2, 3, 3]],
  [{ groups: 3, stride: 2 }, [1, 7, 7, 3], [3, 1, 2, 2]],
  [{ stride: 3 }, [2, 9, 6, 3], [4, 3, 3, 3]],
  [{}, [2, 3, 4, 5], [7, 5, 1, 1]],
] as const).map(([options, x, w]) =>
  library(
    `convolution ${JSON.stringify(options)} of [${x}] by [${w}]`,
    [unit("x", ...x), unit("w", ...w), unit("b", w[0])],
    (x, weight, bias) => cs.conv2d({ weight: weight!, bias: bias! }, options)(x!),
  )
);

const pooling = [
  library("pooling", [unit("x", 2, 7, 9, 3)], (x) => [
    cs.maxPool2d(2)(x!),
    cs.maxPool2d(3, { stride: 2, padding: 1 })(x!),
    cs.averagePool2d([3, 2], { stride: [1, 2] })(x!),
    cs.averagePool2d(3, { stride: 2, padding: 1, countPadding: false })(x!),
  ]),
  library("adaptive pooling", [unit("x", 2, 7, 9, 3)], (x) => [
    cs.adaptiveAveragePool2d([3, 4])(x!),
    cs.adaptiveAveragePool2d(1)(x!),
    cs.adaptiveMaxPool2d([5, 2])(x!),
  ]),
  library("pixels and channels", [unit("x", 2, 4, 6, 8)], (x) => [
    cs.pixelUnshuffle(2)(x!),
    cs.pixelShuffle(2)(x!),
    cs.spaceToDepth(2)(x!),
    cs.depthToSpace(2)(x!),
    cs.sub(cs.pixelShuffle(2)(cs.pixelUnshuffle(2)(x!)), cs.depthToSpace(2)(cs.spaceToDepth(2)(x!))),
  ]),
];

const along = [
  library(
    "running sums",
    [unit("x", 3, 33, 5), unit("y", 2, 700), integers("i", [9], -99, 99)],
    (x, y, i) => [
      cs.cumsum(1)(x!),
      cs.cumsum()(x!),
      cs.cumsum(0, { reverse: true })(x!),
      cs.cumsum()(y!),
      cs.cumsum(1, { exclusive: true, reverse: true })(y!),
      cs.cumsum()(i!),
    ],
  ),
  library("order", [floats("x", [3, 17, 2]), integers("i", [4, 9], 0, 4)], (x, i) => [
    cs.sort(1)(x!),
    cs.argsort(1, { descending: true })(x!),
    cs.topK(5, 1)(x!).values,
    cs.topK(5, 1)(x!).indices,
    cs.topK(2, 0, { descending: false })(x!).values,
    cs.sort()(i!),
    cs.argsort()(i!),
  ]),
  library(
    "picking along an axis",
    [unit("x", 4, 6, 3), integers("i", [4, 9, 3], -1, 7), integers("j", [2, 6, 3], 0, 4)],
    (x, i, j) => [cs.takeAlong(i!, 1)(x!), cs.takeAlong(j!, 0)(x!)],
  ),
  library(
    "tokens that are kept",
    [unit("x", 2, 21, 8), unit("s", 2, 21)],
    (x, s) => [
      cs.diverseTokens(6)(x!),
      cs.gatherRows(x!, cs.topTokens(4)(s!)),
      cs.gatherRows(x!, cs.diverseTokens(1)(x!)),
    ],
  ),
  library("statistics", [floats("x", [5, 7, 3])], (x) => [
    cs.min({ axes: [1] })(x!),
    cs.product({ axes: [0, 2] })(x!),
    cs.variance({ axes: [0], correction: 1 })(x!),
    cs.standardDeviation({ axes: [1, 2], keep: true })(x!),
    cs.clamp(-1, 0.5)(x!),
  ]),
  library(
    "any and all",
    [booleans("p", [5, 3])],
    (p) => [cs.any({ axes: [1] })(p!), cs.all()(p!), cs.any()(p!)],
  ),
];

const contraction = ([
  ["bhqd,bhkd->bhqk", [2, 3, 4, 5], [2, 3, 6, 5]],
  ["bi,bj->bij", [3, 4], [3, 5]],
  ["ij,jk,kl->il", [3, 4], [4, 5], [5, 2]],
  ["...ij,kj", [2, 3, 4], [5, 4]],
  ["...i,...i->...", [2, 3, 4], [1, 4]],
  ["iij->ji", [3, 3, 4]],
  ["ii", [5, 5]],
  ["ij->", [3, 4]],
  ["abc,cde,b->dea", [2, 3, 4], [4, 2, 3], [3]],
  ["i,i->i", [6], [6]],
] as const).map(([pattern, ...shapes]) =>
  library(
    `einsum ${pattern}`,
    shapes.map((s, i) => unit(`e${i}`, ...(s as readonly number[]))),
    (...xs) => cs.einsum(pattern)(...xs),
  )
);

const norms = [
  library("group normalisation", [unit("x", 2, 5, 3, 8), unit("w", 8), unit("b", 8)], (x, weight, bias) => [
    cs.groupNorm({ weight: weight!, bias: bias! }, 4)(x!),
  ]),
  library("batch normalisation", [unit("x", 6, 5, 8), unit("w", 8), unit("b", 8)], (x, weight, bias) => [
    cs.batchNorm({ weight: weight!, bias: bias! }, cs.batchStatistics(x!))(x!),
  ]),
];

const further = [
  library("functions", [unit("x", 41)], (x) => [
    cs.square(x!),
    cs.tan(x!),
    cs.sinh(x!),
    cs.cosh(x!),
    cs.exp2(x!),
    cs.log2(cs.add(x!, 1.5)),
    cs.round(cs.mul(x!, 9)),
    cs.round(cs.add(cs.cast("f32")(cs.sub(cs.iota([41]), 20)), 0.5)),
    cs.isFinite(x!),
    cs.xor(cs.greaterEqual(x!, 0.5), cs.notEqual(x!, x!)),
  ]),
  library("further activations", [floats("x", [200], -9, 9)], (x) => [
    cs.leakyRelu(0.1)(x!),
    cs.elu(1.5)(x!),
    cs.hardSigmoid(x!),
    cs.hardSwish(x!),
    cs.mish(x!),
  ]),
  library("arrangements", [unit("x", 3, 5)], (x) => [
    cs.tile([2, 3])(x!),
    cs.roll(2)(x!),
    cs.roll(-1, 0)(x!),
    ...cs.split([1, 4])(x!),
    cs.padWith("edge", [1, 0], [0, 2])(x!),
    cs.padWith("reflect", [1, 2], [2, 4])(x!),
    cs.lowerTriangle()(x!),
    cs.upperTriangle(1)(x!),
    cs.squeeze()(cs.unsqueeze(1)(x!)),
    cs.matmul(cs.identityMatrix(5))(x!),
    cs.swapAxes(0, 1)(x!),
  ]),
  library(
    "transposed convolution",
    [unit("x", 2, 4, 3, 4), unit("w", 4, 3, 3, 2), unit("v", 4, 2, 2, 2), unit("b", 3)],
    (x, w, v, b) => [
      cs.convTranspose2d({ weight: w!, bias: b! }, { stride: 2, padding: 1, outputPadding: 1 })(x!),
      cs.convTranspose2d({ weight: v! }, { groups: 2, dilation: 2 })(x!),
    ],
  ),
];

const block = (x: Tensor, w: Tensor): Tensor =>
  cs.add(x, cs.matmul(cs.transpose(w))(cs.tanh(cs.matmul(w)(cs.softmax()(x)))));

const transforms = [
  library(
    "remat of a stack of blocks",
    [unit("x", 9, 8), unit("v", 8, 12), unit("w", 8, 12)],
    (x, v, w) => cs.remat(block)(cs.remat(block)(x!, v!), w!),
    ["call", "after"],
  ),
  library("a region alone", [unit("x", 4)], (x) => cs.remat((t: Tensor) => t)(cs.remat(cs.exp)(x!))),
  library("jvp of a block", [unit("x", 9, 8), unit("d", 9, 8), unit("w", 8, 12)], (x, d, w) => {
    const { value, tangent } = cs.jvp((t: Tensor) => block(t, w!))(x!, d!);
    return [value, tangent as Tensor];
  }),
  library(
    "vmap of a block and of its gradient",
    [unit("x", 5, 9, 8), unit("w", 8, 12)],
    (x, w) => [
      cs.vmap((t: Tensor) => block(t, w!))(x!),
      cs.vmap((t: Tensor) => cs.grad((u: Tensor) => cs.sum()(cs.sin(block(u, w!))))(t) as Tensor)(x!),
    ],
  ),
  library(
    "Hessian-vector product",
    [unit("x", 5, 8), unit("d", 5, 8), unit("w", 8, 6)],
    (x, d, w) => cs.hessianVectorProduct((t: Tensor) => cs.sum()(cs.sin(block(t, w!))))(x!, d!) as Tensor,
  ),
];

/** All cases of library operations and transforms. */
export const libraryCases: readonly DeviceCase[] = [
  ...convolution,
  ...pooling,
  ...along,
  ...contraction,
  ...norms,
  ...further,
  ...transforms,
];

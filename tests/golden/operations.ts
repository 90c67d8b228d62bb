/** The language's expression of every operation of the `ops` fixture, by PyTorch's name for it. */
import * as cs from "@chain-of-sight/core";
import type { Tensor } from "@chain-of-sight/core";
import { pipe } from "fp-ts/lib/function.js";

/** Settings of a case. */
export interface Arguments {
  readonly axes?: readonly number[];
  readonly keepdim?: boolean;
  readonly axis?: number;
  readonly eps?: number;
  readonly transpose_a?: number;
  readonly transpose_b?: number;
  readonly causal?: boolean;
  readonly scale?: number;
  readonly theta?: number;
  readonly offset?: number;
  readonly factor?: number;
  readonly mode?: "bicubic" | "bilinear";
  readonly align_corners?: boolean;
  readonly size?: readonly [number, number];
  readonly start?: readonly number[];
  readonly stop?: readonly number[];
  readonly step?: readonly number[];
  readonly before?: readonly number[];
  readonly after?: readonly number[];
  readonly value?: number;
  readonly perm?: readonly number[];
  readonly shape?: readonly number[];
  readonly repeats?: number;
  readonly heads?: number;
  readonly window?: number;
  readonly classes?: number;
  readonly equation?: string;
  readonly stride?: number;
  readonly padding?: number;
  readonly kernel?: number;
  readonly output?: readonly [number, number];
  readonly k?: number;
}

type Given = Readonly<Record<string, Tensor>>;

/** From settings and inputs by name to outputs by name. */
export type Operation = (args: Arguments, given: Given) => Given;

const one = (f: (x: Tensor) => Tensor): Operation => (_, { x }) => ({ y: f(x!) });
const two = (f: (a: Tensor, b: Tensor) => Tensor): Operation => (_, { a, b }) => ({ y: f(a!, b!) });
const along =
  (f: (o: cs.ReduceOptions) => (x: Tensor) => Tensor): Operation => ({ axes, keepdim }, { x }) => ({
    y: f({ axes: axes!, keep: keepdim! })(x!),
  });
const channelsLast = cs.permute([0, 2, 3, 1]), channelsFirst = cs.permute([0, 3, 1, 2]);
const onImage = (f: (x: Tensor) => Tensor) => (x: Tensor): Given => ({
  y: pipe(x, channelsLast, f, channelsFirst),
});

/** Every operation by PyTorch's name. */
export const operations: Readonly<Record<string, Operation>> = {
  exp: one(cs.exp),
  log: one(cs.log),
  sqrt: one(cs.sqrt),
  rsqrt: one(cs.rsqrt),
  tanh: one(cs.tanh),
  sigmoid: one(cs.sigmoid),
  erf: one(cs.erf),
  silu: one(cs.silu),
  gelu: one(cs.gelu),
  gelu_tanh: one(cs.geluTanh),
  quick_gelu: one(cs.quickGelu),
  relu: one(cs.relu),
  sin: one(cs.sin),
  cos: one(cs.cos),
  abs: one(cs.abs),
  neg: one(cs.neg),
  reciprocal: one(cs.reciprocal),
  add: two(cs.add),
  sub: two(cs.sub),
  mul: two(cs.mul),
  div: two(cs.div),
  pow: two(cs.pow),
  maximum: two(cs.maximum),
  minimum: two(cs.minimum),
  where: (_, { cond, a, b }) => ({ y: cs.select(cond!, a!, b!) }),
  sum: along(cs.sum),
  mean: along(cs.mean),
  max: along(cs.max),
  min: along(cs.min),
  var: along(cs.variance),
  logsumexp: ({ axes, keepdim }, { x }) => ({ y: cs.logsumexp(axes, keepdim)(x!) }),
  argmax: ({ axes, keepdim }, { x }) => ({ index: cs.argmax(axes![0]!, keepdim)(x!) }),
  softmax: ({ axis }, { x }) => ({ y: cs.softmax(axis)(x!) }),
  log_softmax: ({ axis }, { x }) => ({ y: cs.logSoftmax(axis)(x!) }),
  layer_norm: ({ eps }, { x, weight, bias }) => {
    const d = [x!.shape.at(-1)!];
    return {
      y: cs.layerNorm({ weight: weight ?? cs.full(d, 1), bias: bias ?? cs.full(d, 0) }, eps)(x!),
    };
  },
  rms_norm: ({ eps }, { x, weight }) => ({ y: cs.rmsNorm({ weight: weight! }, eps)(x!) }),
  matmul: ({ transpose_a, transpose_b }, { a, b }) => ({
    y: cs.matmul(transpose_b ? cs.transpose(b!) : b!)(transpose_a ? cs.transpose(a!) : a!),
  }),
  einsum: ({ equation }, given) => ({ y: cs.einsum(equation!)(...Object.values(given)) }),
  sdpa: ({ causal, scale }, { q, k, v, mask }) => ({
    y: cs.attention(q!, k!, v!, {
      causal: causal ?? false,
      ...(mask === undefined ? {} : { mask }),
      ...(scale === undefined ? {} : { scale }),
    }),
  }),
  rope: ({ theta, offset }, { q, k }) => {
    const turn = cs.rope(
      cs.ropeTables(q!.shape.at(-2)!, q!.shape.at(-1)!, { theta: theta!, offset: offset! }),
    );
    return { q: turn(q!), k: turn(k!) };
  },
  embedding: (_, { weight, ids }) => ({ y: cs.embedding({ weight: weight! })(ids!) }),
  cross_entropy: (_, { logits, labels }) => ({ y: cs.crossEntropy(logits!, labels!).mean }),
  conv2d: ({ stride, padding }, { x, weight, bias }) => ({
    y: pipe(
      channelsLast(x!),
      cs.conv2d({ weight: weight!, ...(bias === undefined ? {} : { bias }) }, {
        stride: stride!,
        padding: padding ?? 0,
      }),
      channelsFirst,
    ),
  }),
  avg_pool2d: ({ kernel, stride }, { x }) => onImage(cs.averagePool2d(kernel!, { stride: stride! }))(x!),
  adaptive_avg_pool2d: ({ output }, { x }) => onImage(cs.adaptiveAveragePool2d(output!))(x!),
  pixel_unshuffle: ({ factor }, { x }) => onImage(cs.pixelUnshuffle(factor!))(x!),
  space_to_depth: ({ factor }, { x }) => ({ y: cs.spaceToDepth(factor!)(x!) }),
  interpolate: ({ mode, align_corners, size }, { x }) => ({
    y: pipe(channelsLast(x!), cs.resize(size!, { mode: mode!, alignCorners: align_corners! }), channelsFirst),
  }),
  concat: ({ axis }, given) => ({ y: cs.concat(Object.values(given), axis) }),
  slice: ({ start, stop, step }, { x }) => ({ y: cs.slice(start!, stop!, step)(x!) }),
  pad: ({ before, after, value }, { x }) => ({ y: cs.pad(before!, after!, value)(x!) }),
  flip: ({ axes }, { x }) => ({ y: cs.flip(axes!)(x!) }),
  permute: ({ perm }, { x }) => ({ y: cs.permute(perm!)(x!) }),
  reshape: ({ shape }, { x }) => ({ y: cs.reshape(shape!)(x!) }),
  broadcast_to: ({ shape }, { x }) => ({ y: cs.broadcastTo(shape!)(x!) }),
  repeat_interleave: ({ repeats, axis }, { x }) => {
    const s = x!.shape, a = axis!;
    return {
      y: pipe(
        x!,
        cs.reshape([...s.slice(0, a + 1), 1, ...s.slice(a + 1)]),
        cs.broadcastTo([...s.slice(0, a + 1), repeats!, ...s.slice(a + 1)]),
        cs.reshape(s.map((n, i) => i === a ? n * repeats! : n)),
      ),
    };
  },
  split_heads: ({ heads }, { x }) => ({ y: cs.splitHeads(heads!)(x!) }),
  window_partition: ({ window }, { x }) => ({
    y: pipe(x!, cs.windows(window!), cs.reshape([-1, window! ** 2, x!.shape[2]!])),
  }),
  chain: (_, { x, y }) => {
    const first = pipe(x!, cs.permute([0, 2, 1]), cs.flip([1]), (t) => cs.sliceAxis(1, 1, t.shape[1]!)(t));
    const second = cs.pad([0, 0, 0], [0, 0, 1])(y!);
    return { y: cs.mul(cs.reshape([x!.shape[0]!, -1])(cs.concat([first, second], 1)), 2) };
  },
  cumsum: ({ axis }, { x }) => ({ y: cs.cumsum(axis)(x!) }),
  topk: ({ k }, { x }) => ({ ...cs.topK(k!)(x!) }),
  gather: ({ axis }, { x, index }) => ({ y: cs.takeAlong(index!, axis)(x!) }),
  one_hot: ({ classes }, { ids }) => ({ y: cs.oneHot(classes!)(ids!) }),
};

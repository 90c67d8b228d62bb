/** A case for every line of `core/ops/rules.md`: NaN, infinities, empty axes, indices outside, gradients at ties. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import type { DeviceCase } from "./cases.ts";

type Build = (...inputs: Tensor[]) => readonly Tensor[];

const edge = (name: string, arrays: readonly NdArray[], build: Build, loose = false): DeviceCase => ({
  name: `edge: ${name}`,
  ops: [],
  roots: build(...arrays.map((a, i) => cs.input(`x${i}`, a.shape, a.dtype))),
  bindings: Object.fromEntries(arrays.map((a, i) => [`x${i}`, a])),
  exact: !loose,
  loose,
});

const gradientOf = (x: Tensor, f: (x: Tensor) => Tensor): Tensor => {
  const y = f(x), weights = cs.cast("f32")(cs.add(cs.iota([cs.sizeOf(y.shape)]), 1));
  return cs.pullback([y], [cs.reshape(y.shape)(weights)], [x])[0]!;
};

const vector = (...values: number[]): NdArray => cs.f32([values.length], values);
const odd = vector(NaN, Infinity, -Infinity, 0, -0, 1, -1, 3e38);
const mixed = cs.f32([2, 4], [1, NaN, -Infinity, 2, 0.5, 0.5, Infinity, -3]);
const ties = cs.f32([2, 4], [1, 3, 3, 0, 2, 2, 2, -1]);
const hollow = (...shape: number[]): NdArray => cs.f32(shape, []);

/** Cases with values that are not finite. */
const specials: readonly DeviceCase[] = [
  edge("functions outside their domain", [vector(-1, -4, NaN)], (x) => [cs.log(x!), cs.sqrt(x!)]),
  edge("log and rsqrt of 0 and infinity", [vector(0, Infinity)], (x) => [cs.log(x!), cs.rsqrt(x!)]),
  edge("0 / 0 and x / 0", [vector(0, 1, -1, NaN), vector(0, 0, 0, 0)], (a, b) => [cs.div(a!, b!)]),
  edge("min and max over rows, NaN wins", [mixed], (x) => [
    cs.min({ axes: [1] })(x!),
    cs.max({ axes: [1] })(x!),
    cs.min()(x!),
  ]),
  edge("argmax takes the first NaN", [mixed, ties], (x, t) => [cs.argmax()(x!), cs.argmax()(t!)]),
  edge(
    "-0 equals 0",
    [vector(0, -0)],
    (x) => [cs.equal(x!, cs.flip([0])(x!)), cs.less(x!, cs.flip([0])(x!))],
  ),
  edge("clamp passes NaN", [odd], (x) => [cs.clamp(-2, 2)(x!)]),
  edge("NaN is true", [odd], (x) => [cs.cast("bool")(x!)]),
  edge("select drops NaN backward", [vector(NaN, 1, Infinity, 2)], (x) => {
    const safe = (t: Tensor) => cs.select(cs.less(cs.abs(t), 10), cs.mul(t, t), 0);
    return [safe(x!), gradientOf(x!, (t) => cs.select(cs.less(cs.abs(t), 10), t, 0))];
  }),
  edge("order with NaN, infinities and ties", [odd, mixed, ties], (x, m, t) =>
    [x!, m!, t!].flatMap((v) => [
      cs.sort()(v),
      cs.sort(-1, { descending: true })(v),
      cs.argsort()(v),
      cs.argsort(-1, { descending: true })(v),
      cs.topK(3)(v).values,
      cs.topK(3)(v).indices,
    ])),
  edge(
    "running sums do not look ahead",
    [vector(1, 2, NaN, 4), vector(1, Infinity, 2, -Infinity)],
    (a, b) => [
      cs.cumsum()(a!),
      cs.cumsum()(b!),
      cs.cumsum(0, { reverse: true })(a!),
      cs.cumsum(0, { exclusive: true })(b!),
    ],
  ),
  edge("picking alongside NaN", [mixed, cs.i32([2, 2], [0, 3, -1, 1])], (x, i) => [cs.takeAlong(i!)(x!)]),
  edge("0 times NaN in a product", [mixed], (x) => [cs.matmul(cs.full([4, 2], 0))(x!)]),
  edge("pooling alongside NaN", [cs.f32([1, 2, 4, 1], mixed.data)], (x) => [
    cs.maxPool2d([2, 2])(x!),
    cs.maxPool2d(3, { stride: 1, padding: 1 })(x!),
    cs.averagePool2d([1, 2])(x!),
    cs.adaptiveMaxPool2d([1, 3])(x!),
  ]),
  edge(
    "softmax and its kin",
    [cs.f32([4, 3], [1e30, 0, -1e30, -Infinity, 1, 2, NaN, 0, 1, -3e38, 3e38, 0])],
    (x) => [cs.softmax()(x!), cs.logsumexp()(x!)],
    true,
  ),
];

/** Cases with nothing in them, indices outside, and gradients where a choice is open. */
const finite: readonly DeviceCase[] = [
  edge("sums of nothing", [hollow(3, 0)], (x) => [
    cs.sum({ axes: [1] })(x!),
    cs.product({ axes: [1] })(x!),
    cs.any({ axes: [1] })(cs.less(x!, 0)),
    cs.all({ axes: [1] })(cs.less(x!, 0)),
    cs.matmul(cs.full([0, 2], 1))(x!),
  ]),
  edge("running sums, orders and picks of nothing", [hollow(3, 0)], (x) => [
    cs.cumsum(0)(x!),
    cs.cumsum(1)(x!),
    cs.sort()(x!),
    cs.sort(0)(x!),
    cs.topK(0)(x!).values,
    cs.takeAlong(cs.full([3, 2], 0, "i32"))(x!),
  ]),
  edge("one-hot outside the classes", [cs.i32([4], [-1, 0, 2, 3])], (i) => [cs.oneHot(3)(i!)]),
  edge("least of integers", [
    cs.i32([3], [5, -2147483648, 2147483647]),
    cs.u32([3], [7, 4294967295, 0]),
  ], (i, u) => [cs.min()(i!), cs.min()(u!)]),
  edge("gradients of choices at ties", [ties], (x) => [
    gradientOf(x!, cs.max({ axes: [1] })),
    gradientOf(x!, cs.min({ axes: [1] })),
    gradientOf(x!, (t) => cs.maximum(t, 2)),
    gradientOf(x!, (t) => cs.topK(2)(t).values),
    gradientOf(x!, cs.sort()),
    gradientOf(x!, cs.clamp(0, 3)),
    gradientOf(x!, cs.abs),
    gradientOf(x!, cs.relu),
    gradientOf(x!, cs.product({ axes: [1] })),
  ]),
];

/** All edge cases; the first ones hold values that are not finite. */
export const edgeCases: { readonly specials: readonly DeviceCase[]; readonly finite: readonly DeviceCase[] } =
  {
    specials,
    finite,
  };

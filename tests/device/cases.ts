/** Cases of every primitive for the device-generic suite: odd sizes, single and empty axes, broadcasting. */
import * as cs from "@chain-of-sight/core";
import type { Bindings, NdArray, OpName, Shape, Tensor } from "@chain-of-sight/core";
import { booleans, floats, integers } from "../support/random.ts";

/** One case: roots over inputs that are bound by path. */
export interface DeviceCase {
  /** The trials. */
  readonly name: string;
  /** Primitives that it is about. */
  readonly ops: readonly OpName[];
  /** Options of the evaluation. */
  readonly roots: readonly Tensor[];
  /** Values of the inputs. */
  readonly bindings: Bindings;
  /** Whether results must be equal, as for movement and integers. */
  readonly exact: boolean;
  /** Whether a device's own function decides (exp, sin, pow, ...): ten times the tolerance. */
  readonly loose: boolean;
}

/** From the inputs to the roots. */
export type Build = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/** A case from arrays and a function of their inputs. */
export const made = (
  ops: OpName | readonly OpName[],
  name: string,
  arrays: readonly NdArray[],
  build: Build,
  { exact = false, loose = false } = {},
): DeviceCase => {
  const inputs = arrays.map((a, i) => cs.input(`x${i}`, a.shape, a.dtype));
  const roots = build(...inputs);
  return {
    name,
    ops: typeof ops === "string" ? [ops] : ops,
    roots: cs.isTensor(roots) ? [roots] : roots,
    bindings: Object.fromEntries(arrays.map((a, i) => [`x${i}`, a])),
    exact,
    loose,
  };
};

const EXACT = { exact: true }, LOOSE = { loose: true };
const SHAPES: readonly Shape[] = [[], [1], [7], [3, 1, 5], [33, 65], [2, 3, 4, 5], [0, 4], [1031]];
const label = (s: Shape) => `[${s.join(",")}]`;

const ranges: Partial<Record<OpName, readonly [number, number]>> = {
  exp: [-20, 20],
  log: [0.01, 20],
  sqrt: [0, 20],
  rsqrt: [0.01, 20],
  sin: [-3, 3],
  cos: [-3, 3],
  tanh: [-30, 30],
  erf: [-5, 5],
  expm1: [-5, 5],
  log1p: [-0.9, 20],
  sigmoid: [-30, 30],
  floor: [-9, 9],
  ceil: [-9, 9],
};
const own: readonly OpName[] = [
  "exp",
  "log",
  "rsqrt",
  "sin",
  "cos",
  "tanh",
  "erf",
  "expm1",
  "log1p",
  "sigmoid",
];

const unary = ([
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "exp",
  "log",
  "sqrt",
  "rsqrt",
  "sin",
  "cos",
  "tanh",
  "erf",
  "expm1",
  "log1p",
  "sigmoid",
] as const)
  .flatMap((op) =>
    SHAPES.map((s) => {
      const [low, high] = ranges[op] ?? [-3, 3];
      const exact = ["neg", "abs", "sign", "floor", "ceil"].includes(op);
      return made(op, `${op} ${label(s)}`, [floats(op, s, low, high)], (x) => cs[op](x!), {
        exact,
        loose: own.includes(op),
      });
    })
  );

const pairs: readonly (readonly [Shape, Shape])[] = [
  [[5, 7], [5, 7]],
  [[5, 7], [7]],
  [[5, 1], [1, 7]],
  [[3, 4, 5], [4, 1]],
  [[], [6]],
  [[1, 129], [67, 1]],
  [[0, 3], [1, 3]],
];

const binary = (["add", "sub", "mul", "div", "mod", "pow", "maximum", "minimum", "less", "equal"] as const)
  .flatMap((op) =>
    pairs.map(([a, b]) => {
      const low = op === "pow" ? 0.1 : op === "div" || op === "mod" ? 0.5 : -3;
      return made(
        op,
        `${op} ${label(a)} ${label(b)}`,
        [floats(`${op}a`, a, low, 3), floats(`${op}b`, b, low, 3)],
        (x, y) => cs[op](x!, y!),
        { exact: ["maximum", "minimum", "less", "equal"].includes(op), loose: op === "pow" || op === "mod" },
      );
    })
  );

const integer = [
  ...(["add", "sub", "mul", "maximum", "minimum", "less", "equal"] as const).map((op) =>
    made(
      op,
      `${op} i32`,
      [integers("ia", [9, 5], -50, 50), integers("ib", [5], -50, 50)],
      (a, b) => cs[op](a!, b!),
      EXACT,
    )
  ),
  ...(["div", "mod"] as const).map((op) =>
    made(
      op,
      `${op} i32, signs`,
      [integers("ia", [99], -50, 50), integers("id", [99], 1, 9)],
      (a, b) => cs[op](a!, b!),
      EXACT,
    )
  ),
  made(
    "mul",
    "mul i32 wraps",
    [integers("wa", [64], -2_000_000_000, 2_000_000_000)],
    (a) => cs.mul(a!, a!),
    EXACT,
  ),
  made(
    ["neg", "abs", "sign"],
    "neg, abs, sign i32",
    [integers("is", [17], -9, 9)],
    (a) => [cs.neg(a!), cs.abs(a!), cs.sign(a!)],
    EXACT,
  ),
  made("sum", "sum i32", [integers("su", [13, 11], -999, 999)], (a) => cs.sum({ axes: [1] })(a!), EXACT),
  made("max", "max i32", [integers("mx", [13, 11], -999, 999)], (a) => cs.max({ axes: [0] })(a!), EXACT),
];

const logic = [
  made(["and", "or", "not"], "and, or, not", [booleans("p", [5, 9]), booleans("q", [9])], (p, q) => [
    cs.and(p!, q!),
    cs.or(p!, q!),
    cs.not(p!),
  ], EXACT),
  made("equal", "equal bool", [booleans("p", [31]), booleans("q", [31])], (p, q) => cs.equal(p!, q!), EXACT),
  made(
    "select",
    "select, broadcast",
    [booleans("c", [4, 1, 6]), floats("a", [5, 1]), floats("b", [6])],
    (c, a, b) => cs.select(c!, a!, b!),
    EXACT,
  ),
  made(
    "select",
    "select bool",
    [booleans("c", [12]), booleans("a", [12])],
    (c, a) => cs.select(c!, a!, cs.not(a!)),
    EXACT,
  ),
  made("cast", "cast between all types", [
    floats("f", [41], -5, 5),
    integers("i", [41], -3, 3),
    booleans("b", [41]),
  ], (
    f,
    i,
    b,
  ) => [
    cs.cast("i32")(f!),
    cs.cast("u32")(f!),
    cs.cast("f32")(i!),
    cs.cast("bool")(i!),
    cs.cast("f32")(b!),
    cs.cast("i32")(b!),
    cs.cast("u32")(b!),
    cs.cast("bool")(f!),
  ], EXACT),
];

const axesOf: readonly (readonly [Shape, readonly number[]])[] = [
  [[7], [0]],
  [[5, 9], [1]],
  [[5, 9], [0]],
  [[3, 4, 5], [0, 2]],
  [[3, 4, 5], [1]],
  [[3, 4, 5], [0, 1, 2]],
  [[1, 1, 6], [0, 1]],
  [[2, 1025], [1]],
  [[1025, 2], [0]],
  [[70000], [0]],
  [[4, 257, 3], [1, 2]],
];

const reduce = axesOf.flatMap(([s, axes]) => [
  made("sum", `sum ${label(s)} over [${axes}]`, [floats("sum", s)], (x) => [
    cs.sum({ axes })(x!),
    cs.sum({ axes, keep: true })(x!),
  ]),
  made("max", `max ${label(s)} over [${axes}]`, [floats("max", s)], (x) => cs.max({ axes })(x!), EXACT),
  ...(axes.length === 1
    ? [
      made("argmax", `argmax ${label(s)} over [${axes}]`, [floats("am", s)], (x) =>
        cs.argmax(axes[0])(x!), EXACT),
    ]
    : []),
]);

const emptyReduce = [
  made("sum", "sum of nothing is 0", [floats("e", [3, 0])], (x) => cs.sum({ axes: [1] })(x!), EXACT),
  made("sum", "sum into nothing", [floats("e", [0, 3])], (x) => cs.sum({ axes: [1] })(x!), EXACT),
  made(
    "argmax",
    "argmax takes the first of equals",
    [cs.f32([2, 4], [1, 3, 3, 0, 2, 2, 2, 2])],
    (x) => cs.argmax()(x!),
    EXACT,
  ),
];

const movement = [
  made("reshape", "reshape", [floats("r", [6, 5])], (x) => cs.reshape([2, 3, 5])(x!), EXACT),
  made(
    "reshape",
    "reshape of a transpose",
    [floats("r", [6, 5])],
    (x) => cs.reshape([3, 10])(cs.transpose(x!)),
    EXACT,
  ),
  made("reshape", "reshape to and from a scalar", [floats("r", [1, 1])], (x) => cs.reshape([])(x!), EXACT),
  ...([[1, 0, 2], [2, 1, 0], [2, 0, 1], [0, 2, 1]] as const).map((order) =>
    made("permute", `permute [${order}]`, [floats("p", [3, 17, 5])], (x) => cs.permute(order)(x!), EXACT)
  ),
  made(
    "permute",
    "permute of four axes",
    [floats("p4", [2, 3, 5, 7])],
    (x) => cs.permute([2, 0, 3, 1])(x!),
    EXACT,
  ),
  made("expand", "expand", [floats("e", [3, 1, 5])], (x) => cs.broadcastTo([2, 3, 4, 5])(x!), EXACT),
  made("expand", "expand of a scalar", [floats("e", [])], (x) => cs.broadcastTo([3, 5])(x!), EXACT),
  made("expand", "expand to nothing", [floats("e", [1, 4])], (x) => cs.broadcastTo([0, 4])(x!), EXACT),
  made(
    "slice",
    "slice with steps",
    [floats("s", [9, 10])],
    (x) => cs.slice([1, 0], [8, 10], [2, 3])(x!),
    EXACT,
  ),
  made("slice", "slice to nothing", [floats("s", [9, 10])], (x) => cs.slice([3, 0], [3, 10])(x!), EXACT),
  made(
    "slice",
    "slice of a slice of a transpose",
    [floats("s", [9, 10])],
    (x) => cs.slice([1, 1], [5, 4])(cs.slice([2, 3], [10, 9])(cs.transpose(x!))),
    EXACT,
  ),
  made("pad", "pad with a value", [floats("d", [3, 4])], (x) => cs.pad([1, 0], [2, 3], -1.5)(x!), EXACT),
  made("pad", "pad of nothing", [floats("d", [0, 4])], (x) => cs.pad([2, 0], [1, 0], 3)(x!), EXACT),
  made(
    "pad",
    "pad, then slice into the border",
    [floats("d", [3, 4])],
    (x) => cs.slice([0, 2], [4, 7])(cs.pad([2, 1], [1, 2], 9)(x!)),
    EXACT,
  ),
  made(
    "concat",
    "concat of three",
    [floats("c0", [2, 3, 4]), floats("c1", [2, 1, 4]), floats("c2", [2, 5, 4])],
    (a, b, c) => cs.concat([a!, b!, c!], 1),
    EXACT,
  ),
  made(
    "concat",
    "concat with an empty one",
    [floats("c0", [2, 3]), floats("c1", [0, 3])],
    (a, b) => cs.concat([a!, b!, a!], 0),
    EXACT,
  ),
  made(
    "concat",
    "concat of ids",
    [integers("k", [4], 0, 9), integers("l", [3], 0, 9)],
    (a, b) => cs.concat([a!, b!]),
    EXACT,
  ),
  made("flip", "flip", [floats("f", [4, 5, 3])], (x) => [cs.flip([1])(x!), cs.flip([0, 2])(x!)], EXACT),
  made(
    ["flip", "permute", "pad", "slice"],
    "movement upon movement",
    [floats("m", [4, 6])],
    (x) => cs.flip([0])(cs.pad([1, 0], [0, 2], 2)(cs.permute([1, 0])(cs.slice([0, 1], [4, 6], [1, 2])(x!)))),
    EXACT,
  ),
];

const sizes: readonly (readonly [Shape, Shape])[] = [
  [[1, 1], [1, 1]],
  [[5, 7], [7, 3]],
  [[1, 300], [300, 1]],
  [[65, 33], [33, 70]],
  [[128, 64], [64, 128]],
  [[130, 17], [17, 257]],
  [[3, 8, 12], [3, 12, 9]],
  [[2, 3, 5, 6], [2, 3, 6, 4]],
  [[2, 3, 5, 6], [6, 4]],
  [[4, 1, 5, 6], [1, 2, 6, 3]],
  [[3, 0], [0, 4]],
  [[0, 3], [3, 4]],
  [[2, 1, 64], [2, 64, 48]],
];

const contraction = [
  ...sizes.map(([a, b]) =>
    made(
      "matmul",
      `matmul ${label(a)} ${label(b)}`,
      [floats("A", a, -1, 1), floats("B", b, -1, 1)],
      (x, y) => cs.matmul(y!)(x!),
    )
  ),
  made(
    "matmul",
    "matmul of transposes",
    [floats("A", [20, 31], -1, 1), floats("B", [17, 20], -1, 1)],
    (x, y) => [
      cs.matmul(cs.transpose(y!))(cs.transpose(x!)),
      cs.matmul(x!)(y!),
    ],
  ),
  made("matmul", "matmul of a row stretched over rows", [
    floats("A", [1, 9], -1, 1),
    floats("B", [9, 6], -1, 1),
  ], (x, y) => cs.matmul(y!)(cs.broadcastTo([5, 9])(x!))),
];

const index = [
  made(
    "gather",
    "gather",
    [floats("t", [11, 3]), integers("i", [4, 5], 0, 11)],
    (t, i) => cs.gather(t!)(i!),
    EXACT,
  ),
  made(
    "gather",
    "gather beyond the table",
    [floats("t", [4, 3]), integers("i", [9], -3, 8)],
    (t, i) => cs.gather(t!)(i!),
    EXACT,
  ),
  made(
    "gather",
    "gather from a vector of ids",
    [integers("t", [6], 0, 99), integers("i", [8], 0, 6)],
    (t, i) => cs.gather(t!)(i!),
    EXACT,
  ),
  made(
    "scatterAdd",
    "scatterAdd with repeated ids",
    [integers("i", [40], 0, 6), floats("u", [40, 5])],
    (i, u) => cs.scatterAdd(6)(i!, u!),
  ),
  made(
    "scatterAdd",
    "scatterAdd of many positions, most of few ids",
    [
      cs.i32([3000], Array.from({ length: 3000 }, (_, i) => i % 3 === 0 ? 7 : i * i % 211 - 5)),
      floats("u", [3000, 21]),
    ],
    (i, u) => cs.scatterAdd(200)(i!, u!),
  ),
  made(
    "scatterAdd",
    "scatterAdd beyond the table",
    [integers("i", [3, 4], -2, 7), floats("u", [3, 4, 2])],
    (i, u) => cs.scatterAdd(5)(i!, u!),
  ),
  made(
    "scatterAdd",
    "scatterAdd of nothing",
    [integers("i", [0], 0, 1), floats("u", [0, 3])],
    (i, u) => cs.scatterAdd(4)(i!, u!),
    EXACT,
  ),
];

const key = cs.u32([2], [123456789, 987654321]);
const sources = [
  made(
    "randomBits",
    "random bits",
    [key],
    (k) => [cs.randomBits([129])(k!), cs.randomBits([3, 5])(k!)],
    EXACT,
  ),
  made("randomBits", "uniform numbers", [key], (k) => cs.uniform([257])(k!), EXACT),
  made("randomBits", "normal numbers", [key], (k) => cs.normal([101])(k!), LOOSE),
  made(
    "iota",
    "iota over each axis",
    [floats("z", [])],
    () => [cs.iota([3, 5], 0), cs.iota([3, 5], 1), cs.iota([4])],
    EXACT,
  ),
  made("constant", "constants", [floats("z", [])], () => [
    cs.full([2, 3], -0.1),
    cs.constant(7, "i32"),
    cs.full([3], 4294967295, "u32"),
    cs.full([2], 1, "bool"),
    cs.full([2], 1e-30),
    cs.full([2], 3e38),
  ], EXACT),
  made("input", "an input as it is, twice", [floats("i", [5])], (x) => [x!, x!], EXACT),
];

/** All cases with ordinary numbers. */
export const deviceCases: readonly DeviceCase[] = [
  ...unary,
  ...binary,
  ...integer,
  ...logic,
  ...reduce,
  ...emptyReduce,
  ...movement,
  ...contraction,
  ...index,
  ...sources,
];

/** Attention and its gradients: odd sizes, shared heads, causal with more keys than queries, one query, one key. */
export const attentionCases: readonly DeviceCase[] = ([
  [2, 4, 2, 5, 9, 8, false],
  [1, 3, 3, 17, 17, 6, true],
  [2, 2, 1, 4, 11, 12, true],
  [3, 2, 2, 1, 1, 4, false],
  [1, 1, 1, 70, 33, 16, false],
] as const).map(([b, h, g, q, s, d, causal]) =>
  made(
    ["attention", "attentionGrad"],
    `attention ${b}x${h}/${g}x${q}x${s}x${d}${causal ? " causal" : ""}`,
    [
      floats("q", [b, h, q, d]),
      floats("k", [b, g, s, d]),
      floats("v", [b, g, s, d]),
      floats("ct", [b, h, q, d]),
      floats("ctl", [b, h, q]),
    ],
    (x, k, v, ct, ctl) => {
      const { values, logNormaliser } = cs.attend(x!, k!, v!, { causal, scale: 0.3 });
      return [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct!, ctl!], [x!, k!, v!])];
    },
    LOOSE,
  )
);

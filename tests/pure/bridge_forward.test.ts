/** C-Abstractor and TokenPacker against plain loops over numbers, written from their papers. */
import { arrayTrees, type NdArray, type Tree } from "@chain-of-sight/core";
import { test } from "uvu";
import { bridgeHere, featuresOf, parametersOf, tokensOf } from "../support/bridges.ts";
import { near } from "../support/near.ts";

type Vector = readonly number[];
/** `x[cell][channel]`. */
type Cells = readonly Vector[];

const EPS = 1e-6, GRID = 4, D = 4;

/** Reads parameters by path: rows of a matrix, or a vector. */
const reader = (params: Tree<NdArray>) => {
  const flat = arrayTrees.flatten(params);
  const numbers = (path: string): Vector => Array.from(flat[path]!.data as ArrayLike<number>);
  const affine = (path: string) => (x: Vector): Vector => {
    const weight = numbers(`${path}.weight`),
      bias = flat[`${path}.bias`] === undefined ? undefined : numbers(`${path}.bias`);
    return Array.from(
      { length: weight.length / x.length },
      (_, o) => x.reduce((s, v, i) => s + v * weight[o * x.length + i]!, bias?.[o] ?? 0),
    );
  };
  const norm = (path: string) => (x: Vector): Vector => {
    const mean = x.reduce((a, b) => a + b) / x.length;
    const variance = x.reduce((s, v) => s + (v - mean) ** 2, 0) / x.length;
    const [gain, offset] = [numbers(`${path}.weight`), numbers(`${path}.bias`)];
    return x.map((v, i) => (v - mean) / Math.sqrt(variance + EPS) * gain[i]! + offset[i]!);
  };
  const mlp = (path: string, f: (x: number) => number) => (x: Vector): Vector =>
    affine(`${path}.fc2`)(affine(`${path}.fc1`)(x).map(f));
  return { numbers, affine, norm, mlp };
};

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));
const silu = (x: number): number => x * sigmoid(x);
/** The error function by Simpson's rule. */
const erf = (x: number): number => {
  const n = 200, h = x / n, f = (t: number) => Math.exp(-t * t);
  const inner = Array.from({ length: n - 1 }, (_, i) => (i % 2 === 0 ? 4 : 2) * f((i + 1) * h)).reduce((
    a,
    b,
  ) => a + b);
  return 2 / Math.sqrt(Math.PI) * h / 3 * (f(0) + inner + f(x));
};
const gelu = (x: number): number => x / 2 * (1 + erf(x / Math.SQRT2));
const plus = (a: Vector, b: Vector): Vector => a.map((x, i) => x + b[i]!);
const mean = (xs: readonly Vector[]): Vector =>
  xs[0]!.map((_, c) => xs.reduce((s, x) => s + x[c]!, 0) / xs.length);

const cellsOf = (x: NdArray): Cells =>
  Array.from(
    { length: GRID * GRID },
    (_, n) => Array.from(x.data.slice(n * D, n * D + D) as ArrayLike<number>),
  );

const regBlock = (params: Tree<NdArray>, path: string, side: number) => (x: Cells): Cells => {
  const { numbers, affine, norm } = reader(params), kernel = numbers(`${path}.conv2.weight`);
  const first = x.map((v) => norm(`${path}.ln_1`)(affine(`${path}.conv1`)(v)).map(silu));
  const spatial = first.map((_, n) => {
    const y = Math.floor(n / side), i = n % side;
    return Array.from({ length: D }, (_, c) => {
      let sum = 0;
      for (let dy = -1; dy <= 1; dy++) {
        for (let dx = -1; dx <= 1; dx++) {
          const inside = y + dy >= 0 && y + dy < side && i + dx >= 0 && i + dx < side;
          if (inside) sum += first[(y + dy) * side + i + dx]![c]! * kernel[c * 9 + (dy + 1) * 3 + dx + 1]!;
        }
      }
      return sum;
    });
  }).map((v) => norm(`${path}.ln_2`)(v).map(silu));
  const gate = affine(`${path}.se.fc2`)(affine(`${path}.se.fc1`)(mean(spatial)).map(silu)).map(sigmoid);
  return spatial.map((v, n) => {
    const last = norm(`${path}.ln_3`)(affine(`${path}.conv3`)(v.map((a, c) => a * gate[c]!)));
    return plus(last, x[n]!).map(silu);
  });
};

test("the C-Abstractor: positions, a block, pooling, a block, a perceptron", () => {
  const bridge = bridgeHere({ kind: "c-abstractor", side: 2, depth: 1, table: 4 });
  const params = parametersOf(bridge),
    features = featuresOf(bridge, D),
    { numbers, mlp } = reader(params);
  const table = numbers("positions");
  const placed = cellsOf(features[0]!).map((v, n) => plus(v, table.slice(n * D, n * D + D)));
  const before = regBlock(params, "before.0", 4)(placed);
  const pooled = [0, 2, 8, 10].map((n) => mean([before[n]!, before[n + 1]!, before[n + 4]!, before[n + 5]!]));
  const after = regBlock(params, "after.0", 2)(pooled);
  const expected = after.flatMap((v) => mlp("mlp", silu)(v));
  near(
    "tokens",
    tokensOf(bridge, params, features),
    { shape: [1, 4, 3], data: Float64Array.from(expected) },
    {
      rtol: 1e-6,
      atol: 1e-7,
    },
  );
});

test("TokenPacker: interpolated queries attend to their regions of both levels", () => {
  const bridge = bridgeHere({ kind: "token-packer", region: 2, levels: 2 }), heads = 2, part = D / heads;
  const params = parametersOf(bridge), features = featuresOf(bridge, D);
  const { affine, norm, mlp } = reader(params),
    [shallow, deep] = features.map(cellsOf) as [Cells, Cells];
  const both = shallow.map((v, n) => [...v, ...deep[n]!]);
  const expected = [0, 2, 8, 10].flatMap((n) => {
    const region = [n, n + 1, n + 4, n + 5];
    // halving with corners not aligned takes the mean of the four cells
    const query = affine("attn.q")(norm("ln_q")(affine("q_proj")(mean(region.map((i) => deep[i]!)))));
    const of = (proj: string, ln: string, map: string) =>
      region.map((i) => affine(map)(norm(ln)(mlp(proj, gelu)(both[i]!))));
    const keys = of("k_proj", "ln_k", "attn.k"), values = of("v_proj", "ln_v", "attn.v");
    const seen = Array.from({ length: heads }, (_, h) => {
      const slice = (v: Vector) => v.slice(h * part, h * part + part);
      const weights = keys.map((key) =>
        Math.exp(slice(key).reduce((s, k, c) => s + k * slice(query)[c]!, 0) / Math.sqrt(part))
      );
      const total = weights.reduce((a, b) => a + b);
      return slice(values[0]!).map((_, c) =>
        weights.reduce((s, w, i) => s + w / total * slice(values[i]!)[c]!, 0)
      );
    }).flat();
    return mlp("mlp", gelu)(affine("attn.out")(seen));
  });
  near(
    "tokens",
    tokensOf(bridge, params, features),
    { shape: [1, 4, 3], data: Float64Array.from(expected) },
    {
      rtol: 1e-6,
      atol: 1e-7,
    },
  );
});

test.run();

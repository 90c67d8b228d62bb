/** Products on the CPU: every path and layout, sizes around the edges of tiles, panels and blocks. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import { onCpu } from "../support/cpu.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const test = suite("products on the CPU");
const evaluate = onCpu();

/** How an operand `[batch, p, q]` is stored, and how it is turned back. */
const layouts: Readonly<Record<string, readonly [(s: number[]) => number[], (x: Tensor) => Tensor]>> = {
  plain: [(s) => s, (x) => x],
  turned: [([b, p, q]) => [b!, q!, p!], (x) => cs.permute([0, 2, 1])(x)],
  heads: [([b, p, q]) => [p!, b!, q!], (x) => cs.permute([1, 0, 2])(x)],
  inside: [([b, p, q]) => [p!, q!, b!], (x) => cs.permute([2, 0, 1])(x)],
  shared: [([, p, q]) => [1, p!, q!], (x) => x],
  flipped: [(s) => s, (x) => cs.flip([2])(x)],
};

const sizes: readonly (readonly [number, number, number, number])[] = [
  // batch, m, n, k
  [1, 4, 8, 4],
  [1, 6, 9, 5],
  [1, 7, 12, 400],
  [1, 50, 13, 385],
  [1, 97, 521, 33],
  [1, 49, 1030, 10],
  [1, 5, 8, 771],
  [3, 13, 16, 67],
  [5, 68, 32, 68],
  [2, 300, 24, 12],
  [1, 1, 700, 64],
  [1, 3, 37, 130],
  [7, 1, 4, 32],
  [7, 1, 32, 4],
  [4, 9, 5, 21],
  [2, 2, 3, 2],
  [1, 64, 7, 1],
  [3, 5, 1, 6],
];

/** The product in float64, from operands as they are stored. */
const expected = (x: Tensor, y: Tensor, values: Readonly<Record<string, NdArray>>): NdArray => {
  const [a, b] = cs.interpret([x, y], values) as [NdArray, NdArray];
  const [batch, m, k] = a.shape as [number, number, number], n = b.shape[2]!;
  const groups = Math.max(batch, b.shape[0]!), out = new Float64Array(groups * m * n);
  for (let z = 0; z < groups; z++) {
    const za = batch === 1 ? 0 : z, zb = b.shape[0] === 1 ? 0 : z;
    for (let i = 0; i < m; i++) {
      for (let p = 0; p < k; p++) {
        const v = a.data[(za * m + i) * k + p]!;
        for (let j = 0; j < n; j++) out[(z * m + i) * n + j]! += v * b.data[(zb * k + p) * n + j]!;
      }
    }
  }
  return cs.ndarray("f32", [groups, m, n], out);
};

for (const [batch, m, n, k] of sizes) {
  test(`${batch} x ${m} x ${n} x ${k} in every layout`, async () => {
    for (const [nameA, [storeA, turnA]] of Object.entries(layouts)) {
      for (const [nameB, [storeB, turnB]] of Object.entries(layouts)) {
        if (m * n * k * batch > 4e5 && nameA !== "plain" && nameB !== "turned" && nameB !== "plain") continue;
        const sa = storeA([batch, m, k]), sb = storeB([batch, k, n]);
        const values = { a: floats(`a${sa}`, sa, -1, 1), b: floats(`b${sb}`, sb, -1, 1) };
        const x = turnA(cs.input("a", sa)), y = turnB(cs.input("b", sb)), product = cs.matmul(y)(x);
        const finished = cs.add(cs.mul(product, 2), cs.tanh(product));
        const [got, also] = await evaluate([product, finished], values);
        const want = expected(x, y, values), label = `${nameA} by ${nameB}`;
        const after = Float64Array.from(want.data, (v) => 2 * v + Math.tanh(v));
        near(label, got!, want, { rtol: 2e-6, atol: 1e-6 });
        near(`${label}, finished`, also!, { shape: want.shape, data: after }, { rtol: 2e-6, atol: 2e-6 });
      }
    }
  });
}

test.run();

/** Queries that see no key: value 0, log-normaliser -Infinity and gradients 0, however attention is computed. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";
import { type Evaluate, reference } from "../support/evaluate.ts";
import { near } from "../support/near.ts";
import { booleans, floats } from "../support/random.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";

const test = suite("queries that see no key");

const decomposed: Evaluate = (roots, bindings) => {
  const becomes = new Map<Tensor, Tensor>();
  const rebuilt = (t: Tensor): Tensor => {
    const known = becomes.get(t);
    if (known !== undefined) return known;
    const args = t.args.map(rebuilt), node = cs.remade(cs.recordOf(t.op), t, args);
    const of = cs.is("result", node) ? node.args[0]! : undefined;
    const made = of !== undefined && cs.isAttention(of.op)
      ? rebuilt(cs.tupleRecordOf(of).decompose!(of)[(node as Tensor<"result">).attributes.index]!)
      : node;
    becomes.set(t, made);
    return made;
  };
  return reference(roots.map(rebuilt), bindings);
};

const devices: readonly (readonly [name: string, evaluate: Evaluate, schedule?: boolean])[] = [
  ["reference", reference],
  ["reference, from products", decomposed],
  ["cpu", onCpu()],
  ["cpu, from products", onCpu({ attention: false })],
  ["webgpu", onWebGpu()],
  ["webgpu, from products", onWebGpu({ attention: false })],
  ["webgpu, little workgroup memory", onWebGpu({}, { workgroupBytes: 2048 }), true],
];

/** Batch, heads, heads of keys, queries, keys, channels. */
type Size = readonly [number, number, number, number, number, number];

/** The CPU has other kernels from six queries on. */
const sizes: readonly Size[] = [
  [1, 1, 1, 2, 1, 1],
  [2, 2, 1, 4, 1, 3],
  [1, 4, 2, 5, 3, 8],
  [1, 2, 2, 6, 2, 4],
  [2, 2, 1, 7, 3, 5],
  [1, 2, 1, 40, 9, 16],
  [1, 3, 3, 70, 33, 8],
];

const inputsOf = ([b, h, g, q, s, d]: Size) => {
  const shapes = [[b, h, q, d], [b, g, s, d], [b, g, s, d]];
  const inputs = shapes.map((shape, i) => cs.input(`x${i}`, shape)) as [Tensor, Tensor, Tensor];
  const bindings: Record<string, NdArray> = {};
  inputs.forEach((x, i) => bindings[`x${i}`] = floats(`blind${i}`, x.shape, -1, 1));
  return { inputs, bindings };
};

/** The rows of `[b, h, q, ...]` of queries without keys are all of a value. */
const blindRows = (name: string, { data, shape }: NdArray, blind: number, value: number): void => {
  const [b, h, q] = shape as [number, number, number], each = data.length / (b * h * q);
  for (let row = 0; row < b * h * q; row++) {
    if (row % q >= blind) continue;
    for (let c = 0; c < each; c++) {
      assert.ok(data[row * each + c]! === value, `${name}, row ${row}: ${data[row * each + c]}`);
    }
  }
};

for (const [device, evaluate, schedule = false] of devices) {
  for (const size of schedule ? sizes.slice(5, 6) : sizes) {
    const [, , , q, s] = size, blind = q - s;
    test(`causal ${size.join(" x ")}, ${device}`, async () => {
      const { inputs, bindings } = inputsOf(size);
      const { values, logNormaliser } = cs.attend(...inputs, { causal: true, scale: 0.3 });
      const ct = cs.input("ct", values.shape), lct = cs.input("lct", logNormaliser.shape);
      const given = { ...bindings, ct: floats("blind ct", ct.shape), lct: floats("blind lct", lct.shape) };
      const roots = [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct, lct], inputs)];
      const got = await evaluate(roots, given), want = cs.interpret(roots, given);
      roots.forEach((_, i) => near(`root ${i}`, got[i]!, want[i]!, { rtol: 2e-4, atol: 2e-5 }));
      blindRows("value", got[0]!, blind, 0);
      blindRows("log-normaliser", got[1]!, blind, -Infinity);
      blindRows("query gradient", got[2]!, blind, 0);
      // what the cotangents of blind queries are makes no difference
      const louder = cs.ndarray(
        "f32",
        ct.shape,
        Float32Array.from(
          given.ct.data as Float32Array,
          (x, i) => Math.floor(i / size[5]) % q < blind ? 1e6 : x,
        ),
      );
      const again = await evaluate(roots.slice(2), { ...given, ct: louder });
      again.forEach((y, i) => near(`gradient ${i}`, y, want[i + 2]!, { rtol: 2e-4, atol: 2e-5 }));
    });
  }
  for (const causal of schedule ? [] : [false, true]) {
    test(`a mask without any key for some queries${causal ? ", causal" : ""}, ${device}`, async () => {
      const size: Size = [2, 4, 2, 7, 5, 4], { inputs, bindings } = inputsOf(size);
      const mask = cs.input("mask", [2, 1, 7, 5], "bool"), seen = booleans("blind mask", [2, 1, 7, 5]);
      for (let j = 0; j < 5; j++) seen.data[5 * 3 + j] = 0;
      const y = cs.attention(...inputs, { mask, causal });
      const ct = cs.input("ct", y.shape),
        given = { ...bindings, mask: seen, ct: floats("mask ct", ct.shape) };
      const roots = [y, ...cs.pullback([y], [ct], inputs)];
      const got = await evaluate(roots, given);
      const want = bySum(given, causal);
      near("value", got[0]!, { shape: y.shape, data: want }, { rtol: 1e-5, atol: 2e-6 });
      cs.interpret(roots, given).forEach((w, i) => near(`root ${i}`, got[i]!, w, { rtol: 2e-4, atol: 2e-5 }));
      const width = 7 * 4;
      for (const [name, t] of [["value", got[0]!], ["query gradient", got[1]!]] as const) {
        for (let h = 0; h < 4; h++) {
          for (let c = 0; c < 4; c++) assert.ok(t.data[h * width + 3 * 4 + c] === 0, `${name} of head ${h}`);
        }
      }
    });
  }
}

/** Masked attention of 4 heads over 2, written out. */
const bySum = (given: Readonly<Record<string, NdArray>>, causal: boolean): Float64Array => {
  const [q, k, v, mask] = ["x0", "x1", "x2", "mask"].map((n) => given[n]!.data),
    out = new Float64Array(2 * 4 * 7 * 4);
  for (let b = 0; b < 2; b++) {
    for (let h = 0; h < 4; h++) {
      for (let i = 0; i < 7; i++) {
        const key = (j: number) => ((b * 2 + Math.floor(h / 2)) * 5 + j) * 4, row = ((b * 4 + h) * 7 + i) * 4;
        const keys = [0, 1, 2, 3, 4].filter((j) =>
          mask![(b * 7 + i) * 5 + j]! && (!causal || j <= i + 5 - 7)
        );
        const weights = keys.map((j) =>
          Math.exp([0, 1, 2, 3].reduce((sum, c) => sum + q![row + c]! * k![key(j) + c]!, 0) / 2)
        );
        const total = weights.reduce((a, b) => a + b, 0);
        keys.forEach((j, n) => {
          for (let c = 0; c < 4; c++) out[row + c]! += weights[n]! / total * v![key(j) + c]!;
        });
      }
    }
  }
  return out;
};

test("forward-mode derivatives and vmap follow the rule", () => {
  const size: Size = [1, 2, 1, 5, 2, 3], { inputs, bindings } = inputsOf(size), [q, k, v] = inputs;
  const f = (t: { q: Tensor; k: Tensor; v: Tensor }) => {
    const { values, logNormaliser } = cs.attend(t.q, t.k, t.v, { causal: true, scale: 0.3 });
    return { values, logNormaliser };
  };
  const along = { q: cs.sin(q), k: cs.cos(k), v: cs.tanh(v) };
  const { value, tangent } = cs.jvp(f)({ q, k, v }, along) as cs.Jvp<
    { values: Tensor; logNormaliser: Tensor }
  >;
  const roots = [value.values, value.logNormaliser, tangent.values, tangent.logNormaliser];
  const [y, lse, dy, dlse] = cs.interpret(roots, bindings);
  blindRows("value", y!, 3, 0);
  blindRows("log-normaliser", lse!, 3, -Infinity);
  blindRows("tangent", dy!, 3, 0);
  blindRows("tangent of the log-normaliser", dlse!, 3, 0);
  assert.ok([...dy!.data, ...dlse!.data].every(Number.isFinite));
  const stacked = cs.vmap((a: Tensor, b: Tensor, c: Tensor) =>
    cs.attend(a, b, c, { causal: true, scale: 0.3 }).values
  );
  const three = (t: Tensor) => cs.broadcastTo([3, ...t.shape])(cs.reshape([1, ...t.shape])(t));
  const [many] = cs.interpret([stacked(three(q), three(k), three(v))], bindings);
  for (let i = 0; i < 3; i++) {
    assert.equal([...many!.data.subarray(i * y!.data.length, (i + 1) * y!.data.length)], [...y!.data]);
  }
});

test("weights of a query that sees no key are 0, and attention over no keys is 0", () => {
  const { inputs, bindings } = inputsOf([1, 1, 1, 4, 2, 3]);
  const { values } = cs.attend(...inputs, { causal: true, scale: 1 });
  const [weights] = cs.interpret([cs.attentionWeights(cs.attentionsOf([values])[0]!)], bindings);
  assert.equal([...weights!.data].slice(0, 5), [0, 0, 0, 0, 1]);
  const none = cs.input("none", [1, 1, 0, 3]);
  const [zero] = cs.interpret([cs.attention(inputs[0], none, none)], {
    ...bindings,
    none: cs.f32([1, 1, 0, 3], []),
  });
  assert.equal([...zero!.data], new Array(12).fill(0));
});

test.after(closeCpu);
test.after(closeDevice);
test.run();

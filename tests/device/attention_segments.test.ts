/** Attention of packed rows: equal to that of the sequences alone, on every device and in every schedule. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";
import { type Evaluate, reference } from "../support/evaluate.ts";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";
import { floats } from "../support/random.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";

const test = suite("attention of packed rows");

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

/** The last ones are informed something else than is true, which decides the schedule alone. */
const devices: readonly (readonly [name: string, evaluate: Evaluate])[] = [
  ["from products", decomposed],
  ["CPU, one thread", onCpu({ attention: true }, 1)],
  ["CPU, more threads than heads", onCpu({ attention: true }, 5)],
  ["CPU, from products", onCpu({ attention: false })],
  ["WebGPU", onWebGpu({ attention: true })],
  ["WebGPU, little workgroup memory", onWebGpu({ attention: true }, { workgroupBytes: 2048 })],
];

/** Lengths of segments one after the other; negative ones are padding. */
interface Packed {
  readonly b: number;
  readonly h: number;
  readonly g: number;
  readonly d: number;
  readonly causal: boolean;
  readonly rows: readonly (readonly number[])[];
}

const lengthOf = (row: readonly number[]): number => row.reduce((n, x) => n + Math.abs(x), 0);

/** Ids of rows padded to the longest. */
const idsOf = ({ rows }: Pick<Packed, "rows">): Int32Array => {
  const s = Math.max(...rows.map(lengthOf));
  return Int32Array.from(rows.flatMap((row) => {
    const ids = row.flatMap((x, i) => new Array<number>(Math.abs(x)).fill(x < 0 ? -i : i + 1));
    return [...ids, ...new Array<number>(s - ids.length).fill(0)];
  }));
};

const described = (shape: Omit<Packed, "rows">, s: number, ids?: Int32Array) => {
  const { b, h, g, d, causal } = shape, shapes = [[b, h, s, d], [b, g, s, d], [b, g, s, d]];
  const inputs = shapes.map((shape, i) => cs.input(`x${i}`, shape)) as [Tensor, Tensor, Tensor];
  const segments = ids === undefined ? undefined : cs.input("ids", [b, s], "i32");
  const { values, logNormaliser } = cs.attend(...inputs, { causal, scale: 0.4 }, segments);
  const ct = cs.input("ct", values.shape), lct = cs.input("lct", logNormaliser.shape);
  const roots = [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct, lct], inputs)];
  const bindings: Record<string, NdArray> = {
    ...Object.fromEntries(inputs.map((x, i) => [`x${i}`, floats(`packed${i}`, x.shape, -1, 1)])),
    ct: floats("packed ct", ct.shape),
    lct: floats("packed lct", lct.shape),
    ...(ids === undefined ? {} : { ids: { dtype: "i32", shape: [b, s], data: ids } as NdArray }),
  };
  return { roots, bindings };
};

const names = ["values", "normaliser", "query gradient", "key gradient", "value gradient"];

/** Positions `at` of one row of `[b, heads, s, ...]`. */
const part = (x: NdArray, b: number, at: readonly number[]): NdArray => {
  const [, heads, s] = x.shape as [number, number, number], each = x.data.length / (x.shape[0]! * heads * s);
  const data = Float32Array.from({ length: heads * at.length * each }, (_, i) => {
    const c = i % each, n = Math.floor(i / each), head = Math.floor(n / at.length);
    return x.data[((b * heads + head) * s + at[n % at.length]!) * each + c]!;
  });
  return { dtype: "f32", shape: [1, heads, at.length, ...x.shape.slice(3)], data };
};

/** Every segment of packed rows as attention of its own gives it; padding gives 0, and a normaliser of log 0. */
const asAlone = (p: Omit<Packed, "rows">, ids: Int32Array, got: readonly NdArray[], name: string): void => {
  const s = ids.length / p.b, { bindings } = described(p, s, ids);
  for (let b = 0; b < p.b; b++) {
    const row = [...ids.subarray(b * s, (b + 1) * s)];
    const placesOf = (id: number) => row.flatMap((x, i) => x === id ? [i] : []);
    for (const id of new Set(row)) {
      const at = placesOf(id);
      if (id < 1) {
        got.forEach((y, i) => {
          const want = i === 1 ? -Infinity : 0;
          assert.ok([...part(y, b, at).data].every((v) => v === want), `${names[i]} of padding, ${name}`);
        });
        continue;
      }
      const alone = described({ ...p, b: 1 }, at.length);
      const own = Object.fromEntries(
        Object.keys(alone.bindings).map((key) => [key, part(bindings[key]!, b, at)]),
      );
      cs.interpret(alone.roots, own).forEach((want, i) =>
        near(`${names[i]} of segment ${id} of row ${b}, ${name}`, part(got[i]!, b, at), want, {
          rtol: 2e-4,
          atol: 2e-5,
        })
      );
    }
  }
};

const packs: readonly Packed[] = [
  { b: 2, h: 2, g: 2, d: 5, causal: false, rows: [[-2, 6, 1], [2, -3, 4]] },
  { b: 1, h: 4, g: 2, d: 16, causal: true, rows: [[30, 5, 40, 20]] },
  { b: 3, h: 1, g: 1, d: 12, causal: false, rows: [[50, 47], [-60], [1, 1, 90, -3]] },
  // more keys than a tile of the CPU holds
  { b: 1, h: 1, g: 1, d: 4, causal: true, rows: [[140, 100, 7, 300, -10]] },
];

for (const [name, evaluate] of devices) {
  for (const [n, pack] of packs.entries()) {
    test(`pack ${n}, ${name}`, async () => {
      const ids = idsOf(pack), { roots, bindings } = described(pack, ids.length / pack.b, ids);
      asAlone(pack, ids, await evaluate(roots, bindings), name);
    });
  }
}

const ids_ = fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 1, maxLength: 60 });

for (const [name, evaluate] of devices) {
  property(
    test,
    `ids in any order, ${name}`,
    [ids_, fc.integer({ min: 1, max: 9 }), fc.boolean()],
    async (ids, d, causal) => {
      const p = { b: 1, h: 2, g: 1, d, causal },
        { roots, bindings } = described(p, ids.length, Int32Array.from(ids));
      asAlone(p, Int32Array.from(ids), await evaluate(roots, bindings), name);
    },
    { runs: 4 },
  );
}

test("the reference, forward-mode derivatives and vmap keep segments apart", () => {
  const pack: Packed = { b: 2, h: 2, g: 1, d: 3, causal: true, rows: [[3, 2, -1], [2, -3, 1]] };
  const ids = idsOf(pack), { roots, bindings } = described(pack, 6, ids);
  asAlone(pack, ids, cs.interpret(roots, bindings), "reference");
  const [q, k, v] = [0, 1, 2].map((i) => cs.input(`x${i}`, [2, i === 0 ? 2 : 1, 6, 3])) as [
    Tensor,
    Tensor,
    Tensor,
  ];
  const segments = cs.input("ids", [2, 6], "i32");
  const f = (t: { q: Tensor; k: Tensor; v: Tensor }) =>
    cs.attention(t.q, t.k, t.v, { causal: true, scale: 0.4, segments });
  const along = { q: cs.sin(q), k: cs.cos(k), v: cs.tanh(v) };
  const { tangent } = cs.jvp(f)({ q, k, v }, along) as cs.Jvp<Tensor>;
  const ct = cs.input("ct", [2, 2, 6, 3]);
  const y = f({ q, k, v }), back = cs.pullback([y], [ct], [q, k, v]);
  const transposed = [along.q, along.k, along.v].map((t, i) => cs.sum()(cs.mul(t, back[i]!)))
    .reduce((a, b) => cs.add(a, b));
  const [left, right] = cs.interpret([cs.sum()(cs.mul(ct, tangent)), transposed], bindings);
  assert.ok(Math.abs(left!.data[0]! - right!.data[0]!) < 1e-5, "tangents and cotangents agree");
  const two = (t: Tensor) => cs.broadcastTo([2, ...t.shape])(cs.reshape([1, ...t.shape])(t));
  const many = cs.vmap((a: Tensor, b: Tensor, c: Tensor, s: Tensor) =>
    cs.attention(a, b, c, { causal: true, scale: 0.4, segments: s })
  )(two(q), two(k), two(v), two(segments));
  const [all, one] = cs.interpret([many, y], bindings);
  assert.equal([...all!.data], [...one!.data, ...one!.data]);
  const weights = cs.attentionWeights(cs.attentionsOf([y])[0]!);
  const mask = cs.broadcastTo([2, 1, 6, 6])(cs.lessEqual(0, cs.iota([1, 1, 1, 1], 0)));
  const masked = cs.attention(q, k, v, { causal: true, scale: 0.4, segments, mask });
  const [w, m] = cs.interpret([weights, masked], bindings);
  near("attention with a mask besides", m!, one!, { rtol: 1e-5, atol: 1e-6 });
  const sums = Array.from(
    { length: 24 },
    (_, r) => [...w!.data].slice(6 * r, 6 * r + 6).reduce((a, x) => a + x, 0),
  );
  const seen = Array.from({ length: 24 }, (_, r) => ids[(r >= 12 ? 6 : 0) + r % 6]! > 0 ? 1 : 0);
  sums.forEach((x, r) => assert.ok(Math.abs(x - seen[r]!) < 1e-5, `weights of query ${r}`));
});

test("segments of another shape or element type are refused, with a hint", () => {
  const q = cs.input("q", [2, 1, 4, 3]), k = cs.input("k", [2, 1, 5, 3]);
  const options = { causal: true, scale: 1 };
  assert.throws(() => cs.attend(q, q, q, options, cs.input("ids", [2, 5], "i32")), /every position/);
  assert.throws(() => cs.attend(q, k, k, options, cs.input("ids", [2, 5], "i32")), /as many queries as keys/);
  assert.throws(() => cs.attend(q, q, q, options, cs.input("ids", [2, 4])), /i32/);
  assert.throws(() => cs.attend(q, q, q, options, cs.input("ids", [4], "i32")), /\[batch, positions\]/);
});

test.after(closeCpu);
test.after(closeDevice);
test.run();

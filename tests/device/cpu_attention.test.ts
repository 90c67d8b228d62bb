/** Attention on the CPU: every mode and layout on ragged sizes, whole and with split keys. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import { compile, explain, theDevice } from "@chain-of-sight/kernels";
import { Effect } from "effect";
import * as Context from "effect/Context";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tilesOf } from "../../kernels/wasm/attention_tiles.ts";
import { cpuServices } from "../support/cpu.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const test = suite("attention on the CPU");

type Bindings = Readonly<Record<string, NdArray>>;

/** How the gradient is computed: a head of keys at a time, in parts of its keys, or from products and a softmax. */
type Way = "whole" | "split" | "decomposed";

const outputsOf = (roots: readonly Tensor[]): Readonly<Record<string, Tensor>> =>
  Object.fromEntries(roots.map((t, i) => [`y${i}`, t]));

const planFor = (roots: readonly Tensor[], device: Effect.Success<ReturnType<typeof theDevice>>, way: Way) =>
  compile(
    { outputs: outputsOf(roots) },
    { ...device.profile, attentionUnits: way === "whole" ? 1 : 64 },
    { attention: way !== "decomposed" },
  );

const deviceOf = async (threads: number) => Context.get(await cpuServices(threads), theDevice());

const run = async (
  roots: readonly Tensor[],
  bindings: Bindings,
  way: Way,
  threads = 2,
): Promise<NdArray[]> => {
  const device = await deviceOf(threads), plan = planFor(roots, device, way);
  return await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const program = yield* device.load(plan);
    yield* program.write(bindings);
    yield* program.run;
    const got = yield* program.read(Object.keys(plan.outputs));
    return roots.map((_, i) => got[`y${i}`]!);
  })));
};

/** How an operand `[b, h, n, d]` is stored, and how it is turned into that. */
interface Layout {
  readonly shape: (s: readonly number[]) => number[];
  readonly turn: (x: Tensor) => Tensor;
}

const layouts: Readonly<Record<string, Layout>> = {
  plain: { shape: (s) => [...s], turn: (x) => x },
  heads: { shape: ([b, h, n, d]) => [b!, n!, h!, d!], turn: (x) => cs.permute([0, 2, 1, 3])(x) },
  channels: { shape: ([b, h, n, d]) => [b!, h!, d!, n!], turn: (x) => cs.permute([0, 1, 3, 2])(x) },
  flipped: { shape: (s) => [...s], turn: (x) => cs.flip([2])(x) },
  shared: {
    shape: ([, h, n, d]) => [1, h!, n!, d!],
    turn: (x) => x,
  },
  part: {
    shape: ([b, h, n, d]) => [b!, h!, n!, d! + 3],
    turn: (x) => cs.sliceAxis(-1, 2, x.shape.at(-1)! - 1)(x),
  },
};

interface Sizes {
  readonly b: number;
  readonly h: number;
  readonly g: number;
  readonly q: number;
  readonly s: number;
  readonly d: number;
}

/** Values, normalisers and all three gradients of one attention. */
const described = (
  { b, h, g, q, s, d }: Sizes,
  causal: boolean,
  stored: readonly [Layout, Layout, Layout] = [layouts.plain!, layouts.plain!, layouts.plain!],
) => {
  const shapes = [[b, h, q, d], [b, g, s, d], [b, g, s, d]];
  const inputs = shapes.map((shape, i) => cs.input(`x${i}`, stored[i]!.shape(shape)));
  const operands = inputs.map((x, i) => cs.broadcastTo(shapes[i]!)(stored[i]!.turn(x)));
  const { values, logNormaliser } = cs.attend(operands[0]!, operands[1]!, operands[2]!, {
    causal,
    scale: 0.4,
  });
  const ct = cs.input("ct", [b, h, q, d]), lct = cs.input("lct", [b, h, q]);
  const roots = [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct, lct], inputs)];
  const bindings: Record<string, NdArray> = { ct: floats("ct", ct.shape), lct: floats("lct", lct.shape) };
  inputs.forEach((x, i) => bindings[`x${i}`] = floats(`x${i}`, x.shape));
  return { roots, bindings };
};

const names = ["values", "normaliser", "query gradient", "key gradient", "value gradient"];
const wide = (x: NdArray): NdArray => cs.ndarray(x.dtype as "f32", x.shape, Float64Array.from(x.data));
const compare = (label: string, got: readonly NdArray[], want: readonly NdArray[]): void =>
  got.forEach((y, i) => near(`${label}: ${names[i]}`, wide(y), want[i]!, { rtol: 4e-6, atol: 4e-6 }));

const sizes: readonly (readonly [number, number, number, number, number, number])[] = [
  // b, h, g, queries, keys, channels
  [1, 1, 1, 1, 1, 1],
  [2, 1, 1, 3, 2, 5],
  [3, 2, 2, 4, 16, 32],
  [1, 4, 2, 5, 7, 3],
  [2, 2, 1, 13, 29, 12],
  [1, 2, 2, 33, 33, 7],
  [1, 3, 1, 50, 71, 4],
  [2, 2, 2, 84, 84, 32],
  [1, 2, 1, 97, 131, 20],
  [1, 1, 1, 61, 530, 9],
  [1, 1, 1, 4, 1100, 16],
  [1, 1, 1, 200, 40, 33],
  [1, 1, 1, 130, 260, 64],
];

const bits = (x: NdArray): Uint8Array => new Uint8Array((x.data as Float32Array).buffer);

for (const [b, h, g, q, s, d] of sizes) {
  for (const causal of [false, true]) {
    const name = `${b} x ${h}/${g} x ${q} x ${s} x ${d}${causal ? ", causal" : ""}`;
    test(`${name}: near the reference, the same bits on any number of threads`, async () => {
      const { roots, bindings } = described({ b, h, g, q, s, d }, causal),
        want = cs.interpret(roots, bindings);
      // sums are taken in one order however the work is shared out
      for (const [way, threads] of [["whole", [2, 3, 2]], ["split", [3]]] as const) {
        const first = await run(roots, bindings, way, 1);
        compare(way, first, want);
        for (const n of threads) {
          const again = await run(roots, bindings, way, n);
          again.forEach((y, i) =>
            assert.equal(bits(y), bits(first[i]!), `${way} on ${n} threads: ${names[i]}`)
          );
        }
      }
      // without the primitive, queries that see no key are not defined
      if (!causal || q <= s) compare("decomposed", await run(roots, bindings, "decomposed"), want);
    });
  }
}

for (const [name, layout] of Object.entries(layouts)) {
  test(`operands that are stored ${name}`, async () => {
    for (const position of [0, 1, 2]) {
      for (const [causal, q] of [[false, 21], [true, 6]] as const) {
        const stored = [0, 1, 2].map((i) => i === position ? layout : layouts.plain!) as [
          Layout,
          Layout,
          Layout,
        ];
        const { roots, bindings } = described({ b: 3, h: 2, g: 2, q, s: 23, d: 6 }, causal, stored);
        const want = cs.interpret(roots, bindings), label = `operand ${position} ${name}`;
        compare(label, await run(roots, bindings, "whole"), want);
        compare(`${label}, split`, await run(roots, bindings, "split"), want);
      }
    }
  });
}

test("no buffer has the size of the square of positions", async () => {
  const device = await deviceOf(2);
  for (const [b, h, t, d] of [[2, 2, 512, 16], [1, 4, 1024, 32]] as const) {
    const { roots } = described({ b, h, g: h, q: t, s: t, d }, true), square = 4 * b * h * t * t;
    for (
      const plan of [planFor(roots, device, "whole"), compile({ outputs: outputsOf(roots) }, device.profile)]
    ) {
      const largest = Math.max(
        ...plan.kernels.flatMap((k) => k.outputs).map((o) => cs.sizeOf(o.tensor.shape)),
      );
      assert.ok(4 * largest < square / 4, `${largest}`);
      assert.ok(explain(plan).memory.scratch < square / 4);
    }
    assert.ok(explain(planFor(roots, device, "decomposed")).memory.scratch >= square);
  }
});

test("a thread's own memory does not grow with positions", () => {
  for (const [queries, keys] of [[16, 16], [84, 84], [4, 4096], [4096, 4096], [100_000, 100_000]] as const) {
    const t = tilesOf({ size: { batch: 1, heads: 1, groups: 1, queries, keys, width: 64 } });
    assert.ok(t.queries * t.keys <= 6144, `${t.queries} x ${t.keys}`);
    assert.ok(t.queries * t.queryTiles >= queries && t.queries * (t.queryTiles - 1) < queries);
    assert.ok(t.keys * t.keyTiles >= keys && t.keys * (t.keyTiles - 1) < keys);
  }
});

const change = (x: NdArray, at: (i: number) => number | undefined): NdArray =>
  cs.ndarray("f32", x.shape, Float32Array.from(x.data as Float32Array, (v, i) => at(i) ?? v));

test("huge scores choose one key, tiny ones choose all alike", async () => {
  for (const factor of [1e15, 1e-20]) {
    const { roots, bindings } = described({ b: 2, h: 1, g: 1, q: 50, s: 70, d: 8 }, false);
    const scaled = (x: NdArray) => cs.ndarray("f32", x.shape, Float32Array.from(x.data, (v) => v * factor));
    const values = { ...bindings, x0: scaled(bindings.x0!), x1: scaled(bindings.x1!) };
    const [want] = cs.interpret(roots, values);
    for (const way of ["whole", "split"] as const) {
      const got = await run(roots, values, way);
      near(`values at ${factor}`, wide(got[0]!), want!, { rtol: 1e-5, atol: 1e-5 });
      got.forEach((y, i) => assert.ok(y.data.every(Number.isFinite), `${names[i]} at ${factor}`));
    }
  }
});

test("NaN and infinities act where the reference says", async () => {
  const size = { b: 1, h: 2, g: 1, q: 11, s: 19, d: 4 };
  const row = (operand: string, n: number, value: number) => (bindings: Bindings): Bindings => ({
    ...bindings,
    [operand]: change(bindings[operand]!, (i) => Math.floor(i / 4) === n ? value : undefined),
  });
  const cases: readonly ((b: Bindings) => Bindings)[] = [
    row("x0", 3, NaN),
    row("x1", 5, NaN),
    row("x2", 18, NaN),
    row("x2", 18, Infinity),
    row("x2", 2, -Infinity),
    row("ct", 10, NaN),
    row("ct", 4, Infinity),
  ];
  for (const causal of [false, true]) {
    const { roots, bindings } = described(size, causal);
    for (const [n, spoil] of cases.entries()) {
      const values = spoil(bindings),
        want = cs.interpret(roots, values).map((y) => Array.from(y.data, Number.isNaN));
      for (const way of ["whole", "split"] as const) {
        const got = (await run(roots, values, way)).map((y) => Array.from(y.data, Number.isNaN));
        got.forEach((y, i) =>
          assert.equal(y, want[i], `${causal ? "causal, " : ""}case ${n}, ${way}: ${names[i]}`)
        );
      }
    }
  }
});

test("a score of -Infinity has weight 0 alongside any number, and is NaN alone", async () => {
  const { roots } = described({ b: 1, h: 1, g: 1, q: 6, s: 9, d: 2 }, false);
  const bindings = {
    x0: cs.ndarray("f32", [1, 1, 6, 2], new Float32Array(12).fill(1)),
    x1: cs.ndarray(
      "f32",
      [1, 1, 9, 2],
      Float32Array.from({ length: 18 }, (_, i) => i < 12 ? -Infinity : 0.5),
    ),
    x2: floats("v", [1, 1, 9, 2]),
    ct: floats("ct", [1, 1, 6, 2]),
    lct: floats("lct", [1, 1, 6]),
  };
  const want = cs.interpret(roots, bindings), got = await run(roots, bindings, "whole");
  compare("some", got.slice(0, 2), want.slice(0, 2));
  const none = { ...bindings, x1: cs.ndarray("f32", [1, 1, 9, 2], new Float32Array(18).fill(-Infinity)) };
  for (const y of (await run(roots, none, "whole")).slice(0, 2)) assert.ok(y.data.every(Number.isNaN));
});

test("what is not seen leaves no trace", async () => {
  const size = { b: 1, h: 1, g: 1, q: 100, s: 130, d: 8 };
  const { roots, bindings } = described(size, true), plain = await run(roots, bindings, "whole");
  const spoilt = {
    ...bindings,
    x1: change(bindings.x1!, (i) => i >= 8 * 129 ? NaN : undefined),
    x2: change(bindings.x2!, (i) => i >= 8 * 129 ? Infinity : undefined),
  };
  for (const way of ["whole", "split"] as const) {
    const got = await run(roots, spoilt, way);
    // the last key is seen by the last query alone
    for (const [i, row] of [[0, 8], [1, 1], [2, 8]] as const) {
      const end = 99 * row;
      const [y, x] = [got[i]!, plain[i]!].map((r) => Array.from(r.data).slice(0, end));
      near(`${way}: ${names[i]}`, cs.ndarray("f32", [end], Float64Array.from(y!)), {
        shape: [end],
        data: Float64Array.from(x!),
      }, { rtol: 1e-6, atol: 1e-6 });
      assert.ok(Number.isNaN(got[i]!.data[end]), "the last query sees it");
    }
  }
});

test("few queries are made of products and a softmax", async () => {
  const device = await deviceOf(2),
    kinds = (q: number): Set<string> => {
      const { roots } = described({ b: 2, h: 2, g: 2, q, s: 16, d: 8 }, false);
      return new Set(
        compile({ outputs: { y: roots[0]!, z: roots[2]! } }, device.profile).kernels.map((k) => k.kind),
      );
    };
  const { minQueries } = device.profile;
  assert.ok(kinds(minQueries).has("attention") && !kinds(minQueries - 1).has("attention"));
});

test("attention of nothing gives no values, and keys no cotangents", async () => {
  for (const [b, q, d] of [[2, 0, 4], [0, 5, 4], [2, 5, 0]] as const) {
    const { roots, bindings } = described({ b, h: 2, g: 2, q, s: 3, d }, false);
    compare(`${b} x ${q} x ${d}`, await run(roots, bindings, "whole"), cs.interpret(roots, bindings));
  }
});

test.run();

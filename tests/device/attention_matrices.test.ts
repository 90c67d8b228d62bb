/**
 * Attention and its gradients on matrix units: with the units emulated, on sizes of every kind, against the reference;
 * as golden text; by Dawn's own compiler; and on the units of Dawn's adapter, where it lists some.
 *
 *     deno run -A tests/device/attention_matrices.test.ts --update    writes the golden texts
 */
import * as cs from "@chain-of-sight/core";
import {
  type AttentionTiles,
  compile,
  type DeviceProfile,
  dispatchesOf,
  formOf,
  type MatrixAttention,
  type Plan,
  portableProfile,
  readsOf,
  type Schedules,
  spaceOf,
  theDevice,
  within,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { scheduleAttention } from "../../kernels/schedule/attention.ts";
import { dawnServices, endWithTests, swiftShader } from "../support/dawn.ts";
import { emulate } from "../support/matrix_emulation.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const test = suite("attention on matrix units");
const units = [{ M: 16, N: 16, K: 16 }, { M: 16, N: 8, K: 16 }, { M: 16, N: 8, K: 8 }, { M: 8, N: 8, K: 8 }];

/** What the compiler is told of a device with units. */
const withUnits = (lanes: number, unit = units[0]!): DeviceProfile => ({
  ...portableProfile,
  provider: "dawn",
  f16: true,
  workgroupBytes: 49152,
  maxInvocations: 1024,
  subgroups: { least: lanes, most: lanes },
  matrices: [{ ...unit, componentType: "f16", resultComponentType: "f32" }],
});

/** Sizes of attention: batch, heads, heads of keys, queries, keys, channels. */
type Size = readonly [b: number, h: number, g: number, q: number, s: number, d: number];

interface Described {
  readonly roots: readonly cs.Tensor[];
  readonly bindings: Readonly<Record<string, cs.NdArray>>;
}

/** What the five results are called, and how far those of f16 operands may be off. */
const results = [
  ["values", 2e-3],
  ["normaliser", 1e-3],
  ["query gradient", 4e-3],
  ["key gradient", 4e-3],
  ["value gradient", 4e-3],
] as const;

const halves = (name: string, shape: readonly number[], dtype: "f16" | "f32", low = -1, high = 1): cs.NdArray => {
  const x = floats(name, shape, low, high);
  return { ...x, dtype, data: Float32Array.from(x.data, Math.f16round) };
};

/** Attention with its gradients; `apart` keeps channels of a head side by side, as models do, or whole heads. */
const described = (
  [b, h, g, q, s, d]: Size,
  { causal = false, scale = 0.3, dtype = "f16" as "f16" | "f32", apart = false, spread = 1 } = {},
): Described => {
  const shape = (heads: number, lines: number) => apart ? [b, lines, heads, d] : [b, heads, lines, d];
  const inputs = [shape(h, q), shape(g, s), shape(g, s)].map((x, i) => cs.input(`x${i}`, x, dtype));
  const [query, key, value] = inputs.map((x) => apart ? cs.permute([0, 2, 1, 3])(x) : x) as [
    cs.Tensor,
    cs.Tensor,
    cs.Tensor,
  ];
  const { values, logNormaliser } = cs.attend(query, key, value, { causal, scale });
  const ct = cs.input("ct", [b, h, q, d]), lct = cs.input("lct", [b, h, q]);
  const roots = [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct, lct], inputs)];
  const bindings = {
    x0: halves("x0", inputs[0]!.shape, dtype, -spread, spread),
    x1: halves("x1", inputs[1]!.shape, dtype),
    x2: halves("x2", inputs[2]!.shape, dtype),
    ct: halves("ct", ct.shape, "f32"),
    lct: floats("lct", lct.shape, -1, 1),
  };
  return { roots, bindings };
};

const planned = ({ roots }: Described, profile: DeviceProfile, schedules?: Schedules): Plan =>
  compile({ outputs: Object.fromEntries(roots.map((t, i) => [`y${i}`, t])) }, profile, {
    attention: true,
    ...(schedules === undefined ? {} : { schedules }),
  });

const attentionKernels = (plan: Plan) => plan.kernels.filter((k) => k.kind === "attention");

/** Runs each attention kernel of a plan with the units emulated, on what the reference says that it reads. */
const emulated = (d: Described, plan: Plan, profile: DeviceProfile, lanes: number): string[] => {
  const { slotOf, slots } = plan.memory;
  return dispatchesOf(plan, profile).flatMap((dispatch) => {
    const { kernel, code } = dispatch;
    if (kernel.kind !== "attention") return [];
    assert.match(code, "subgroupMatrixMultiplyAccumulate");
    const { node } = kernel, memory = new Map<number, Float64Array>();
    const reads = readsOf(kernel), given = cs.interpret([...reads, node], d.bindings);
    [...reads, node].forEach((t, i) => {
      const slot = slotOf.get(t)!, numbers = new Float64Array(slots[slot]!.bytes / cs.bytesOf(t.dtype));
      if (t !== node) numbers.set(given[i]!.data);
      else numbers.fill(NaN);
      memory.set(slot, numbers);
    });
    emulate(dispatch, lanes, memory);
    const expected = given.at(-1)!, { shape } = node;
    const data = memory.get(slotOf.get(node)!)!.subarray(0, expected.data.length);
    near(node.op, { dtype: "f32", shape, data }, expected, { rtol: 3e-3, atol: 1e-3 });
    return [code];
  });
};

const LANES = 16;
for (const [i, size] of ([
  [1, 1, 1, 16, 16, 16],
  [1, 1, 1, 33, 40, 20],
  [2, 2, 1, 50, 33, 24],
  [1, 2, 2, 20, 70, 40],
] as const).entries()) {
  for (const causal of [false, true]) {
    test(`emulated ${size.join(" x ")}${causal ? ", causal" : ""}`, () => {
      const profile = withUnits(LANES, units[i]), d = described(size, { causal });
      const codes = emulated(d, planned(d, profile), profile, LANES);
      assert.is(codes.length, 3);
    });
  }
}
test.run();
endWithTests();

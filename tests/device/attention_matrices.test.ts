/**
 * Attention and its gradients on matrix units: with the units emulated, on sizes of every kind, against the reference;
 * as golden text; by Dawn's own compiler; and on the units of Dawn's adapter, where it lists some.
 *
 *     deno run -A tests/device/attention_matrices.test.ts --update    writes the golden texts
 */
import * as cs from "@chain-of-sight/core";
import {
  type AttentionKernel,
  type AttentionSchedule,
  compile,
  defaultSchedule,
  type DeviceProfile,
  type Dispatch,
  dispatchesOf,
  formOf,
  identityOf,
  type Plan,
  portableProfile,
  readsOf,
  readTable,
  scheduleFits,
  type Schedules,
  schedulesFor,
  spaceOf,
  theDevice,
  within,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { complaintsOf, dawnServices, endWithTests, swiftShader } from "../support/dawn.ts";
import { emulate } from "../support/matrix_emulation.ts";
import { near } from "../support/near.ts";
import { property } from "../support/property.ts";
import { floats } from "../support/random.ts";

const test = suite("attention on matrix units");
const units = [{ M: 16, N: 16, K: 16 }, { M: 16, N: 8, K: 16 }, { M: 16, N: 8, K: 8 }, { M: 8, N: 8, K: 8 }];

/** What the compiler is informed of a device with units. */
const withUnits = (lanes: number, unit = units[0]!): DeviceProfile => ({
  ...portableProfile,
  provider: "dawn",
  maxBindings: 10,
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

interface Manner {
  readonly causal?: boolean;
  readonly scale?: number;
  readonly dtype?: "f16" | "f32";
  /** Whether the heads of a position are side by side, as in models, rather than the positions of a head. */
  readonly apart?: boolean;
  /** Segments of positions, in turn: rows are packed, with as many keys as queries. */
  readonly ids?: readonly number[] | undefined;
}

const rounded = (name: string, shape: cs.Shape, dtype: "f16" | "f32"): cs.NdArray => {
  const x = floats(name, shape, -1, 1);
  return dtype === "f16"
    ? cs.f16(shape, x.data)
    : { dtype, shape, data: Float32Array.from(x.data, Math.f16round) };
};

/** Attention with all its gradients. */
const described = (
  [b, h, g, q, keys, d]: Size,
  { causal = false, scale = 0.3, dtype = "f16", apart = false, ids }: Manner = {},
): Described => {
  const s = ids === undefined ? keys : q;
  const inputs = [[h, q], [g, s], [g, s]].map(([heads, lines], i) =>
    cs.input(`x${i}`, apart ? [b, lines!, heads!, d] : [b, heads!, lines!, d], dtype)
  );
  const [query, key, value] = apart ? inputs.map(cs.permute([0, 2, 1, 3])) : inputs;
  const segments = ids === undefined ? undefined : cs.input("ids", [b, s], "i32");
  const { values, logNormaliser } = cs.attend(query!, key!, value!, { causal, scale }, segments);
  const ct = cs.input("ct", [b, h, q, d]), lct = cs.input("lct", [b, h, q]);
  const roots = [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct, lct], inputs)];
  const bindings = Object.fromEntries([
    ...inputs.map((x, i) => [`x${i}`, rounded(`x${i}`, x.shape, dtype)] as const),
    ["ct", rounded("ct", ct.shape, "f32")],
    ["lct", floats("lct", lct.shape, -1, 1)],
    ...(ids === undefined
      ? []
      : [["ids", cs.i32([b, s], Array.from({ length: b * s }, (_, i) => ids[i % ids.length]!))] as const]),
  ]);
  return { roots, bindings };
};

const planned = ({ roots }: Described, profile: DeviceProfile, schedules: Schedules = {}): Plan =>
  compile({ outputs: Object.fromEntries(roots.map((t, i) => [`y${i}`, t])) }, profile, {
    attention: true,
    schedules,
  });

const attentionOf = (plan: Plan): readonly AttentionKernel[] =>
  plan.kernels.filter((k) => k.kind === "attention");

/** Kernels with their texts, those of attention alone. */
const dispatched = (
  plan: Plan,
  profile: DeviceProfile,
): readonly (Dispatch & { kernel: AttentionKernel })[] =>
  dispatchesOf(plan, profile).flatMap((d) =>
    d.kernel.kind === "attention" ? [{ ...d, kernel: d.kernel }] : []
  );

/** f16 weights and results: relative to the largest number, and what cancels next to it. */
const tolerance = { rtol: 2e-3, atol: 5e-4 };

/** Runs attention kernels with the units emulated, each on what the reference says that it reads. */
const emulated = (
  { bindings }: Described,
  plan: Plan,
  profile: DeviceProfile,
  edit: (code: string) => string = (code) => code,
): readonly AttentionKernel[] => {
  const { slotOf, slots } = plan.memory, lanes = profile.subgroups!.most;
  return dispatched(plan, profile).map((dispatch) => {
    const { kernel, code } = dispatch, { node } = kernel, results = kernel.outputs.map((o) => o.tensor);
    assert.match(code, "subgroupMatrixMultiplyAccumulate");
    const tensors = [...readsOf(kernel), ...results], given = cs.interpret(tensors, bindings);
    const memory = new Map(tensors.map((t, i) => {
      const numbers = new Float64Array(slots[slotOf.get(t)!]!.bytes / cs.bytesOf(t.dtype)).fill(NaN);
      if (!results.includes(t)) numbers.set(given[i]!.data);
      return [slotOf.get(t)!, numbers];
    }));
    emulate({ ...dispatch, code: edit(code) }, lanes, memory);
    results.forEach((t, i) => {
      const expected = given[tensors.indexOf(t)]!, { shape } = t, summed = shape.length === 5;
      const data = memory.get(slotOf.get(t)!)!.subarray(0, expected.data.length);
      // the queries' cotangent is the sum of its parts
      const whole = (x: ArrayLike<number>): cs.NdArray => {
        const all = cs.ndarray("f32", shape, Float64Array.from(x));
        return summed ? cs.interpret([cs.sum({ axes: [1] })(cs.input("x", shape))], { x: all })[0]! : all;
      };
      near(`${node.op} ${i}`, whole(data), whole(expected.data), tolerance);
    });
    return kernel;
  });
};

/** All tiles for matrix units that a search may try for a kernel. */
const tilesOf = (kernel: AttentionKernel, profile: DeviceProfile): readonly AttentionSchedule[] =>
  within(spaceOf(kernel, profile)!, 1).filter((s): s is AttentionSchedule =>
    s.kind === "attention" && s.tiles.kind === "matrices"
  );

const sizes: readonly Size[] = [
  [1, 1, 1, 16, 16, 16],
  [1, 1, 1, 33, 40, 20],
  [2, 2, 1, 50, 33, 24],
  [1, 2, 2, 20, 70, 40],
  [5, 2, 2, 9, 16, 64],
  [7, 2, 2, 1, 16, 32],
  [3, 1, 1, 20, 1, 16],
];

const runs = [5, 17, 40, 8].flatMap((n, i) => new Array<number>(n).fill(i < 2 ? i + 1 : i - 2));

for (const causal of [false, true]) {
  for (const [i, size] of ([[2, 2, 1, 70, 70, 24], [1, 1, 1, 33, 33, 16]] as const).entries()) {
    test(`packed rows, ${size.join(" x ")}${causal ? ", causal" : ""}`, async () => {
      const profile = withUnits(32, units[i]),
        d = described(size, { causal, ids: runs }),
        plan = planned(d, profile);
      assert.is(emulated(d, plan, profile).length, 2);
      for (const { code } of dispatched(plan, profile)) assert.equal(await complaintsOf(code), []);
      assert.throws(
        () => emulated(d, plan, profile, (code) => code.replace(/\S+ == mine && /g, "")),
        "off by",
      );
    });
  }
}

for (const [i, size] of sizes.entries()) {
  for (const causal of [false, true]) {
    test(`default tiles, ${size.join(" x ")}${causal ? ", causal" : ""}`, () => {
      const profile = withUnits(i % 2 === 0 ? 16 : 32, units[i % units.length]),
        d = described(size, { causal });
      const kernels = emulated(d, planned(d, profile), profile);
      assert.equal(kernels.map((k) => k.node.op).toSorted(), ["attention", "attentionGrad"]);
    });
  }
}

const sides = fc.integer({ min: 1, max: 70 });

const case_ = fc.record({
  batch: fc.integer({ min: 1, max: 3 }),
  groups: fc.integer({ min: 1, max: 2 }),
  share: fc.integer({ min: 1, max: 2 }),
  queries: sides,
  keys: sides,
  width: fc.integer({ min: 1, max: 44 }),
  causal: fc.boolean(),
  apart: fc.boolean(),
  dtype: fc.constantFrom("f16" as const, "f32" as const),
  scale: fc.constantFrom(0.3, 1, 4, -0.5),
  ids: fc.option(
    fc.oneof(
      fc.array(fc.integer({ min: -1, max: 3 }), { minLength: 1, maxLength: 70 }),
      fc.array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 1, max: 40 })), { minLength: 1 })
        .map((runs) => runs.flatMap(([id, n]) => new Array<number>(n).fill(id))),
    ),
    { nil: undefined },
  ),
  unit: fc.constantFrom(...units),
  lanes: fc.constantFrom(16, 32),
  pick: fc.nat(),
});

property(
  test,
  "any tiles on any sizes compute what the reference does",
  [case_],
  ({ batch, groups, share, queries, keys, width, unit, lanes, pick, ...manner }) => {
    const profile = { ...withUnits(lanes, unit), halfProducts: manner.dtype === "f32" };
    const d = described([batch, groups * share, groups, queries, keys, width], manner);
    const schedules = Object.fromEntries(
      attentionOf(planned(d, profile)).map((kernel) => {
        const tiles = tilesOf(kernel, profile);
        return [formOf(kernel), tiles[pick % tiles.length]!];
      }),
    );
    emulated(d, planned(d, profile, schedules), profile);
  },
  { runs: 25 },
);

test("more heads than a device has workgroups along an axis", () => {
  const profile = { ...withUnits(16), maxWorkgroups: 4 },
    d = described([5, 2, 1, 9, 20, 16], { causal: true });
  emulated(d, planned(d, profile), profile);
});

test("operands that are in several buffers", async () => {
  const profile = { ...withUnits(32), maxBindingBytes: 2 ** 16, maxBindings: 24 };
  const plan = planned(described([2, 2, 2, 128, 288, 64]), profile);
  for (const { code } of dispatched(plan, profile)) {
    assert.match(code, /fn load_x\d\(at: u32\) -> vec4<u32>/);
    assert.equal(await complaintsOf(code), []);
  }
});

/** Keys that queries like the better the later they come, so that every block has a new maximum. */
const climbing = (): Described => {
  const size: Size = [1, 1, 1, 64, 128, 16], d = described(size, { scale: 1 });
  const line = (value: (line: number) => number): Float16Array =>
    Float16Array.from({ length: 128 * 16 }, (_, i) => value(Math.floor(i / 16)));
  const like = (name: "x0" | "x1", data: Float16Array): cs.NdArray => ({
    ...d.bindings[name]!,
    data: data.subarray(0, d.bindings[name]!.data.length),
  });
  const bindings = { ...d.bindings, x0: like("x0", line(() => 1)), x1: like("x1", line((i) => i / 20)) };
  return { ...d, bindings };
};

test("results are scaled again where a maximum grows by far, and only there", () => {
  const profile = withUnits(16), d = climbing(), plan = planned(d, profile);
  emulated(d, plan, profile);
  const forgets = (code: string): string => code.replaceAll("] * shrink;", "];");
  assert.throws(() => emulated(d, plan, profile, forgets), "off by");
  const never = (code: string): string => code.replaceAll("] * shrink;", "] * missing;");
  const calm = described([1, 1, 1, 32, 128, 16], { scale: 0.3 });
  emulated(calm, planned(calm, profile), profile, never);
});

test("no barrier is too many, and the emulator misses each", () => {
  const profile = withUnits(16), d = climbing(), plan = planned(d, profile);
  const count = Math.max(
    ...dispatched(plan, profile).map(({ code }) => code.split("workgroupBarrier();").length - 1),
  );
  for (let i = 0; i < count; i++) {
    const without = (code: string): string => {
      let seen = 0;
      return code.replaceAll("workgroupBarrier();", (text) => seen++ === i ? "" : text);
    };
    assert.throws(
      () => emulated(d, plan, profile, without),
      /lane \d+ (reads|writes) number/,
      `barrier ${i}`,
    );
  }
});

test("numbers that are not finite stand where the reference has them", () => {
  const profile = withUnits(16), d = described([1, 1, 1, 20, 40, 16]), plan = planned(d, profile);
  const [x0, x2] = (["x0", "x2"] as const).map((name) => Float16Array.from(d.bindings[name]!.data)) as [
    Float16Array,
    Float16Array,
  ];
  x0[3 * 16] = NaN;
  x2[39 * 16 + 2] = Infinity;
  x2[39 * 16 + 5] = NaN;
  const bindings = {
    ...d.bindings,
    x0: { ...d.bindings.x0!, data: x0 },
    x2: { ...d.bindings.x2!, data: x2 },
  };
  emulated({ ...d, bindings }, plan, profile);
});

const kindsUnder = (d: Described, profile: DeviceProfile): readonly string[] =>
  attentionOf(planned(d, profile)).map((k) => (defaultSchedule(k, profile) as AttentionSchedule).tiles.kind);

test("other schedules stay where units do not take a kernel", () => {
  const base = withUnits(32), d = described([1, 2, 2, 64, 64, 64]);
  const uses = (as: Partial<DeviceProfile>, of = d): boolean => {
    const kinds = kindsUnder(of, { ...base, ...as }), all = kinds.every((k) => k === "matrices");
    assert.ok(all || kinds.every((k) => k !== "matrices"));
    return all;
  };
  assert.is(uses({}), true);
  assert.is(uses({ subgroups: undefined }), false);
  assert.is(uses({ subgroups: { least: 8, most: 32 } }), false);
  assert.is(uses({ matrices: [] }), false);
  assert.is(uses({ matrices: [{ ...units[0]!, componentType: "f16", resultComponentType: "f16" }] }), false);
  assert.is(uses({ workgroupBytes: 4096 }), false);
  assert.is(uses({}, described([1, 1, 1, 64, 64, 512])), false, "more channels than registers hold");
  assert.is(uses({}, described([1, 1, 1, 64, 64, 7])), false, "heads narrower than half a product");
  assert.is(uses({}, described([64, 2, 2, 1, 16, 64])), true, "windows with few queries");
  const wide = described([1, 2, 2, 64, 64, 64], { dtype: "f32" });
  assert.is(uses({}, wide), false, "f32 is not rounded unasked");
  assert.is(uses({ halfProducts: true }, wide), true);
  assert.is(uses({ halfProducts: true, f16: false }, wide), false);
});

test("a search tries tiles for units alongside the others, all of which fit", () => {
  const profile = withUnits(32), d = described([2, 2, 1, 200, 300, 64]);
  for (const kernel of attentionOf(planned(d, profile))) {
    const space = spaceOf(kernel, profile)!, all = within(space, 1);
    assert.is((space.standard as AttentionSchedule).tiles.kind, "matrices");
    assert.equal(space.starts.map((s) => (s as AttentionSchedule).tiles.kind), ["staged"]);
    assert.ok(tilesOf(kernel, profile).length > 10);
    assert.ok(all.every((s) => s.kind === "attention" && scheduleFits(s, kernel, profile)));
    const tiles = tilesOf(kernel, profile).at(-1)!;
    const tuned = schedulesFor([kernel], profile, { [formOf(kernel)]: tiles });
    assert.equal(tuned.get(kernel), tiles, "what was found is taken");
    const [other] = attentionOf(planned(described([2, 2, 1, 200, 300, 64], { causal: true }), profile))
      .filter((k) => k.node.op === kernel.node.op);
    assert.is.not(formOf(other!), formOf(kernel), "a mask is a form of its own");
    const entries = { [formOf(kernel)]: { schedule: tiles, ratio: 0.5, untuned: 1, tried: 2 } };
    const table = { identity: identityOf(profile, "driver", "runtime"), entries };
    assert.equal(readTable(JSON.stringify(table))?.entries, entries, "and kept");
  }
});

test("Dawn's compiler takes every text", async () => {
  const texts = new Set<string>();
  for (const [i, unit] of units.entries()) {
    for (const lanes of [16, 32, 64]) {
      const profile = withUnits(lanes, unit);
      for (
        const [j, size] of ([...sizes, [1, 4, 2, 70, 65, 32], [2, 2, 1, 256, 256, 64]] as const).entries()
      ) {
        const plan = planned(described(size, { causal: (i + j) % 2 === 0, apart: j % 3 === 0 }), profile);
        dispatched(plan, profile).forEach(({ code }) => texts.add(code));
      }
    }
  }
  assert.ok(texts.size >= 200, `${texts.size} texts`);
  for (const code of texts) assert.equal(await complaintsOf(code), []);
});

test("Dawn's compiler takes packed rows without matrix units: their walks are the same for all of a workgroup", async () => {
  for (const workgroupBytes of [portableProfile.workgroupBytes, 2048]) {
    for (const causal of [false, true]) {
      const profile = { ...portableProfile, maxBindings: 10, workgroupBytes };
      const plan = planned(described([2, 2, 1, 75, 75, 16], { causal, dtype: "f32", ids: runs }), profile);
      for (const { code } of dispatched(plan, profile)) assert.equal(await complaintsOf(code), []);
    }
  }
});

test("Dawn counts places and strides in elements of the array, and in pipelines too", async () => {
  // the last of 16 lines of 16 numbers, 24 apart, ends with the 47th vector of eight
  const text = (length: number): string =>
    `diagnostic(off, chromium.subgroup_matrix_uniformity);
enable chromium_experimental_subgroup_matrix;
enable f16;
var<workgroup> staged: array<vec4<u32>, ${length}>;
@compute @workgroup_size(32) fn main() {
  let own = subgroupMatrixLoad<subgroup_matrix_left<f16, 16, 16>, row_major>(&staged, 0u, 3u);
}`;
  assert.equal(await complaintsOf(text(47)), []);
  assert.match((await complaintsOf(text(46))).join(), "too small");
  // the device that computes nothing wants workgroups of multiples of 128, and has little memory
  const { f16, subgroups, matrices } = withUnits(32);
  const services = await dawnServices({ f16, subgroups, matrices, software: false }, { backend: "null" });
  const { load, profile } = Context.get(services, theDevice()), q = cs.input("q", [1, 2, 80, 32], "f16");
  const values = { roots: [cs.attention(q, q, q, { causal: true })], bindings: {} };
  const [kernel] = attentionOf(planned(values, profile)), unit = units[0]!;
  const tiles = { kind: "matrices", rows: 64, each: 16, block: 16, lanes: 32, unit } as const;
  const plan = planned(values, profile, { [formOf(kernel!)]: { kind: "attention", tiles } });
  assert.match(dispatched(plan, profile)[0]!.code, "@workgroup_size(128, 1)");
  await Effect.runPromise(Effect.scoped(Effect.asVoid(load(plan))));
});

const golden = [
  ["forward", "attention", [2, 4, 2, 100, 100, 72], true],
  ["grad", "attentionGrad", [1, 4, 2, 100, 70, 64], true],
] as const;

for (const [name, op, size, causal] of golden) {
  test(`golden text: ${name}`, () => {
    const profile = withUnits(32), plan = planned(described(size, { causal, apart: true }), profile);
    const text = `${dispatched(plan, profile).find((d) => d.kernel.node.op === op)!.code}\n`;
    const path = new URL(`../golden/wgsl/matrix_attention_${name}.wgsl`, import.meta.url);
    if (Deno.args.includes("--update")) Deno.writeTextFileSync(path, text);
    assert.fixture(text, Deno.readTextFileSync(path));
  });
}

// tensor cores, where there are some; SwiftShader has none
const real = swiftShader === undefined ? await dawnServices().catch(() => undefined) : undefined;
const device = real === undefined ? undefined : Context.get(real, theDevice());
if (device !== undefined && device.profile.matrices.length > 0) {
  for (const size of [...sizes, [2, 4, 2, 300, 300, 80], [1, 2, 2, 256, 256, 128]] as const) {
    for (const causal of [false, true]) {
      test(`on ${device.profile.name}, ${size.join(" x ")}${causal ? ", causal" : ""}`, async () => {
        const d = described(size, { causal }), plan = planned(d, device.profile);
        const names = d.roots.map((_, i) => `y${i}`);
        const got = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
          const program = yield* device.load(plan);
          yield* program.write(d.bindings);
          yield* program.run;
          return yield* program.read(names);
        })));
        const want = cs.interpret(d.roots, d.bindings);
        names.forEach((name, i) => near(name, got[name]!, want[i]!, { rtol: 4e-3, atol: 1e-3 }));
      });
    }
  }
}
test.run();
endWithTests();

/**
 * Products on matrix units. Texts are compared with golden ones, checked by Dawn's own compiler, and run with the units
 * emulated; where the adapter of Dawn lists units, the kernels run on them.
 *
 *     deno run -A tests/device/matrices.test.ts --update    writes the golden texts
 */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  type DeviceProfile,
  type DeviceService,
  dispatchesOf,
  formOf,
  type MatrixSchedule,
  type Plan,
  portableProfile,
  type Schedule,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { complaintsOf, dawnServices, endWithTests, swiftShader } from "../support/dawn.ts";
import { emulate } from "../support/matrix_emulation.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";

const test = suite("matrix units");
const unit = { M: 16, N: 16, K: 16 }, LANES = 4;

/** What the compiler is informed of a device with units. */
const withUnits = (lanes: number, shape = unit): Partial<DeviceProfile> => ({
  provider: "dawn",
  software: false,
  f16: true,
  halfProducts: true,
  subgroups: { least: lanes, most: lanes },
  matrices: [{ ...shape, componentType: "f16", resultComponentType: "f32" }],
});

/** Batch, rows, columns, summed length, whether the operands are stored transposed. */
type Size = readonly [number, number, number, number, boolean, boolean];

const sizes: readonly Size[] = [
  [1, 64, 64, 64, false, false],
  [1, 128, 128, 32, true, true],
  [1, 130, 100, 50, false, false],
  [1, 130, 100, 50, true, true],
  [1, 68, 72, 44, false, true],
  [2, 68, 72, 44, true, false],
  [3, 33, 35, 17, false, true],
  [96, 100, 97, 20, false, false],
];

interface Described {
  readonly outputs: Readonly<Record<string, cs.Tensor>>;
  readonly bindings: Readonly<Record<string, cs.NdArray>>;
}

const half = (x: cs.NdArray): cs.NdArray => ({ ...x, data: Float32Array.from(x.data, Math.f16round) });

/** The product alone, or with all that may follow it. */
const described = ([b, m, n, k, ta, tb]: Size, epilogue: boolean): Described => {
  const a = cs.input("a", ta ? [b, k, m] : [b, m, k]), w = cs.input("w", tb ? [b, n, k] : [b, k, n]);
  const product = cs.matmul(tb ? cs.transpose(w) : w)(ta ? cs.transpose(a) : a);
  // as f16, so that the reference multiplies the same numbers
  const bindings = { a: half(floats("a", a.shape)), w: half(floats("w", w.shape)) };
  if (!epilogue) return { outputs: { y: product }, bindings };
  const y = cs.tanh(cs.mul(cs.add(product, cs.input("bias", [n])), 0.2));
  return { outputs: { y }, bindings: { ...bindings, bias: floats("b", [n]) } };
};

const usesUnits = (plan: Plan, profile: DeviceProfile): boolean =>
  dispatchesOf(plan, profile).some((d) => d.code.includes("subgroupMatrixMultiplyAccumulate"));

const tolerance = { rtol: 1e-5, atol: 4e-6 };

const check = (load: DeviceService["load"], profile: DeviceProfile, d: Described) =>
  Effect.gen(function* () {
    const plan = compile({ outputs: d.outputs }, profile);
    assert.ok(usesUnits(plan, profile), "the product goes through the units");
    const program = yield* load(plan);
    yield* program.write(d.bindings);
    yield* program.run;
    const { y } = yield* program.read(["y"]);
    near("y", y!, cs.interpret([d.outputs.y!], d.bindings)[0]!, tolerance);
  });

/** Runs a description with the units emulated, and gives the text of its kernel. */
const checkEmulated = (
  profile: DeviceProfile,
  lanes: number,
  d: Described,
  change: Partial<MatrixSchedule> = {},
): string => {
  const untuned = compile({ outputs: d.outputs }, profile);
  const schedules = Object.fromEntries(
    [...untuned.schedules].map(([kernel, s]) => [formOf(kernel), { ...s, ...change } as Schedule]),
  );
  const plan = compile({ outputs: d.outputs }, profile, { schedules }), { slotOf, slots } = plan.memory;
  for (const s of plan.schedules.values()) assert.equal(s, { ...s, ...change }, "the schedule is taken");
  const halves = new Set([...slotOf].flatMap(([t, slot]) => t.dtype === "f16" ? [slot] : []));
  const memory = new Map(
    slots.map(({ id, bytes }) => [id, new Float64Array(bytes / (halves.has(id) ? 2 : 4))]),
  );
  for (const [path, value] of Object.entries(d.bindings)) {
    memory.get(slotOf.get(plan.inputs[path]!)!)!.set(value.data);
  }
  const [dispatch, ...more] = dispatchesOf(plan, profile);
  assert.is(more.length, 0, "one kernel with its epilogue");
  assert.match(dispatch!.code, "subgroupMatrixMultiplyAccumulate");
  emulate(dispatch!, lanes, memory);
  const y = plan.outputs.y!, expected = cs.interpret([d.outputs.y!], d.bindings)[0]!;
  const data = memory.get(slotOf.get(y)!)!.subarray(0, expected.data.length);
  // results of f16 may fall to either side of a tie
  near(
    "y",
    { dtype: "f32", shape: y.shape, data },
    expected,
    y.dtype === "f16" ? { rtol: 1e-3, atol: 1e-3 } : tolerance,
  );
  return dispatch!.code;
};

const shapes = [unit, { M: 16, N: 8, K: 16 }, { M: 16, N: 8, K: 8 }];
for (const [i, size] of sizes.entries()) {
  for (const epilogue of [false, true]) {
    test(`emulated, ${size.join(" ")}${epilogue ? ", epilogue" : ""}`, () => {
      const profile = {
        ...portableProfile,
        workgroupBytes: 49152,
        ...withUnits(LANES, shapes[i % shapes.length]),
      };
      const code = checkEmulated(profile, LANES, described(size, epilogue));
      const whole = !epilogue && size[1] % 64 === 0 && size[2] % 64 === 0;
      assert.is(!code.includes("results"), whole, "plain products of whole tiles are stored straight");
    });
  }
}

/** Blocks of 32 and 16 steps: one, an odd and an even number of them, and a last one that is not whole. */
const variants: readonly (readonly [Size, Partial<MatrixSchedule>])[] = [
  [[1, 70, 130, 20, false, true], { prefetch: "registers" }],
  [[1, 70, 130, 100, true, false], { prefetch: "registers", band: 2 }],
  [[1, 64, 64, 20, false, false], { prefetch: "double buffer" }],
  [[1, 64, 130, 90, false, true], { prefetch: "double buffer", depth: 16 }],
  [[2, 200, 66, 128, true, true], { prefetch: "double buffer", band: 4 }],
  [[1, 330, 200, 33, false, false], { band: 4, depth: 16 }],
];
for (const [size, change] of variants) {
  test(`emulated, ${size.join(" ")}, ${JSON.stringify(change)}`, async () => {
    const profile = { ...portableProfile, workgroupBytes: 49152, ...withUnits(LANES) };
    const code = checkEmulated(profile, LANES, described(size, true), change);
    assert.is(code.includes("left_block_1"), change.prefetch === "double buffer");
    assert.equal(await complaintsOf(code), []);
  });
}

test("results that do not fit side by side pass one by one", () => {
  const profile = { ...portableProfile, ...withUnits(LANES), workgroupBytes: 16000 };
  const code = checkEmulated(profile, LANES, described([1, 130, 100, 50, false, false], true));
  assert.match(code, /results: array<f32, 1024>/);
});

test("f32 operands are rounded only on request, and units are not used where they do not fit", () => {
  const { outputs } = described([1, 128, 128, 64, false, false], false);
  const base: DeviceProfile = { ...portableProfile, workgroupBytes: 49152, ...withUnits(32) };
  const uses = (as: Partial<DeviceProfile>): boolean => {
    const profile = { ...base, ...as };
    return usesUnits(compile({ outputs }, profile), profile);
  };
  assert.is(uses({}), true);
  assert.is(uses({ halfProducts: false }), false);
  assert.is(uses({ f16: false }), false);
  assert.is(uses({ subgroups: undefined }), false);
  assert.is(uses({ subgroups: { least: 8, most: 32 } }), false);
  assert.is(uses({ workgroupBytes: 8192 }), false);
  assert.is(uses({ matrices: [] }), false);
  assert.is(uses({ matrices: [{ ...unit, componentType: "f16", resultComponentType: "f16" }] }), false);
  const small = described([1, 16, 128, 64, false, false], false);
  assert.is(usesUnits(compile({ outputs: small.outputs }, base), base), false);
});

test("f16 operands need no request, and give f16 results", () => {
  const base: DeviceProfile = {
    ...portableProfile,
    ...withUnits(32),
    workgroupBytes: 49152,
    halfProducts: false,
  };
  for (const [m, n, k] of [[64, 64, 64], [70, 44, 36], [33, 47, 21]] as const) {
    const a = cs.input("a", [m, k], "f16"), w = cs.input("w", [k, n], "f16");
    const halved = (name: string, shape: readonly number[]): cs.NdArray =>
      cs.f16(shape, floats(name, shape).data);
    const profile = { ...base, subgroups: { least: LANES, most: LANES } };
    const code = checkEmulated(profile, LANES, {
      outputs: { y: cs.matmul(w)(a) },
      bindings: { a: halved("a", a.shape), w: halved("w", w.shape) },
    });
    // as wide as rows allow, in arrays that say how long they are
    const wide = k % 8 === 0
      ? `vec4<u32>, ${m * k / 8}`
      : k % 4 === 0
      ? `vec4<f16>, ${m * k / 4}`
      : `f16, ${m * k}`;
    assert.match(code, `array<${wide}>`);
  }
});

test("arrays are no longer than what is bound to them, in turns of a scan too", () => {
  const profile = { ...portableProfile, workgroupBytes: 49152, ...withUnits(32), halfProducts: false };
  const ends = [[2, 50, 72], [3, 33, 71]].map((shape, i) => {
    const h = cs.input(`h${i}`, shape, "f16"), width = shape[2]!;
    const body = (x: cs.Tensor, w: cs.Tensor): [cs.Tensor, cs.Tensor] => {
      const heads = cs.reshape([shape[0]!, 1, shape[1]!, width])(x);
      const y = cs.cast("f16")(cs.reshape(shape)(cs.attention(heads, heads, heads, { causal: true })));
      return [cs.tanh(cs.matmul(w)(y)), y];
    };
    return cs.scan(body, { carry: h, xs: cs.input(`w${i}`, [3, width, width], "f16") });
  });
  const plan = compile({ outputs: Object.fromEntries(ends.flat().map((t, i) => [`y${i}`, t])) }, profile, {
    attention: true,
  });
  let checked = 0;
  for (const { code, bindings } of dispatchesOf(plan, profile)) {
    if (!code.includes("subgroupMatrixMultiplyAccumulate")) continue;
    const arrays = code.matchAll(/@binding\((\d+)\) .*: array<(vec4)?<?(\w+)>?, (\d+)>;/g);
    for (const [, i, vector, type, length] of arrays) {
      const { slot, window, part } = bindings[Number(i)]!;
      const bytes = part?.bytes ?? plan.memory.slots[slot]!.ranges[window]!.bytes;
      assert.ok((vector === undefined ? 1 : 4) * (type === "f16" ? 2 : 4) * Number(length) <= bytes, code);
      checked++;
    }
  }
  assert.ok(checked >= 20, `${checked} arrays`);
});

test("Dawn's compiler takes every text", async () => {
  for (const shape of shapes) {
    const services = await dawnServices(withUnits(32, shape), { backend: "null" });
    const { load, profile } = Context.get(services, theDevice());
    for (const size of sizes) {
      for (const epilogue of [false, true]) {
        const plan = compile({ outputs: described(size, epilogue).outputs }, profile);
        assert.ok(usesUnits(plan, profile));
        await Effect.runPromise(Effect.scoped(Effect.asVoid(load(plan))));
      }
    }
  }
});

const golden = [
  ["product", [1, 256, 256, 64, false, false], false],
  ["ragged_epilogue", [1, 130, 100, 50, false, true], true],
  ["batched_transposed", [96, 128, 128, 96, true, false], false],
] as const;

for (const [name, size, epilogue] of golden) {
  test(`golden text: ${name}`, () => {
    const profile: DeviceProfile = { ...portableProfile, ...withUnits(32), workgroupBytes: 49152 };
    const plan = compile({ outputs: described(size, epilogue).outputs }, profile);
    const text = dispatchesOf(plan, profile).map((d) => `${d.code}\n`).join("\n");
    const path = new URL(`../golden/wgsl/matrix_${name}.wgsl`, import.meta.url);
    if (Deno.args.includes("--update")) Deno.writeTextFileSync(path, text);
    assert.fixture(text, Deno.readTextFileSync(path));
  });
}

// tensor cores, where there are some; SwiftShader has none
const real = swiftShader === undefined
  ? await dawnServices({ halfProducts: true }).catch(() => undefined)
  : undefined;
const device = real === undefined ? undefined : Context.get(real, theDevice());
if (device !== undefined && device.profile.matrices.length > 0) {
  for (const size of sizes) {
    for (const epilogue of [false, true]) {
      test(`on ${device.profile.name}, ${size.join(" ")}${epilogue ? ", epilogue" : ""}`, async () =>
        await Effect.runPromise(
          Effect.scoped(check(device.load, device.profile, described(size, epilogue))),
        ));
    }
  }
}
test.run();
endWithTests();

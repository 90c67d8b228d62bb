/** Attention on WebGPU: every schedule on ragged sizes, shared heads, queries that see nothing, and strange numbers. */
import * as cs from "@chain-of-sight/core";
import type { NdArray } from "@chain-of-sight/core";
import { compile, type DeviceProfile, dispatchesOf, type Plan, theDevice } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { closeDevice, servicesAs } from "../support/webgpu.ts";

const test = suite("attention on WebGPU");

/** What the compiler is informed. */
const devices: readonly (readonly [name: string, as: Partial<DeviceProfile>])[] = [
  ["usual workgroup memory", {}],
  ["little workgroup memory", { workgroupBytes: 2048 }],
];

/** Batch, heads, heads of keys, queries, keys, channels. */
const sizes = [
  [1, 1, 1, 1, 1, 1],
  [3, 2, 2, 4, 16, 32],
  [2, 2, 1, 13, 29, 12],
  [1, 2, 2, 33, 33, 7],
  [1, 3, 1, 50, 71, 4],
  [1, 1, 1, 70, 20, 20],
  [1, 4, 2, 40, 48, 16],
] as const;

const described = ([b, h, g, q, s, d]: typeof sizes[number], causal: boolean) => {
  const shapes = [[b, h, q, d], [b, g, s, d], [b, g, s, d]];
  const inputs = shapes.map((shape, i) => cs.input(`x${i}`, shape));
  const { values, logNormaliser } = cs.attend(inputs[0]!, inputs[1]!, inputs[2]!, { causal, scale: 0.3 });
  const ct = cs.input("ct", [b, h, q, d]), lct = cs.input("lct", [b, h, q]);
  const roots = [values, logNormaliser, ...cs.pullback([values, logNormaliser], [ct, lct], inputs)];
  const bindings: Record<string, NdArray> = { ct: floats("ct", ct.shape), lct: floats("lct", lct.shape) };
  inputs.forEach((x, i) => bindings[`x${i}`] = floats(`x${i}`, x.shape, -1, 1));
  return { roots, bindings };
};

const planned = (roots: readonly cs.Tensor[], profile: DeviceProfile): Plan =>
  compile({ outputs: Object.fromEntries(roots.map((t, i) => [`y${i}`, t])) }, profile, { attention: true });

const run = async (as: Partial<DeviceProfile>, plan: Plan, bindings: Readonly<Record<string, NdArray>>) => {
  const device = Context.get(await servicesAs(as), theDevice());
  return await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const program = yield* device.load(plan);
    yield* program.write(bindings);
    yield* program.run;
    return yield* program.read(Object.keys(plan.outputs));
  })));
};

const names = ["values", "normaliser", "query gradient", "key gradient", "value gradient"];

for (const [how, as] of devices) {
  for (const size of sizes) {
    for (const causal of [false, true]) {
      test(`${how}, ${size.join(" x ")}${causal ? ", causal" : ""}`, async () => {
        const { profile } = Context.get(await servicesAs(as), theDevice());
        const { roots, bindings } = described(size, causal), plan = planned(roots, profile);
        const kernels = plan.kernels.filter((k) => k.kind === "attention");
        assert.is(kernels.length, 2, "attention and its gradient");
        const got = await run(as, plan, bindings), want = cs.interpret(roots, bindings);
        roots.forEach((_, i) => near(names[i]!, got[`y${i}`]!, want[i]!, { rtol: 2e-4, atol: 2e-5 }));
        const again = await run(as, plan, bindings);
        roots.forEach((_, i) => assert.equal(again[`y${i}`], got[`y${i}`], "the same bits again"));

        // values that are no numbers reach those alone who see them
        const x2 = bindings["x2"]!, data = Float32Array.from(x2.data as Float32Array);
        data[data.length - 1] = Infinity;
        data[Math.max(0, data.length - 2 * size[5])] = NaN;
        const strange = { ...bindings, x2: cs.ndarray("f32", x2.shape, data) };
        const [values] = cs.interpret([roots[0]!], strange), there = await run(as, plan, strange);
        const y = there["y0"]!.data;
        for (let i = 0; i < y.length; i++) {
          const same = Number.isFinite(values!.data[i]!)
            ? Number.isFinite(y[i]!)
            : Object.is(y[i], values!.data[i]);
          assert.ok(same, `element ${i}: ${y[i]} for ${values!.data[i]}`);
        }
      });
    }
  }
}

test("tiles are within workgroup memory, and heads that are too wide for it are made of products", async () => {
  for (const [, as] of devices) {
    const { profile } = Context.get(await servicesAs(as), theDevice());
    const plan = planned(described([1, 3, 1, 50, 71, 4], true).roots, profile);
    const dispatches = dispatchesOf(plan, profile).filter((d) => d.kernel.kind === "attention");
    assert.is(dispatches.length, 2);
    for (const { code, kernel } of dispatches) {
      const schedule = plan.schedules.get(kernel)!;
      assert.ok(schedule.kind === "attention" && schedule.tiles.kind === "staged");
      const arrays = [...code.matchAll(/var<workgroup> \w+: array<(vec4f|f32|i32|u32), (\d+)>/g)];
      const bytes = arrays.reduce(
        (n, [, type, length]) => n + (type === "vec4f" ? 16 : 4) * Number(length),
        0,
      );
      assert.ok(bytes > 0 && bytes <= profile.workgroupBytes, `${bytes} bytes`);
    }
    const widest = profile.workgroupBytes === 2048 ? 48 : 512;
    for (const [width, kinds] of [[widest, 1], [widest + 4, 0]] as const) {
      const q = cs.input("q", [1, 1, 3, width]);
      const { kernels } = planned([cs.attention(q, q, q, {})], profile);
      assert.is(kernels.filter((k) => k.kind === "attention").length, kinds, `${width} channels`);
    }
  }
});

test.after(closeDevice);
test.run();

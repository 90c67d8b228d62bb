/** Profiles: times joined with work, against peak rates, on both devices; and their images. */
import { Effect } from "effect";
import * as cs from "@chain-of-sight/core";
import {
  against,
  compile,
  type Device,
  explain,
  kernelLabel,
  measureRoofline,
  profileText,
  stepsOf,
  theDevice,
  timesOf,
} from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { planChart } from "../../pipelines/figures/plan_chart.ts";
import { profileChart } from "../../pipelines/figures/profile_chart.ts";
import { closeCpu, cpuServices } from "../support/cpu.ts";
import { closeDevice, services } from "../support/webgpu.ts";
import { portableProfile } from "@chain-of-sight/kernels";

const outputs = () => {
  const x = cs.input("x", [32, 64]), w = cs.input("w", [48, 64]), s = cs.input("s", [4, 16, 16]);
  const [turned] = cs.scan((c: cs.Tensor, m: cs.Tensor) => [cs.tanh(cs.matmul(m)(c))], {
    carry: cs.input("h", [16, 16]),
    xs: s,
  });
  return { y: cs.softmax(-1)(cs.linear({ weight: w })(x)), turned };
};

test("times are joined with the work of their kernels, parts of one kernel together", () => {
  const plan = compile({ outputs: outputs() }, portableProfile), steps = stepsOf(plan);
  // two dispatches for every kernel, of 1 and 2 ms, once with an outlier
  const kernels = steps.flatMap(({ kernel }) => [kernel, kernel]);
  const run = (odd: number) => kernels.map((_, i) => i === 0 ? odd : i % 2 === 0 ? 1e-3 : 2e-3);
  const timed = timesOf(plan, kernels, [run(1e-3), run(9), run(1e-3)]);
  const explained = explain(plan);
  assert.is(timed.reduce((n, t) => n + t.count, 0), explained.count);
  assert.is(timed.reduce((n, t) => n + t.flops, 0), explained.flops);
  for (const t of timed) assert.ok(Math.abs(t.seconds - 3e-3 * t.count) < 1e-12, `${t.label} ${t.seconds}`);
  const product = timed.find((t) =>
    t.label === kernelLabel(plan.kernels.find((k) => k.kind === "contraction")!)
  );
  assert.is(product?.count, 1);
});

test("a profile against peak rates says what bounds each kernel and what could be won, by hand", () => {
  const roofline = { flops: 1e9, bytes: 1e8 };
  const [first, second] = against(roofline)([
    { label: "memory", count: 1, seconds: 0.5, flops: 1e6, bytes: 4e7 },
    { label: "arithmetic", count: 2, seconds: 2, flops: 1e9, bytes: 1e6 },
  ]);
  assert.is(first!.label, "arithmetic");
  assert.is(first!.bound, "arithmetic");
  assert.is(first!.least, 1);
  assert.is(first!.winnable, 1);
  assert.is(first!.flopRate, 5e8);
  assert.is(second!.bound, "memory");
  assert.is(second!.least, 0.4);
  assert.ok(Math.abs(second!.winnable - 0.1) < 1e-12);
  const text = profileText([first!, second!], roofline);
  assert.match(text, /50 % of arithmetic/);
  assert.match(text, /80 % of memory/);
  assert.match(profileText([first!, second!], roofline, 1), /and 1 more forms/);
});

const devices: readonly (readonly [string, () => Promise<Context.Context<Device>>])[] = [
  ["webgpu", () => services],
  ["cpu", () => cpuServices(2)],
];

for (const [name, opened] of devices) {
  test(`a program is profiled against the peak rates of its device, as text and images: ${name}`, async () => {
    const service = Context.get(await opened(), theDevice());
    const plan = compile({ outputs: outputs() }, service.profile);
    const [timed, roofline] = await Effect.runPromise(Effect.provide(
      Effect.scoped(Effect.gen(function* () {
        const program = yield* service.load(plan);
        return [
          yield* program.profile(2),
          yield* measureRoofline({ copied: 2 ** 16, busy: 2 ** 12, side: 64 }),
        ] as const;
      })),
      await opened(),
    ));
    assert.is(timed.reduce((n, t) => n + t.count, 0), explain(plan).count);
    assert.ok(timed.every((t) => t.seconds >= 0) && timed.some((t) => t.seconds > 0));
    assert.ok(roofline.flops > 1e6 && roofline.bytes > 1e6, JSON.stringify(roofline));
    const profile = against(roofline)(timed);
    assert.equal(JSON.parse(JSON.stringify(profile)), profile);
    const drawn = profileChart({ title: "Where time goes", profile, roofline, most: 2 });
    for (const p of profile.slice(0, 2)) {
      assert.ok(drawn.svg.includes(p.label.replaceAll("x", "×").split("×")[0]!));
    }
    assert.match(drawn.svg, /further forms/);
    const memory = planChart({ title: "Where tensors are", plan });
    assert.match(memory.svg, /scratch, by the tensor/);
    assert.ok((memory.svg.match(/<rect/g) ?? []).length > plan.kernels.length);
    assert.ok(drawn.png.length > 1000 && memory.png.length > 1000);
  });
}

test.after(async () => {
  await closeDevice();
  await closeCpu();
});
test.run();

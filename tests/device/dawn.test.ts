/**
 * Dawn as a device: its errors, its pace, its own back end for checking texts, and, where SwiftShader is there, the
 * device-generic suite and a whole training. `.ci/run` sets SWIFTSHADER_ICD, which makes it an error if it is not.
 */
import { add, input, ndarray } from "@chain-of-sight/core";
import { compile, dawn, type DeviceError, dispatchesOf, theDevice, throttled } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  complaintsOf,
  dawnServices,
  endWithTests,
  onDawn,
  stepOnDawn,
  swiftShader,
} from "../support/dawn.ts";
import { trajectorySuite } from "../trajectory/suite.ts";
import { deviceSuite } from "./suite.ts";

const test = suite("Dawn");

test("a missing adapter says what to do", async () => {
  const open = Effect.scoped(Effect.provide(theDevice(), dawn({}, { backend: "opengl" })));
  const e: DeviceError = await Effect.runPromise(Effect.flip(Effect.asVoid(open)));
  assert.is(e.fault, "no adapter");
  assert.match(e.hint, /libvulkan1.*chromium-common.*VK_DRIVER_FILES/);
});

test("Deno's own WebGPU keeps its globals and is the default", async () => {
  const before = [GPUBufferUsage, GPUMapMode, GPUShaderStage, GPUDevice, navigator.gpu];
  const { profile } = Context.get(await dawnServices({}, { backend: "null" }), theDevice());
  assert.is(profile.provider, "dawn");
  assert.equal([GPUBufferUsage, GPUMapMode, GPUShaderStage, GPUDevice, navigator.gpu], before);
});

test("questions of native functions slow down, all others do not", () => {
  let now = 0;
  const asked: string[] = [], native = parseInt as unknown as () => void, ours = () => {};
  const ask = throttled(() => now, () => asked.push("at once"), () => asked.push("later"));
  const count = (n: number, f: () => void) => {
    asked.length = 0;
    for (let i = 0; i < n; i++) ask(f);
    return asked.filter((x) => x === "later").length;
  };
  assert.is(count(1000, ours), 0);
  assert.is(count(100, native), 36, "64 of a hundred at once");
  assert.is(count(1000, ours), 0);
  now += 10;
  assert.is(count(100, native), 90, "one more for each millisecond");
  now += 1e6;
  assert.is(count(100, native), 36, "never more than 64");
});

if (swiftShader !== undefined) {
  test("survives collections of garbage between runs", async () => {
    const device = Context.get(await dawnServices(), theDevice());
    assert.match(device.profile.name, /SwiftShader.*Dawn/i);
    assert.equal(device.profile.subgroups, { least: 4, most: 4 });
    assert.equal(device.profile.matrices, []);
    const gc = (await import("node:v8")).setFlagsFromString,
      x = ndarray("f32", [3], Float32Array.of(1, 2, 3));
    gc("--expose-gc");
    const collect = (await import("node:vm")).runInNewContext("gc") as () => void;
    const plan = compile({ outputs: { y: add(input("x", [3]), 1) } }, device.profile);
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const program = yield* device.load(plan);
      for (let i = 0; i < 20; i++) {
        yield* program.write({ x });
        yield* program.run;
        yield* Effect.promise(() => (collect(), new Promise((r) => setTimeout(r, 1))));
        const { y } = yield* program.read(["y"]);
        assert.equal([...y!.data], [2, 3, 4]);
      }
    })));
  });
}
test.run();

if (swiftShader !== undefined) {
  // WGSL leaves infinities open, and SwiftShader's exponentials and logarithms do not know them; it takes a tenth of a
  // second for a kernel, Dawn's own compiler a thousandth
  deviceSuite("Dawn, fused", onDawn(), {
    others: async ({ roots }) => {
      const { profile } = Context.get(await dawnServices(), theDevice());
      const outputs = Object.fromEntries(roots.map((t, i) => [`root ${i}`, t]));
      const codes = new Set(dispatchesOf(compile({ outputs }, profile), profile).map(({ code }) => code));
      for (const code of codes) assert.equal(await complaintsOf(code), [], code);
    },
    open: [
      "exp of infinities",
      "edge: functions outside their domain",
      "edge: log and rsqrt of 0 and infinity",
    ],
  });
  trajectorySuite("Dawn, fused", stepOnDawn());
}
endWithTests();

/** Plans and their texts are made once for equal descriptions, and go with them. */
import { input, mul, sum } from "@chain-of-sight/core";
import { compile, cpuProfile, type DeviceProfile, dispatchesOf, renderModule } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import v8 from "node:v8";
import vm from "node:vm";
import { flatSource } from "../../bench/flat.ts";

const test = suite("remembered plans");

const gpu: DeviceProfile = { ...cpuProfile, provider: "deno", attentionUnits: 64 };

test("a description that is described again has its plan and its texts already", () => {
  const source = flatSource(), plan = compile(source, cpuProfile), dialect = { relaxed: true };
  assert.is(compile(flatSource(), cpuProfile), plan);
  assert.is(renderModule(plan, dialect), renderModule(plan, dialect));
  const there = compile(source, gpu);
  assert.is(dispatchesOf(there, gpu), dispatchesOf(there, gpu));
  assert.equal(dispatchesOf(there, { ...gpu }), dispatchesOf(there, gpu));
});

test("whatever a plan depends on gives another", () => {
  const x = input("x", [4, 8]), y = mul(x, x), z = sum({ axes: [1] })(y), profile = cpuProfile;
  const plan = compile({ outputs: { y, z } }, profile);
  assert.is(compile({ outputs: { y, z } }, profile), plan);
  const others = [
    compile({ outputs: { y: z, z: y } }, profile),
    compile({ outputs: { z, y } }, profile),
    compile({ outputs: { y, z }, donate: { y: "x" } }, profile),
    compile({ outputs: { y, z }, inputs: [input("w", [2])] }, profile),
    compile({ outputs: { y, z } }, { ...profile, attentionUnits: 4 }),
    compile({ outputs: { y, z } }, { ...profile, maxSumLength: 4 }),
    compile({ outputs: { y, z } }, profile, { fuse: false }),
  ];
  assert.is(new Set([plan, ...others]).size, others.length + 1);
  assert.equal(others.map((p) => Object.keys(p.outputs)), [
    ["y", "z"],
    ["z", "y"],
    ...Array(5).fill(["y", "z"]),
  ]);
});

test("a plan goes with its description", async () => {
  v8.setFlagsFromString("--expose-gc");
  const collect = vm.runInNewContext("gc") as () => void, dialect = { relaxed: true };
  const made = (width: number): WeakRef<object> => {
    const x = input("x", [width, 4]), plan = compile({ outputs: { y: mul(x, x) } }, cpuProfile);
    renderModule(plan, dialect);
    return new WeakRef(plan);
  };
  const plans = Array.from({ length: 50 }, (_, i) => made(i + 1));
  for (let i = 0; i < 5 && plans.some((p) => p.deref() !== undefined); i++) {
    await new Promise((done) => setTimeout(done, 1));
    collect();
  }
  assert.is(plans.filter((p) => p.deref() !== undefined).length, 0);
});

test.run();

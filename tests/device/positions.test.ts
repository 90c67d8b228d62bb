/** Sizes beyond what positions of 32 bits can count: refused by name when the plan is made, on every device. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  cpuProfile,
  type DeviceProfile,
  dispatchesOf,
  portableProfile,
} from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";

const test = suite("positions");

const gpu: DeviceProfile = {
  ...portableProfile,
  f16: true,
  maxBindings: 32,
  maxBindingBytes: 2 ** 32 - 4,
  maxBufferBytes: 2 ** 40,
};

const refused = (profile: DeviceProfile, root: cs.Tensor, pattern: RegExp): void => {
  try {
    compile({ outputs: { y: root } }, profile);
  } catch (e) {
    assert.instance(e, cs.ShapeError);
    assert.match((e as Error).message, pattern);
    assert.match((e as Error).message, /positions\.test\.ts.*32 bits; split it along an axis/);
    return;
  }
  assert.unreachable("a plan whose positions wrap");
};

const beyond: readonly (readonly [string, () => cs.Tensor, RegExp])[] = [
  [
    "rows of an input of f16 that are summed",
    () => cs.sum({ axes: [1] })(cs.cast("f32")(cs.input("logits", [40000, 128256], "f16"))),
    /input logits f16 \[40000, 128256\] at .*5130240000 elements; expected fewer than 4160749568/,
  ],
  ["a map of f32", () => cs.exp(cs.input("x", [2 ** 16, 2 ** 16])), /input x .*4294967296 elements/],
  [
    "a result alone",
    () => cs.add(cs.input("column", [70000, 1]), cs.input("row", [1, 70000])),
    /add f32 \[70000, 70000\].*4900000000 elements/,
  ],
  [
    "a product",
    () => cs.matmul(cs.input("b", [8, 100000]))(cs.input("a", [100000, 8])),
    /matmul f32 \[100000, 100000\].*10000000000 elements/,
  ],
  [
    "a sum over what is never stored",
    () => cs.sum()(cs.mul(cs.input("column", [70000, 1]), cs.input("row", [1, 70000]))),
    /sum f32 .*positions up to 4900000\d+/,
  ],
  [
    "an iteration of a loop",
    () => {
      const [last] = cs.scan((c: cs.Tensor) => [cs.tanh(cs.add(c, 1))], {
        carry: cs.input("c", [70000, 70000]),
        length: 2,
      });
      return last;
    },
    /4900000000 elements/,
  ],
];

for (const [name, make, pattern] of beyond) {
  test(`WebGPU: ${name}`, () => refused(gpu, make(), pattern));
}

test("WebGPU: just below the limit is planned, in windows", () => {
  const x = cs.input("x", [31 * 2 ** 11 - 1, 2 ** 16], "f16");
  const plan = compile({ outputs: { y: cs.sum({ axes: [1] })(cs.cast("f32")(x)) } }, gpu);
  assert.ok(plan.memory.slots.some((s) => s.ranges.length > 1));
  assert.ok(dispatchesOf(plan, gpu).every((d) => d.workgroups.every((n) => n <= gpu.maxWorkgroups)));
});

test("a stack of loops may be longer, as every iteration counts in its own part", () => {
  const stack = cs.input("stack", [64, 10000, 10000]);
  const [, sums] = cs.scan((_: readonly cs.Tensor[], x: cs.Tensor) => [[], cs.sum()(cs.tanh(x))], {
    carry: [],
    xs: stack,
  });
  compile({ outputs: { sums } }, gpu);
});

test("the CPU: tensors beyond its memory", () => {
  const cpu = cpuProfile;
  refused(
    cpu,
    cs.exp(cs.input("x", [2 ** 15, 2 ** 15])),
    /input x f32 \[32768, 32768\].*1073741824 elements/,
  );
  refused(
    cpu,
    cs.matmul(cs.input("b", [8, 40000]))(cs.input("a", [40000, 8])),
    /matmul f32 \[40000, 40000\]/,
  );
  compile({ outputs: { y: cs.exp(cs.input("x", [2 ** 15, 2 ** 15 - 1])) } }, cpu);
});

test.run();

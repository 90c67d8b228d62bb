/** The loss of an output map by blocks of classes on devices, alongside all logits at once on the reference interpreter. */
import * as cs from "@chain-of-sight/core";
import type { Tensor } from "@chain-of-sight/core";
import { compile, type DeviceProfile, portableProfile } from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { closeCpu, onCpu } from "../support/cpu.ts";
import { difference } from "../support/near.ts";
import { floats, integers } from "../support/random.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";

const test = suite("loss by blocks of classes, on devices");

const N = 40, D = 24, V = 515, BLOCKS = 4;
const given = {
  x: cs.input("x", [N, D]),
  w: cs.input("w", [V, D]),
  b: cs.input("b", [V]),
};
const labels = cs.input("labels", [N], "i32");
const bindings = {
  x: floats("x", [N, D]),
  w: floats("w", [V, D]),
  b: floats("b", [V]),
  labels: integers("labels", [N], -3, V + 3),
};

const rootsOf = (blocks: number, mixed: boolean): readonly Tensor[] => {
  const f = ({ x, w, b }: typeof given) => {
    const all = cs.linearCrossEntropy({ weight: w, bias: b }, x, labels, cs.IGNORED, blocks);
    return [all.mean, all] as const;
  };
  const { value, aux, grad } = cs.valueAndGrad(mixed ? cs.mixed({})(f) : f)(given);
  return [value, aux.perToken, aux.correct, grad.x, grad.w, grad.b];
};

const devices = {
  cpu: onCpu(),
  webgpu: onWebGpu(),
  "webgpu, naive": onWebGpu({ fuse: false, simplify: false }),
};

for (const [name, evaluate] of Object.entries(devices)) {
  for (const mixed of name === "cpu" ? [false] : [false, true]) {
    test(`${name}, ${mixed ? "mixed" : "f32"}: equal to all logits at once`, async () => {
      const exact = cs.interpret(rootsOf(1, mixed), bindings);
      (await evaluate(rootsOf(BLOCKS, mixed), bindings)).forEach(({ data }, i) => {
        const { worst, scale } = difference(data, exact[i]!.data);
        assert.ok(worst <= (mixed ? 2 ** -8 : 1e-6) * scale, `result ${i} is off by ${worst} of ${scale}`);
      });
    });
  }
}

test("no temporary has a number for each token and class, and the map is read where it is", () => {
  const gpu: DeviceProfile = { ...portableProfile, f16: true };
  for (const mixed of [false, true]) {
    const [value, , , x] = rootsOf(BLOCKS, mixed),
      { memory } = compile({ outputs: { value: value!, x: x! } }, gpu);
    const elements = [...memory.slotOf].filter(([, slot]) => memory.slots[slot]!.role === "scratch")
      .map(([t]) => cs.sizeOf(t.shape));
    assert.not(elements.some((n) => n >= N * V), String(Math.max(...elements)));
    assert.not(elements.some((n) => n >= BLOCKS * Math.floor(V / BLOCKS) * D), "a copy of the map");
  }
});

test.after(async () => {
  await closeDevice();
  await closeCpu();
});
test.run();

/**
 * Grids of workgroups that one axis of the device cannot hold: split by every kind of kernel. A device that is configured to
 * have few workgroups along an axis runs on small tensors what large ones need.
 */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  type DeviceProfile,
  dispatchesOf,
  type Plan,
  portableProfile,
} from "@chain-of-sight/kernels";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { emulate } from "../support/matrix_emulation.ts";
import { complaintsOf, endWithTests, onDawn, swiftShader } from "../support/dawn.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { near } from "../support/near.ts";
import { floats, integers } from "../support/random.ts";
import { onWebGpu } from "../support/webgpu.ts";

const test = suite("grids");

interface GridCase {
  readonly name: string;
  readonly roots: readonly cs.Tensor[];
  readonly bindings: cs.Bindings;
}

const bound = (inputs: readonly cs.Tensor[]): Record<string, cs.NdArray> =>
  Object.fromEntries(inputs.map((t) => {
    const { path } = (t as cs.Tensor<"input">).attributes;
    return [path, floats(path, t.shape, -1, 1)];
  }));

const product = (name: string, batch: readonly number[], m: number, k: number, n: number): GridCase => {
  const a = cs.input("a", [...batch, m, k]),
    b = cs.input("b", [...batch, k, n]),
    bias = cs.input("bias", [n]);
  return {
    name: `${name} of [${[...batch, m, k]}] and [${[...batch, k, n]}]`,
    roots: [cs.tanh(cs.add(cs.matmul(b)(a), bias))],
    bindings: bound([a, b, bias]),
  };
};

const attention = (): GridCase => {
  const [q, k, v] = [[3, 4, 40, 8], [3, 2, 40, 8], [3, 2, 40, 8]].map((s, i) => cs.input("qkv"[i]!, s)) as [
    cs.Tensor,
    cs.Tensor,
    cs.Tensor,
  ];
  const { values } = cs.attend(q, k, v, { causal: true, scale: 0.4 });
  const loss = cs.sum()(cs.sin(values));
  return {
    name: "attention and its gradients",
    roots: [values, ...cs.pullback([loss], [cs.constant(1)], [q, k, v])],
    bindings: bound([q, k, v]),
  };
};

const scattered = (): GridCase => {
  const x = cs.input("x", [300, 40]), ids = cs.input("ids", [200], "i32"), rows = cs.gather(x)(ids);
  return {
    name: "rows gathered, and their gradients scattered",
    roots: [rows, ...cs.pullback([cs.sum()(cs.mul(rows, rows))], [cs.constant(1)], [x])],
    bindings: { ...bound([x]), ids: integers("ids", [200], 0, 300) },
  };
};

const loops = (): GridCase => {
  const x = cs.input("x", [97, 70]),
    long = cs.input("long", [70000]),
    [, sums] = cs.scan(
      (c: cs.Tensor, row: cs.Tensor) => {
        const next = cs.tanh(cs.add(cs.mul(c, 0.5), row));
        return [next, cs.sum({ axes: [0] })(next)];
      },
      { carry: cs.input("c", [50, 12]), xs: cs.input("xs", [3, 50, 12]) },
    );
  return {
    name: "maps, rows of sums, a long sum, a loop",
    roots: [cs.exp(x), cs.softmax(-1)(x), cs.argmax(1)(x), cs.sum()(cs.mul(long, long)), sums],
    bindings: bound([x, long, cs.input("c", [50, 12]), cs.input("xs", [3, 50, 12])]),
  };
};

const batches = (): GridCase => {
  const ps = Array.from({ length: 12 }, (_, i) => cs.input(`p${i}`, [200 + 60 * i]));
  const gradients = ps.map((p) => cs.sin(cs.mul(p, 3)));
  const norm = cs.squaredNorms(gradients).reduce((a, b) => cs.add(a, b)), scale = cs.rsqrt(norm);
  const updated = cs.foreach(ps.map((p, i) => ({
    args: [p, gradients[i]!],
    rule: (x: cs.Tensor, g: cs.Tensor) => [cs.sub(x, cs.mul(g, scale))],
  }))).flat();
  return {
    name: "an update of many tensors and a sum over all",
    roots: [...updated, norm],
    bindings: bound(ps),
  };
};

const cases: readonly GridCase[] = [
  product("tiles down", [], 1100, 16, 8),
  product("tiles across", [], 8, 16, 1100),
  product("tiles both ways", [], 300, 20, 310),
  product("tiles and products", [5, 3], 40, 12, 36),
  product("many small products", [400], 8, 8, 8),
  attention(),
  scattered(),
  loops(),
  batches(),
];

const axes = (plan: Plan, profile: DeviceProfile): readonly (readonly number[])[] =>
  dispatchesOf(plan, profile).map((d) => d.workgroups);

const devices: readonly (readonly [string, Evaluate, Partial<DeviceProfile>])[] = [
  ["lavapipe", onWebGpu({}, { maxWorkgroups: 11 }), { software: true }],
  ["tiles of GPUs on lavapipe", onWebGpu({}, { maxWorkgroups: 11, software: false }), {}],
  ...(swiftShader === undefined
    ? []
    : [["Dawn", onDawn({}, { maxWorkgroups: 11, software: false }), { provider: "dawn" }] as const]),
];

for (const [device, evaluate, as] of devices) {
  for (const { name, roots, bindings } of cases) {
    test(`${name}, ${device}: values`, async () => {
      const got = await evaluate(roots, bindings), expected = cs.interpret(roots, bindings);
      expected.forEach((e, i) => near(`root ${i}`, got[i]!, e, { rtol: 2e-4, atol: 2e-5 }));
      const profile: DeviceProfile = { ...portableProfile, ...as, maxBindings: 16, maxWorkgroups: 11 };
      const plan = compile({ outputs: Object.fromEntries(roots.map((t, i) => [`y${i}`, t])) }, profile);
      const sides = axes(plan, profile).flat();
      assert.ok(Math.max(...sides) <= 11, `${sides}`);
      assert.ok(axes(plan, profile).some((w) => w.filter((n) => n > 1).length > 1), "a grid that is split");
    });
  }
}

test("products on matrix units, emulated", async () => {
  const profile: DeviceProfile = {
    ...portableProfile,
    provider: "dawn",
    f16: true,
    halfProducts: true,
    workgroupBytes: 49152,
    subgroups: { least: 4, most: 4 },
    matrices: [{ M: 16, N: 16, K: 16, componentType: "f16", resultComponentType: "f32" }],
    maxWorkgroups: 4,
  };
  const a = cs.input("a", [2, 330, 20]), w = cs.input("w", [2, 20, 130]), y = cs.matmul(w)(a);
  const bindings = Object.fromEntries(
    Object.entries(bound([a, w])).map((
      [path, x],
    ) => [path, cs.f32(x.shape, Float32Array.from(x.data, Math.f16round))]),
  );
  const plan = compile({ outputs: { y } }, profile), [dispatch, ...more] = dispatchesOf(plan, profile);
  assert.is(more.length, 0);
  assert.match(dispatch!.code, "subgroupMatrixMultiplyAccumulate");
  assert.ok(dispatch!.workgroups.every((n) => n <= 4) && dispatch!.code.includes("group_index"));
  assert.equal(await complaintsOf(dispatch!.code), []);
  const { slots, slotOf } = plan.memory;
  const memory = new Map(slots.map(({ id, bytes }) => [id, new Float64Array(bytes / 4)]));
  for (const [path, value] of Object.entries(bindings)) {
    memory.get(slotOf.get(plan.inputs[path]!)!)!.set(value.data);
  }
  emulate(dispatch!, 4, memory);
  const expected = cs.interpret([y], bindings)[0]!;
  const data = memory.get(slotOf.get(plan.outputs.y!)!)!.subarray(0, expected.data.length);
  near("y", { dtype: "f32", shape: y.shape, data: Float32Array.from(data) }, expected, {
    rtol: 1e-5,
    atol: 1e-5,
  });
});

const large: readonly (readonly [string, () => cs.Tensor])[] = [
  [
    "conv2d 3x3 of 128 images of 224 x 224",
    () =>
      cs.conv2d({ weight: cs.input("w", [64, 3, 3, 3]) }, { padding: 1 })(cs.input("x", [128, 224, 224, 3])),
  ],
  ["[5e6, 64] x [64, 64]", () => cs.matmul(cs.input("b", [64, 64]))(cs.input("a", [5e6, 64]))],
  ["[64, 64] x [64, 5e6]", () => cs.matmul(cs.input("b", [64, 5e6]))(cs.input("a", [64, 64]))],
  ["70,000 products", () => cs.matmul(cs.input("b", [70000, 9, 9]))(cs.input("a", [70000, 9, 9]))],
  ["a map of 2^29 numbers", () => cs.exp(cs.input("x", [2 ** 29]))],
  [
    "attention of 70,000 heads",
    () => {
      const [q, k, v] = ["q", "k", "v"].map((path) => cs.input(path, [7000, 10, 16, 16])) as [
        cs.Tensor,
        cs.Tensor,
        cs.Tensor,
      ];
      return cs.attend(q, k, v, { causal: false, scale: 1 }).values;
    },
  ],
];

for (const [name, make] of large) {
  test(`${name}: within the workgroups of every device`, () => {
    for (const software of [false, true]) {
      const profile: DeviceProfile = {
        ...portableProfile,
        software,
        maxBufferBytes: 2 ** 38,
        maxBindingBytes: 2 ** 36,
        maxBindings: 16,
      };
      const plan = compile({ outputs: { t: make() } }, profile);
      const over = dispatchesOf(plan, profile).filter((d) =>
        d.workgroups.some((n) => n > profile.maxWorkgroups)
      );
      assert.equal(over.map((d) => `${d.label} ${d.workgroups}`), []);
    }
  });
}

test("more than 65,535 tiles run", async () => {
  const a = cs.input("a", [1_100_000, 4]),
    b = cs.input("b", [4, 8]),
    y = cs.matmul(b)(a),
    total = cs.sum({ axes: [0] })(y);
  const data = Float32Array.from({ length: 4_400_000 }, (_, i) => i % 7 - 3);
  const bindings = { a: cs.ndarray("f32", a.shape, data), b: floats("b", [4, 8]) };
  const [got] = await onWebGpu()([cs.sliceAxis(0, 1_099_990, 1_100_000)(y), total], bindings);
  const tail = { a: cs.ndarray("f32", [10, 4], data.slice(-40)), b: bindings.b };
  const [expected] = cs.interpret([cs.matmul(b)(cs.input("a", [10, 4]))], tail);
  near("last rows", got!, expected!, { rtol: 1e-6, atol: 1e-6 });
});

test.run();
endWithTests();

/** 16-bit numbers on WebGPU: every primitive that takes them, against the reference, which rounds at every step. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  cpuProfile,
  denoProvider,
  deviceNamed,
  dispatchesOf,
  portableProfile,
  profileOf,
  withOverrides,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Layer from "effect/Layer";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { closeDevice, onWebGpu } from "../support/webgpu.ts";
import { attentionCases, type DeviceCase, deviceCases } from "./cases.ts";

const test = suite("f16");

/** Half the gap between neighbours, relative to the number. */
const UNIT = 2 ** -11;

/** Device that runs it; movement only carries. */
const computes = (t: cs.Tensor): boolean => t.args.length > 0 && !cs.isMovement(t.op) && !cs.isMark(t.op);

/** Most roundings one after the other below a node. */
const depthOf = (root: cs.Tensor): number => {
  const depth = new Map<cs.Tensor, number>();
  for (const t of cs.topological([root])) {
    const below = Math.max(0, ...t.args.map((a) => depth.get(a)!));
    depth.set(t, below + (t.dtype === "f16" && computes(t) ? 1 : 0));
  }
  return depth.get(root)!;
};

/** The same description over f16 inputs; undefined where it has parts that are made of f32. */
const halved = (c: DeviceCase): Pick<DeviceCase, "roots" | "bindings"> | undefined => {
  const by = new Map<cs.Tensor, cs.Tensor>();
  for (const t of cs.topological(c.roots)) {
    if (cs.is("scatterAdd", t) || cs.is("scan", t) || t.op === "randomBits") return undefined;
    if (t.dtype !== "f32" && t.args.every((a) => by.get(a) === a)) by.set(t, t);
    else if (cs.is("input", t)) by.set(t, cs.input(t.attributes.path, t.shape, "f16"));
    else if (cs.is("constant", t)) by.set(t, cs.constant(Math.f16round(t.attributes.value), "f16"));
    else if (cs.is("cast", t) && t.dtype === "f32") by.set(t, cs.cast("f16")(by.get(t.args[0]!)!));
    else {
      const half = (a: cs.Tensor) =>
        by.get(a)!.dtype === "f32" && !cs.isTuple(a) ? cs.cast("f16")(by.get(a)!) : by.get(a)!;
      const args = t.args.map(half);
      // the normaliser and delta stay f32
      if (cs.is("attentionGrad", t)) args.splice(4, 2, ...args.slice(4).map(cs.cast("f32")));
      if (cs.isTuple(t)) {
        const results = cs.tupleRecordOf(t).infer(args, t.attributes);
        by.set(t, cs.intern(t.op, args, t.attributes, t.shape, t.dtype, false, results));
      } else if (cs.is("result", t)) by.set(t, cs.resultAt(by.get(t.args[0]!)!, t.attributes.index));
      else {
        const { shape, dtype } = cs.recordOf(t.op).infer(args, t.attributes);
        by.set(t, cs.intern(t.op, args, t.attributes, shape, dtype));
      }
    }
  }
  const half = (a: cs.NdArray): cs.NdArray => a.dtype === "f32" ? cs.f16(a.shape, a.data) : a;
  return {
    roots: c.roots.map((t) => by.get(t)!),
    bindings: Object.fromEntries(Object.entries(c.bindings).map(([path, a]) => [path, half(a)])),
  };
};

const evaluators = {
  fused: onWebGpu(),
  naive: onWebGpu({ fuse: false, simplify: false }),
  "schedules of GPUs": onWebGpu({}, { software: false }),
};

const attentionOfProducts = { ...evaluators, "attention of products": onWebGpu({ attention: false }) };

for (const c of [...deviceCases, ...attentionCases]) {
  const half = halved(c);
  if (half === undefined || !half.roots.some((t) => cs.topological([t]).some((x) => x.dtype === "f16"))) {
    continue;
  }
  for (
    const [name, evaluate] of Object.entries(attentionCases.includes(c) ? attentionOfProducts : evaluators)
  ) {
    test(`${c.name}, ${name}`, async () => {
      const expected = cs.interpret(half.roots, half.bindings);
      const actual = await evaluate(half.roots, half.bindings);
      expected.forEach((e, i) => {
        const root = half.roots[i]!, depth = depthOf(root);
        assert.is(actual[i]!.dtype, root.dtype);
        // both round the result, the reference what is between as well
        near(`root ${i}`, { ...actual[i]!, data: Float64Array.from(actual[i]!.data) }, e, {
          rtol: (1 + depth) * UNIT,
          atol: 2e-6,
        });
      });
    });
  }
}

/** Around every edge of f16: largest number, smallest normal and subnormal, halves of gaps, specials. */
const edges = [
  ...[1, 65504, 65519, 65520, 1e6, Infinity, 6.1e-5, 6.0976e-5, 6e-8, 2.9e-8, 3.1e-8, 2049, 2051, 1 / 3],
  ...[0, NaN],
].flatMap((v) => [v, -v]);

test("conversions round to the nearest, ties to even; from 65520 on there are infinities", async () => {
  const x = cs.input("x", [edges.length]), bindings = { x: cs.f32([edges.length], edges) };
  const roots = [cs.cast("f16")(x), cs.cast("f32")(cs.cast("f16")(x)), cs.cast("f16")(cs.constant(1e6))];
  const [half, again, big] = await onWebGpu()(roots, bindings), expected = edges.map(Math.f16round);
  for (const { data } of [half!, again!]) assert.equal([...data].map(String), expected.map(String));
  assert.ok(half!.data instanceof Float16Array);
  assert.is(big!.data[0], Infinity);
});

test("arrays of odd length go to the device and come back, every bit of them", async () => {
  for (const n of [1, 3, 31, 257]) {
    const words = Uint16Array.from({ length: n }, (_, i) => (i * 2749) % 0x7c00);
    const data = new Float16Array(words.buffer), x = cs.input("x", [n], "f16");
    const [y] = await onWebGpu()([cs.flip([0])(x)], { x: cs.ndarray("f16", [n], data) });
    assert.equal([...y!.data], [...data].reverse());
  }
});

const layouts = [[1, 128, 128, 64, false, true], [3, 97, 66, 40, false, true], [
  2,
  68,
  72,
  44,
  true,
  false,
]] as const;
const schedules = {
  software: {},
  GPU: { software: false },
  "GPU, sums in blocks": { software: false, halfSums: true },
};

for (const [schedule, as] of Object.entries(schedules)) {
  for (const [b, m, n, k, ta, tb] of layouts) {
    test(`product, ${[b, m, n, k, ta, tb].join(" ")}, ${schedule}: one rounding of a sum in f32`, async () => {
      const a = cs.input("a", ta ? [b, k, m] : [b, m, k], "f16"),
        w = cs.input("w", tb ? [b, n, k] : [b, k, n], "f16");
      const left = ta ? cs.transpose(a) : a, right = tb ? cs.transpose(w) : w;
      const half = (path: string, t: cs.Tensor) => cs.f16(t.shape, floats(path, t.shape).data);
      const bindings = { a: half("a", a), w: half("w", w) };
      const rounded = cs.matmul(right)(left), whole = cs.cast("f32")(rounded);
      const [y, z] = await onWebGpu({}, as)([rounded, whole], bindings);
      const exact = cs.interpret([cs.matmul(cs.cast("f32")(right))(cs.cast("f32")(left))], bindings)[0]!;
      // blocks of 16 are summed in f16: each of their roundings is relative to a sum of 16 terms
      const inBlocks = "halfSums" in as ? 4 * UNIT : 0;
      near("stored as f16", { ...y!, data: Float64Array.from(y!.data) }, exact, {
        rtol: UNIT + inBlocks,
        atol: 0,
      });
      // stored from the same kernel, but not rounded on the way
      near("stored as f32", z!, exact, { rtol: 1e-6 + inBlocks, atol: 0 });
    });
  }
}

test("sums of f16 are f32 sums: 4096 times 1 is 4096, where f16 alone would stay at 2048", async () => {
  const x = cs.input("x", [4096, 3], "f16"), one = new Float16Array(3 * 4096).fill(1);
  for (const as of [{}, { software: false }]) {
    const [sums, total] = await onWebGpu({}, as)([cs.sum({ axes: [0] })(x), cs.mean()(x)], {
      x: cs.ndarray("f16", [4096, 3], one),
    });
    assert.equal([...sums!.data, ...total!.data], [4096, 4096, 4096, 1]);
  }
});

test("slices of loops, and tensors in several windows", async () => {
  const stack = cs.input("stack", [5, 7, 3], "f16"), h = cs.input("h", [7, 3]);
  const [last, all] = cs.scan((c: cs.Tensor, s: cs.Tensor) => {
    const next = cs.add(c, cs.cast("f32")(s));
    return [next, cs.cast("f16")(next)];
  }, { carry: h, xs: stack });
  const bindings = { stack: cs.f16([5, 7, 3], floats("s", [5, 7, 3]).data), h: floats("h", [7, 3]) };
  const check = async (roots: readonly cs.Tensor[], given: cs.Bindings, as = {}) => {
    const expected = cs.interpret(roots, given), actual = await onWebGpu({}, as)(roots, given);
    actual.forEach((a, i) =>
      near(`root ${i}`, { ...a, data: Float64Array.from(a.data) }, expected[i]!, {
        rtol: a.dtype === "f16" ? UNIT : 1e-6,
        atol: 0,
      })
    );
  };
  await check([last, all], bindings);
  const x = cs.input("x", [64, 96], "f16"), w = cs.input("w", [96, 96], "f16");
  const large = {
    x: cs.f16(x.shape, floats("x", x.shape).data),
    w: cs.f16(w.shape, floats("w", w.shape).data),
  };
  await check([cs.matmul(w)(x), cs.mul(w, 2)], large, { maxBindingBytes: 4096, maxBufferBytes: 8192 });
});

test("the CPU refuses f16 when a description is compiled, by name and with what to do", () => {
  const x = cs.input("x", [3]), y = cs.cast("f32")(cs.mul(cs.cast("f16")(x), 2));
  assert.throws(
    () => compile({ outputs: { y } }, cpuProfile),
    (e: Error) =>
      e instanceof cs.DTypeError && /CPU/.test(e.message) && /precision "f32".*shader-f16/.test(e.message) &&
      /half\.test\.ts/.test(e.message),
  );
});

test("sums of f16 products are f32 unless asked for", async () => {
  const adapter = { info: { description: "NVIDIA H100", device: "", vendor: "" } } as unknown as GPUAdapter;
  const device = { limits: {} } as unknown as GPUDevice;
  const profile = profileOf({ provider: denoProvider(), adapter, device, features: ["shader-f16"] });
  assert.is(profile.f16, true);
  assert.is(profile.software, false);
  assert.is(profile.halfSums, false);
  // runs and artefacts are known by the device's name
  assert.is(withOverrides(profile, { halfSums: true }).name, "NVIDIA H100, sums of f16");
  assert.is(withOverrides(profile, {}).name, "NVIDIA H100");
  // asked for where there are none, they are refused by device and flag
  for (const name of ["cpu", "webgpu"] as const) {
    const opened = Layer.build(deviceNamed(name, { halfSums: true }));
    const refused = await Effect.runPromise(Effect.scoped(Effect.flip(opened)));
    assert.is(refused.fault, "refused");
    assert.match(refused.message, "--half-sums");
  }
});

const text = (halfSums: boolean): string => {
  const a = cs.input("a", [128, 64], "f16"), w = cs.input("w", [64, 128], "f16");
  const profile = { ...portableProfile, f16: true, halfSums };
  return dispatchesOf(compile({ outputs: { y: cs.matmul(w)(a) } }, profile), profile)[0]!.code;
};

test("the text of staged products: converted as they are copied, or multiplied as f16 in blocks", () => {
  const both = [
    /^enable f16;/,
    /x0: array<vec4<f16>>;/,
    /x2: array<f16>;/,
    /\] = f16\(acc\);/,
    /var c7_1 = vec4f/,
  ];
  const converted = [/var<workgroup> left_block\w*: array<vec4f,/, /= vec4f\(x0\[/, /c0_0 = fma\(vec4f\(/];
  const blocks = [
    /var<workgroup> left_block\w*: array<vec4<f16>,/,
    /var h0_0 = vec4<f16>\(\)/,
    /h0_0 = fma\(vec4<f16>\(/,
    /c0_0 \+= vec4f\(h0_0\)/,
  ];
  for (const part of [...both, ...converted]) assert.match(text(false), part);
  for (const part of [...both, ...blocks]) assert.match(text(true), part);
  for (const part of blocks) assert.not.match(text(false), part);
});

test.after(closeDevice);
test.run();

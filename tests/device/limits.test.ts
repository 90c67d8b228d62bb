/**
 * WebGPU with a profile of small bindings and buffers: tensors in many windows compute the same numbers, and what needs too many
 * bindings is refused with its kernel and its limit.
 */
import * as cs from "@chain-of-sight/core";
import { compile, DeviceError, theDevice } from "@chain-of-sight/kernels";
import { Effect } from "effect";
import * as Context from "effect/Context";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { randomProgram } from "../laws/programs.ts";
import { golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { onWebGpu, servicesAs, stepOnWebGpu } from "../support/webgpu.ts";
import { trajectoryProgram, trajectorySuite } from "../trajectory/suite.ts";

const small = { maxBindingBytes: 16_384, maxBufferBytes: 65_536 };

trajectorySuite("webgpu, bindings of 16 KiB", stepOnWebGpu({}, small));

const test = suite("webgpu, small bindings");
const tiny = onWebGpu({}, { maxBindingBytes: 1024, maxBufferBytes: 4096 });

for (let seed = 100; seed < 120; seed++) {
  test(`program ${seed} and its gradient`, async () => {
    const { roots, bindings } = randomProgram(seed), loss = roots.at(-1)!;
    const inputs = cs.topological(roots).filter((t) => t.op === "input");
    const all = [...roots, ...cs.pullback([loss], [cs.onesLike(loss)], inputs)];
    const expected = cs.interpret(all, bindings), actual = await tiny(all, bindings);
    expected.forEach((e, i) => near(`root ${i} (${all[i]!.op})`, actual[i]!, e, { rtol: 2e-4, atol: 1e-5 }));
  });
}

test("a step in windows: the same bits as in one binding", async () => {
  const program = trajectoryProgram(golden("trajectory"));
  const batch = Object.fromEntries(
    cs.topological([...Object.values(program.next), ...Object.values(program.metrics)])
      .filter((t): t is cs.Tensor<"input"> => cs.is("input", t) && t.attributes.path.startsWith("batch"))
      .map((t) => {
        const { path } = t.attributes, random = floats(path, t.shape);
        return [
          path,
          t.dtype === "f32" ? random : cs.ndarray("i32", t.shape, new Int32Array(random.data.length).fill(5)),
        ];
      }),
  );
  const after = async (as: Parameters<typeof stepOnWebGpu>[1]) => {
    const stepper = await stepOnWebGpu({ batch: false }, as)(program);
    await stepper.step(batch);
    await stepper.step(batch);
    return await stepper.state();
  };
  const whole = await after({}), parts = await after(small);
  for (const [path, value] of Object.entries(whole)) {
    assert.equal([...parts[path]!.data], [...value.data], path);
  }
});

test("vectors, scattered rows and results of every type across windows", async () => {
  const x = cs.input("x", [96, 40]), ids = cs.input("ids", [50], "i32"), w = cs.input("w", [40, 36]);
  const table = cs.gather(x)(ids), y = cs.matmul(w)(x);
  const outputs = [
    y,
    cs.matmul(x)(cs.transpose(x)),
    table,
    cs.less(x, 0),
    cs.cast("i32")(cs.mul(x, 9)),
    cs.argmax(1)(x),
  ];
  const all = [...outputs, ...cs.pullback([cs.sum()(cs.mul(table, table))], [cs.constant(1)], [x])];
  const bindings = {
    x: floats("x", [96, 40]),
    w: floats("w", [40, 36]),
    ids: cs.ndarray("i32", [50], Int32Array.from({ length: 50 }, (_, i) => (i * 37) % 96)),
  };
  const expected = cs.interpret(all, bindings);
  const got = await onWebGpu({}, { maxBindingBytes: 2048, maxBufferBytes: 8192 })(all, bindings);
  expected.forEach((e, i) => near(`root ${i}`, got[i]!, e, { rtol: 2e-5, atol: 1e-5 }));
});

test("too many bindings for one kernel: refused by name, and the device lives on", async () => {
  const services = await servicesAs({ maxBindingBytes: 256, maxBufferBytes: 1024 });
  const device = Context.get(services, theDevice());
  const plan = compile({ outputs: { y: cs.exp(cs.input("x", [1200])) } }, device.profile);
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(device.load(plan))));
  assert.ok(error instanceof DeviceError);
  assert.match(error.message, /38 bindings of at most 256/);
  assert.match(error.message, /map 1200x1 exp/);
  const few = await onWebGpu({}, { maxBindingBytes: 256, maxBufferBytes: 1024 })([
    cs.exp(cs.input("x", [256])),
  ], { x: floats("x", [256]) });
  near("exp", few[0]!, cs.interpret([cs.exp(cs.input("x", [256]))], { x: floats("x", [256]) })[0]!, {
    rtol: 1e-5,
    atol: 0,
  });
});

test("tensors that nothing can hold: planned in few pieces with all their bytes, and out of memory when loaded", async () => {
  // a device without a limit of positions, which would refuse them as they are planned
  const device = Context.get(await servicesAs({ maxPositions: Infinity }), theDevice());
  const side = 2 ** 21, bytes = 4 * side ** 2;
  const plan = compile(
    { outputs: { y: cs.add(cs.input("x", [side, side]), cs.input("z", [side, side])) } },
    device.profile,
  );
  for (const { ranges } of plan.memory.slots) {
    assert.ok(ranges.length <= 65, `${ranges.length} pieces`);
    assert.is(ranges.reduce((n, r) => n + r.bytes, 0), bytes);
  }
  const error = await Effect.runPromise(Effect.flip(Effect.scoped(device.load(plan))));
  assert.ok(error instanceof DeviceError);
  assert.is(error.fault, "out of memory");
  assert.match(error.message, /limits\.test\.ts/);
});

test("stacks that no buffer holds are cut between slices, and read there, forward and back", async () => {
  const stack = cs.input("stack", [7, 48, 64]), h = cs.input("h", [3, 64]);
  const { value, aux, grad } = cs.valueAndGrad((x: cs.Tensor) => {
    const [last, all] = cs.scan((c: cs.Tensor, w: cs.Tensor) => {
      const next = cs.tanh(cs.mul(cs.matmul(cs.transpose(w))(c), 0.01));
      return [cs.matmul(w)(next), next];
    }, { carry: x, xs: stack });
    return [cs.sum()(cs.square(last)), all] as const;
  })(h);
  const roots = [value, aux, grad],
    bindings = { stack: floats("stack", stack.shape), h: floats("h", h.shape) };
  // a slice of 12 KiB in buffers of three of them: windows of 16 KiB would end within slices
  const limits = { maxBindingBytes: 16384, maxBufferBytes: 3 * 12288 + 256 };
  const expected = cs.interpret(roots, bindings), actual = await onWebGpu({}, limits)(roots, bindings);
  actual.forEach((a, i) => near(`root ${i}`, a, expected[i]!, { rtol: 1e-4, atol: 1e-5 }));
});

test.run();

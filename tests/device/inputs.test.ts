/** Inputs that hold nothing, and arrays that are not what they say: refused by name before anything runs. */
import * as cs from "@chain-of-sight/core";
import { compile, type Device, evaluate, type Program, theDevice } from "@chain-of-sight/kernels";
import { writeSlot } from "../../kernels/device/transfer.ts";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuServices } from "../support/cpu.ts";
import { referenceServices } from "../support/reference_device.ts";
import { services } from "../support/webgpu.ts";

const x = cs.input("x", [4]), y = cs.input("y", [4]), state = cs.input("state", [4]);
const ones = cs.f32([4], [1, 1, 1, 1]), numbers = (a: cs.NdArray | undefined) => [...a!.data];

/** Arrays whose number of elements, or whose storage, is not what shape and element type say. */
const unsound: readonly (readonly [string, cs.Tensor, cs.NdArray, RegExp])[] = [
  [
    "too long",
    x,
    { dtype: "f32", shape: [4], data: new Float32Array(400) },
    /400 elements for shape \[4\].* for/,
  ],
  [
    "too short",
    x,
    { dtype: "f32", shape: [4], data: new Float32Array(3) },
    /3 elements.*expected 4 elements/,
  ],
  ["integers as f32", x, { dtype: "f32", shape: [4], data: new Int32Array(4) }, /Int32Array for f32 \[4\]/],
  [
    "floats as i32",
    cs.input("n", [2], "i32"),
    { dtype: "i32", shape: [2], data: new Float32Array(2) },
    /Float32Array for i32 \[2\].*expected Int32Array/,
  ],
  [
    "signed as u32",
    cs.input("u", [2], "u32"),
    { dtype: "u32", shape: [2], data: new Int32Array(2) },
    /Int32Array for u32/,
  ],
  [
    "words as bool",
    cs.input("m", [2], "bool"),
    { dtype: "bool", shape: [2], data: new Uint32Array(2) },
    /Uint32Array for bool.*Uint8Array/,
  ],
  [
    "plain numbers",
    x,
    { dtype: "f32", shape: [4], data: [1, 2, 3, 4] as unknown as Float32Array },
    /object for f32 \[4\]/,
  ],
];

const slots = suite("slots of several ranges");

slots("a run of bytes from any place is where the whole would", () => {
  const whole = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
  const ranges = [[0, 4, 12], [1, 0, 16], [0, 24, 12]] as const; // buffer, offset, size
  const written = (parts: readonly (readonly [number, number])[]): Uint8Array[] => {
    const memory = [new Uint8Array(40), new Uint8Array(40)];
    const buffers = memory.map(() => ({}) as GPUBuffer);
    const writeBuffer = (buffer: GPUBuffer, offset: number, bytes: Uint8Array): void =>
      memory[buffers.indexOf(buffer)]!.set(bytes, offset);
    const device = { queue: { writeBuffer } } as unknown as GPUDevice;
    const places = ranges.map(([b, offset, size]) => ({ buffer: buffers[b]!, offset, size }));
    for (const [from, to] of parts) writeSlot(device, places, whole.slice(from, to), from);
    return memory;
  };
  const want = written([[0, 40]]);
  for (let a = 0; a <= 40; a += 4) {
    for (let b = a; b <= 40; b += 4) assert.equal(written([[0, a], [a, b], [b, 40]]), want, `${a} ${b}`);
  }
});

slots.run();

const inputsSuite = (name: string, opened: Promise<Context.Context<Device>>): void => {
  const test = suite(`inputs, ${name}`);
  const scoped = async <A>(
    of: Effect.Effect<A, unknown, Device | import("effect/Scope").Scope>,
  ): Promise<A> => await Effect.runPromise(Effect.scoped(Effect.provide(of, await opened)));
  const load = (source: Parameters<typeof compile>[0], alongside: readonly Program[] = []) =>
    Effect.flatMap(
      theDevice(),
      (device) => device.load(compile(source, device.profile, { batch: false }), alongside),
    );
  const refused = (of: Effect.Effect<unknown, unknown>, pattern: RegExp) =>
    Effect.map(Effect.flip(of), (e) => {
      assert.instance(e, cs.TreeError);
      assert.match((e as Error).message, pattern);
    });

  test("an input that was never written is named, with its line, before anything runs", () =>
    scoped(Effect.gen(function* () {
      const program = yield* load({ outputs: { sum: cs.add(x, y), twice: cs.mul(x, 2) } });
      yield* refused(program.run, /no value for the inputs x .*f32 \[4\].*inputs\.test\.ts.*y/);
      yield* program.write({ x: ones });
      yield* refused(program.run, /no value for the input y \(/);
      yield* refused(program.read(["twice"]), /twice, which holds no value yet/);
      yield* refused(program.read(["y"]), /y, which holds no value yet/);
      yield* program.write({ y: ones });
      yield* program.run;
      assert.equal(numbers((yield* program.read(["sum"])).sum), [2, 2, 2, 2]);
    })));

  test("what results depend on as described counts, also where rewriting finds that no number matters", () =>
    scoped(Effect.gen(function* () {
      const program = yield* load({ outputs: { zero: cs.mul(cs.sub(x, x), 0), same: y } });
      yield* refused(program.run, /x .*and|x .*y/);
      yield* program.write({ x: ones, y: ones });
      yield* program.run;
      assert.equal(numbers((yield* program.read(["same"])).same), [1, 1, 1, 1]);
    })));

  test("state that a run gives counts, as does what other programs write in shared memory", () =>
    scoped(Effect.gen(function* () {
      const begin = yield* load({
        outputs: { state: cs.mul(x, 3) },
        donate: { state: "state" },
        inputs: [state],
      });
      const step = yield* load({ outputs: { state: cs.add(state, y) }, donate: { state: "state" } }, [begin]);
      const other = yield* load({ outputs: { look: cs.add(state, x) }, inputs: [y] }, [step, begin]);
      yield* refused(step.run, /inputs .*state \(/);
      yield* other.write({ x: ones, y: ones });
      yield* refused(other.run, /input state \(/);
      yield* begin.run;
      yield* step.run;
      yield* other.run;
      assert.equal(numbers((yield* other.read(["look"])).look), [5, 5, 5, 5]);
      const apart = yield* load({ outputs: { look: cs.add(state, x) } });
      yield* refused(apart.run, /inputs .*state \(/);
    })));

  test("an input written in runs is the input written at once; runs in disorder are refused", () =>
    scoped(Effect.gen(function* () {
      const big = cs.input("big", [3, 1000]),
        all = Array.from({ length: 3001 }, (_, i) => i % 997),
        kept = all.slice(0, 3000);
      const program = yield* load({ outputs: { twice: cs.mul(big, 2) } });
      const run = (at: number, n: number) => program.writePart("big", at, cs.f32([n], all.slice(at, at + n)));
      yield* run(0, 700);
      yield* refused(run(701, 9), /elements from 701 on for big.*those from 700 on/);
      yield* refused(run(700, 2301), /elements 700 to 3001 for big/);
      yield* refused(program.writePart("big", 700, cs.i32([1], [1])), /elements of i32 for big/);
      yield* refused(program.writePart("small", 0, cs.f32([1], [1])), /small.*a path that the program reads/);
      yield* run(700, 1300);
      yield* refused(program.run, /no value for the input big/);
      yield* run(2000, 1000);
      yield* program.run;
      assert.equal(numbers((yield* program.read(["twice"])).twice), kept.map((x) => 2 * x));
      yield* run(0, 2999);
      yield* refused(program.run, /no value for the input big/);
      yield* run(2999, 1);
      yield* program.run;
      assert.equal(numbers((yield* program.read(["twice"])).twice), kept.map((x) => 2 * x));
    })));

  test("evaluate refuses what is not bound", async () => {
    const e = await Effect.runPromise(
      Effect.flip(Effect.provide(evaluate([cs.add(x, y)], { x: ones }), await opened)),
    );
    assert.instance(e, cs.TreeError);
    assert.match((e as Error).message, /no value for the input y/);
  });

  for (const [kind, tensor, array, pattern] of unsound) {
    test(`an array that is not what it says, in write and evaluate: ${kind}`, () =>
      scoped(Effect.gen(function* () {
        const path = (tensor as cs.Tensor<"input">).attributes.path, neighbour = cs.input("z", [4]);
        const program = yield* load({ outputs: { z: cs.mul(neighbour, 1.5) }, inputs: [tensor, neighbour] });
        yield* program.write({ z: ones });
        yield* refused(program.write({ [path]: array }), pattern);
        yield* program.run;
        assert.equal(numbers((yield* program.read(["z"])).z), [1.5, 1.5, 1.5, 1.5]);
        const copy = cs.reshape(tensor.shape)(tensor);
        yield* refused(
          Effect.provide(evaluate([copy], { [path]: array }), yield* Effect.promise(() => opened)),
          pattern,
        );
      })));
  }
  test.run();
};

inputsSuite("reference", referenceServices);
inputsSuite("CPU", cpuServices());
inputsSuite("WebGPU", services);

const test = suite("inputs, interpreter and arrays");
for (const [kind, tensor, array, pattern] of unsound) {
  test(`interpret and ndarray: ${kind}`, () => {
    const path = (tensor as cs.Tensor<"input">).attributes.path;
    assert.throws(() => cs.interpret([tensor], { [path]: array }), pattern);
    assert.throws(() => cs.ndarray(array.dtype, array.shape, array.data), /ndarray: got/);
  });
}
test.run();

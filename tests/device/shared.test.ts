/** Programs alongside each other: inputs of one path are in one place. */
import { add, f32, input, matmul, mul, type NdArray, sum, tanh, TreeError } from "@chain-of-sight/core";
import { compile, cpuProfile, type Device, type Program, theDevice } from "@chain-of-sight/kernels";
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuServices } from "../support/cpu.ts";
import { referenceServices } from "../support/reference_device.ts";
import { services } from "../support/webgpu.ts";

const numbers = (array: NdArray | undefined): readonly number[] => Array.from(array!.data);

const sharing = (name: string, opened: Promise<Context.Context<Device>>): void => {
  const test = suite(`shared inputs, ${name}`);
  const w = input("w", [4]), x = input("x", [4]), state = input("state", [4]);

  test("weights are written once, and state that one program leaves is what the other begins with", async () => {
    const got = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const device = yield* theDevice();
        const begin = yield* device.load(
          compile(
            { outputs: { state: mul(w, x) }, donate: { state: "state" }, inputs: [state] },
            device.profile,
          ),
        );
        const step = yield* device.load(
          compile({ outputs: { state: add(state, w) }, donate: { state: "state" } }, device.profile),
          [begin],
        );
        // a third one shares what the second has of the first
        const look = yield* device.load(compile({ outputs: { total: sum()(state) } }, device.profile), [
          step,
        ]);
        yield* begin.write({ w: f32([4], [1, 2, 3, 4]), x: f32([4], [10, 10, 10, 10]) });
        yield* begin.run;
        yield* step.run;
        yield* step.run;
        yield* look.run;
        const read = (program: Program, path: string) =>
          Effect.map(program.read([path]), (r) => numbers(r[path]));
        const first = [yield* read(begin, "state"), yield* read(step, "state"), yield* read(look, "total")];
        yield* step.write({ w: f32([4], [0, 0, 0, 1]) });
        yield* begin.run;
        return [...first, yield* read(look, "state")];
      })).pipe(Effect.provide(await opened)),
    );
    assert.equal(got, [[12, 24, 36, 48], [12, 24, 36, 48], [120], [0, 0, 0, 10]]);
  });

  test("temporaries are over each other, and disturb nobody", async () => {
    const twice = (name: string, rows: number) => {
      const v = input(name, [rows, 16]), u = input("u", [16, 16]);
      // two products: what is between them is in memory
      return { y: matmul(u)(tanh(matmul(u)(v))) };
    };
    const filled = (rows: number, by: number) =>
      f32([rows, 16], Array.from({ length: rows * 16 }, (_, i) => Math.sin(by * i)));
    const got = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const device = yield* theDevice();
        const large = yield* device.load(compile({ outputs: twice("a", 64) }, device.profile));
        const plan = compile({ outputs: twice("b", 48) }, device.profile), { buffers } = plan.memory;
        const temporaries = buffers.filter(({ role }) => role === "scratch");
        assert.ok(temporaries.length > 0);
        const small = yield* device.load(plan, [large]);
        const others = buffers.filter((b) => !temporaries.includes(b)).reduce((n, b) => n + b.bytes, 0);
        assert.ok(small.bytes < others, `${small.bytes} bytes of its own, without temporaries ${others}`);
        const alone = yield* device.load(plan);
        yield* large.write({ a: filled(64, 0.7), u: filled(16, 0.3) });
        yield* small.write({ b: filled(48, 0.2) });
        yield* alone.write({ b: filled(48, 0.2), u: filled(16, 0.3) });
        const seen: (readonly number[])[] = [];
        for (let i = 0; i < 2; i++) {
          yield* large.run;
          yield* small.run;
          seen.push(numbers((yield* large.read(["y"])).y), numbers((yield* small.read(["y"])).y));
        }
        yield* alone.run;
        return { seen, alone: numbers((yield* alone.read(["y"])).y) };
      })).pipe(Effect.provide(await opened)),
    );
    assert.equal(got.seen[1], got.alone);
    assert.equal(got.seen.slice(2), got.seen.slice(0, 2));
    assert.ok(got.alone.some((v) => Math.abs(v) > 0.1));
  });

  test("programs that are not named share nothing", async () => {
    const got = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const device = yield* theDevice(), plan = compile({ outputs: { y: mul(w, 2) } }, device.profile);
        const a = yield* device.load(plan), b = yield* device.load(plan);
        yield* a.write({ w: f32([4], [1, 1, 1, 1]) });
        yield* b.write({ w: f32([4], [2, 2, 2, 2]) });
        yield* a.run;
        yield* b.run;
        return [(yield* a.read(["y"])).y, (yield* b.read(["y"])).y].map(numbers);
      })).pipe(Effect.provide(await opened)),
    );
    assert.equal(got, [[2, 2, 2, 2], [4, 4, 4, 4]]);
  });

  test("one path with two shapes is refused", async () => {
    const error = await Effect.runPromise(
      Effect.scoped(Effect.gen(function* () {
        const device = yield* theDevice();
        const a = yield* device.load(compile({ outputs: { y: mul(w, 2) } }, device.profile));
        const other = compile({ outputs: { y: mul(input("w", [5]), 2) } }, device.profile);
        return yield* Effect.flip(device.load(other, [a]));
      })).pipe(Effect.provide(await opened)),
    );
    assert.instance(error, TreeError);
    assert.match(error.message, /\[5\] for the shared input w; expected f32 \[4\]/);
  });

  test.run();
};

const donation = suite("donation");
donation("one input for two results is refused", () => {
  const a = input("a", [4]), x = input("x", [4]);
  const source = { outputs: { first: mul(x, 2), second: add(x, a) }, donate: { first: "a", second: "a" } };
  assert.throws(
    () => compile(source, cpuProfile),
    /outputs first and second for the input a.*leave second/,
  );
});
donation.run();

sharing("reference", referenceServices);
sharing("CPU", cpuServices());
sharing("WebGPU", services);

/** Programs beside each other: inputs of one path lie in one place. */
import { add, f32, input, mul, type NdArray, sum, TreeError } from "@chain-of-sight/core";
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
donation("one result for two inputs is refused, not given to one of them", () => {
  const a = input("a", [4]), b = input("b", [4]), x = input("x", [4]), y = mul(x, 2);
  const source = { outputs: { a: y, b: y }, donate: { a: "a", b: "b" }, inputs: [a, b] };
  assert.throws(() => compile(source, cpuProfile(1)), /one result for both a and b/);
});
donation.run();

sharing("reference", referenceServices);
sharing("CPU", cpuServices());
sharing("WebGPU", services);

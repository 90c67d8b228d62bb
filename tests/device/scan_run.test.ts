/** Loops in programs: state that goes through them, many iterations, empty slices, time by kernel. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import { compile, type DeviceService, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as Context from "effect/Context";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuServices, onCpu } from "../support/cpu.ts";
import type { Evaluate } from "../support/evaluate.ts";
import { unrolled } from "../support/loops.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { onWebGpu, services } from "../support/webgpu.ts";

const CLOSE = { rtol: 2e-5, atol: 1e-6 };

const device = async (of: typeof services): Promise<DeviceService> => Context.get(await of, theDevice());

const devices: readonly (readonly [string, Evaluate, Promise<DeviceService>])[] = [
  ["cpu", onCpu(), device(cpuServices(2))],
  ["webgpu", onWebGpu(), device(services)],
];

for (const [name, evaluate, opened] of devices) {
  const test = suite(`loops in programs, ${name}`);

  for (const side of [8, 5]) {
    test(`state through a loop stays on the device: [${side}, ${side}]`, async () => {
      const s = cs.input("s", [side, side]),
        w = cs.input("w", [3, side, side]),
        start = floats("s", [side, side], -1, 1);
      const weights = floats("w", [3, side, side], -0.5, 0.5);
      const [after, seen] = cs.scan((c: Tensor, x: Tensor) => {
        const next = cs.tanh(cs.add(cs.matmul(x)(c), s));
        return [next, cs.sum({ axes: [1] })(next)];
      }, { carry: s, xs: w });
      // weights change too, from what the loop has stacked
      const moved = cs.sub(w, cs.mul(cs.reshape([3, side, 1])(seen), 0.01));
      const outputs = { s: after, w: moved }, donate = { s: "s", w: "w" };
      const service = await opened;
      const read = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
        const program = yield* service.load(compile({ outputs, donate }, service.profile));
        yield* program.write({ s: start, w: weights });
        for (let i = 0; i < 3; i++) yield* program.run;
        return yield* program.read(["s", "w"]);
      })));
      let state: Record<string, NdArray> = { s: start, w: weights };
      for (let i = 0; i < 3; i++) {
        const [a, b] = cs.interpret([after, moved], state) as [NdArray, NdArray];
        state = { s: a, w: b };
      }
      for (const path of ["s", "w"]) near(path, read[path]!, state[path]!, CLOSE);
    });
  }

  test("a thousand iterations", async () => {
    const x = cs.input("x", [1000, 4]),
      [last, sums] = cs.scan((c: Tensor, row: Tensor) => {
        const next = cs.add(cs.mul(c, 0.9), row);
        return [next, cs.sum()(next)];
      }, { carry: cs.full([4], 0), xs: x });
    const bindings = { x: floats("x", [1000, 4], -1, 1) };
    const expected = cs.interpret([last, sums], bindings), actual = await evaluate([last, sums], bindings);
    expected.forEach((e, i) => near(`result ${i}`, actual[i]!, e, CLOSE));
  });

  test("empty slices, carries and stacks", async () => {
    const x = cs.input("x", [3, 0, 2]), h = cs.input("h", [2]), none = cs.input("none", [0]);
    const body = (c: { readonly h: Tensor; readonly none: Tensor }, row: Tensor) =>
      [
        { h: cs.add(c.h, cs.sum({ axes: [0] })(row)), none: cs.mul(c.none, 2) },
        { row: cs.mul(row, c.h), none: c.none, h: c.h },
      ] as const;
    const run = (scan: typeof cs.scan) => {
      const [last, ys] = scan(body, { carry: { h, none }, xs: x });
      return [last.h, last.none, ys.row, ys.none, ys.h];
    };
    const bindings = { x: cs.f32([3, 0, 2], []), h: cs.f32([2], [1, 2]), none: cs.f32([0], []) };
    const expected = cs.interpret(run(unrolled), bindings), actual = await evaluate(run(cs.scan), bindings);
    expected.forEach((e, i) => near(`result ${i}`, actual[i]!, e, CLOSE));
  });

  test("time is taken for every iteration", async () => {
    const [last] = cs.scan((c: Tensor, x: Tensor) => [cs.tanh(cs.matmul(x)(c))], {
      carry: cs.input("h", [8, 8]),
      xs: cs.input("w", [5, 8, 8]),
    });
    const service = await opened;
    const timed = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const program = yield* service.load(compile({ outputs: { last } }, service.profile));
      return yield* program.profile(1);
    })));
    assert.is(timed.find((t) => t.label.startsWith("matmul"))?.count, 5);
  });

  test.run();
}

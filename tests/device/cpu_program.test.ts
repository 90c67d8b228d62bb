/** What the CPU device promises beyond numbers: order, memory, threads, failures, text. */
import * as cs from "@chain-of-sight/core";
import type { NdArray, Tensor } from "@chain-of-sight/core";
import {
  compile,
  cpu,
  cpuProfile,
  type Device,
  DeviceError,
  deviceNamed,
  gpuOrCpu,
  type Program,
  renderModule,
  theDevice,
} from "@chain-of-sight/kernels";
import { Cause, Effect, Exit, Layer, Logger, Option, Scope } from "effect";
import * as Context from "effect/Context";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { cpuServices } from "../support/cpu.ts";
import { near } from "../support/near.ts";
import { floats } from "../support/random.ts";
import { openAssembler } from "../../kernels/device/cpu_assemble.ts";
import { Pool } from "../../kernels/device/cpu_pool.ts";
import { nodeThreads } from "../../kernels/device/threads_node.ts";

const test = suite("programs on the CPU");

const withProgram = async <A>(
  source: Parameters<typeof compile>[0],
  use: (program: Program) => Promise<A>,
  threads = 2,
): Promise<A> => {
  const device = Context.get(await cpuServices(threads), theDevice()), scope = Scope.makeUnsafe();
  try {
    const plan = compile(source, device.profile);
    return await use(await Effect.runPromise(Scope.provide(device.load(plan), scope)));
  } finally {
    await Effect.runPromise(Scope.close(scope, Exit.void));
  }
};

const scalar = (x: number): NdArray => cs.ndarray("f32", [], Float32Array.of(x));

/** A counter that grows by an input at each step. */
const counter = () => {
  const sum = cs.input("sum", []), by = cs.input("by", []);
  return { outputs: { next: cs.add(sum, by) }, donate: { next: "sum" } };
};

test("write, run, write, run: each run sees what was written before it", () =>
  withProgram(counter(), async (p) => {
    const done: Promise<void>[] = [Effect.runPromise(p.write({ sum: scalar(0) }))];
    for (let i = 1; i <= 50; i++) {
      done.push(Effect.runPromise(p.write({ by: scalar(i) })), Effect.runPromise(p.run));
    }
    const { next } = await Effect.runPromise(p.read(["next"]));
    await Promise.all(done);
    assert.is(next!.data[0], 1275);
  }));

test("a write after a run does not change what the run reads", async () => {
  const x = cs.input("x", [1 << 16]), far = cs.exp(cs.sin(cs.exp(cs.cos(x))));
  await withProgram({ outputs: { y: cs.sum()(cs.cos(far)) } }, async (p) => {
    const one = cs.ndarray("f32", [1 << 16], new Float32Array(1 << 16).fill(1));
    const two = cs.ndarray("f32", [1 << 16], new Float32Array(1 << 16).fill(2));
    await Effect.runPromise(p.write({ x: one }));
    await Effect.runPromise(p.run);
    const alone = (await Effect.runPromise(p.read(["y"]))).y!.data[0]!;
    await Effect.runPromise(p.write({ x: one }));
    const run = Effect.runPromise(p.run), write = Effect.runPromise(p.write({ x: two }));
    const both = (await Effect.runPromise(p.read(["y"]))).y!.data[0]!;
    await Promise.all([run, write]);
    assert.is(both, alone);
  });
});

test("2,000 steps of a small program: neither heap nor process grows", () =>
  withProgram(counter(), async (p) => {
    const steps = async (n: number): Promise<void> => {
      for (let i = 0; i < n; i++) {
        await Effect.runPromise(p.write({ by: scalar(1) }));
        await Effect.runPromise(p.run);
      }
    };
    await Effect.runPromise(p.write({ sum: scalar(0) }));
    await steps(500);
    const before = Deno.memoryUsage();
    await steps(2000);
    const after = Deno.memoryUsage();
    assert.is((await Effect.runPromise(p.read(["next"]))).next!.data[0], 2500);
    assert.ok(
      after.heapUsed - before.heapUsed < 24 * 2 ** 20,
      `heap ${before.heapUsed} -> ${after.heapUsed}`,
    );
    assert.ok(after.rss - before.rss < 48 * 2 ** 20, `process ${before.rss} -> ${after.rss}`);
  }));

test("memory of a closed program is used again", async () => {
  const big = (i: number) => ({ outputs: { y: cs.add(cs.input("x", [1 << 22]), i) } });
  const one = cs.ndarray("f32", [1 << 22], new Float32Array(1 << 22).fill(1));
  for (let i = 0; i < 160; i++) {
    // 160 times 32 MiB is more than the memory can hold
    await withProgram(big(i % 3), async (p) => {
      if (i % 40 !== 0) return;
      await Effect.runPromise(p.write({ x: one }));
      await Effect.runPromise(p.run);
      assert.is((await Effect.runPromise(p.read(["y"]))).y!.data[5], 1 + i % 3);
    });
  }
});

test("a new program sees nothing of a closed one", async () => {
  const source = { outputs: { y: cs.add(cs.input("x", [1000]), 1) } };
  await withProgram(source, async (p) => {
    await Effect.runPromise(p.write({ x: floats("x", [1000]) }));
    await Effect.runPromise(p.run);
  });
  await withProgram(source, async (p) => {
    const error = await Effect.runPromise(Effect.flip(p.run));
    assert.match(error.message, /no value for the input x/);
  });
});

test("1, 2 and 3 threads: the same bits", async () => {
  const x = cs.input("x", [67, 130]), w = cs.input("w", [90, 130]), v = cs.input("v", [1 << 17]);
  const h = cs.gelu(cs.linear({ weight: w })(x)), y = cs.softmax(-1)(h);
  const outputs: Record<string, Tensor> = {
    y,
    norm: cs.sum()(cs.mul(v, v)),
    rows: cs.sum({ axes: [0] })(y),
    top: cs.argmax(0)(v),
  };
  const values = { x: floats("x", x.shape), w: floats("w", w.shape), v: floats("v", v.shape) };
  const run = (threads: number) =>
    withProgram({ outputs }, async (p) => {
      await Effect.runPromise(p.write(values));
      await Effect.runPromise(p.run);
      return Effect.runPromise(p.read(Object.keys(outputs)));
    }, threads);
  const [one, two, three] = [await run(1), await run(2), await run(3)];
  for (const name of Object.keys(outputs)) {
    const bits = (r: Record<string, NdArray>) => [...new Uint8Array((r[name]!.data as Float32Array).buffer)];
    assert.equal(bits(two), bits(one), name);
    assert.equal(bits(three), bits(one), name);
  }
});

test("long reductions: near float64 in rows, columns and pieces", async () => {
  const n = 1 << 20,
    x = cs.input("x", [n + 3]),
    y = cs.input("y", [n / 8, 8]),
    long = floats("x", [n + 3], 0, 1);
  const wide = cs.ndarray("f32", y.shape, (long.data as Float32Array).slice(0, n));
  const outputs: Record<string, Tensor> = {
    sum: cs.sum()(cs.mul(x, x)),
    columns: cs.sum({ axes: [0] })(y),
    turned: cs.sum({ axes: [1] })(cs.reshape([2, n / 2])(cs.transpose(y))),
    top: cs.argmax(0)(x),
    most: cs.max()(cs.sub(x, 2)),
    spread: cs.sum()(cs.exp(cs.sub(x, cs.max()(x)))),
  };
  const of = (v: NdArray) => (cs.ndarray("f32", v.shape, Float64Array.from(v.data as Float32Array)));
  const want = cs.interpret(Object.values(outputs), { x: of(long), y: of(wide) });
  await withProgram({ outputs }, async (p) => {
    assert.ok(
      renderModule(p.plan, { relaxed: true }).phases.some(({ label }) => label.startsWith("pieces")),
    );
    await Effect.runPromise(p.write({ x: long, y: wide }));
    await Effect.runPromise(p.run);
    const got = await Effect.runPromise(p.read(Object.keys(outputs)));
    Object.keys(outputs).forEach((name, i) => near(name, got[name]!, want[i]!, { rtol: 4e-7, atol: 0 }));
  });
});

const failure = (exit: Exit.Exit<unknown, unknown>): DeviceError => {
  assert.ok(Exit.isFailure(exit), "it fails");
  const error = Option.getOrUndefined(Cause.findErrorOption((exit as Exit.Failure<unknown, unknown>).cause));
  assert.ok(error instanceof DeviceError, `a DeviceError, not ${String(error)}`);
  return error as DeviceError;
};

test("a program beyond 4 GiB is out of memory, and the device lives on", async () => {
  const device = Context.get(await cpuServices(), theDevice());
  const large = compile({ outputs: { y: cs.exp(cs.input("x", [600, 1 << 20])) } }, device.profile);
  const error = failure(await Effect.runPromiseExit(Effect.scoped(device.load(large))));
  assert.is(error.fault, "out of memory");
  assert.match(error.message, /4 GiB/);
  await withProgram(counter(), async (p) => {
    await Effect.runPromise(p.write({ sum: scalar(0), by: scalar(2) }));
    await Effect.runPromise(p.run);
    assert.is((await Effect.runPromise(p.read(["next"]))).next!.data[0], 2);
  });
});

test("what the program does not read, and what it does not compute, is refused", () =>
  withProgram(counter(), async (p) => {
    const wrong = await Effect.runPromiseExit(p.write({ by: cs.ndarray("f32", [2], new Float32Array(2)) }));
    assert.match(String(Exit.isFailure(wrong) && Cause.pretty(wrong.cause)), /for by/);
    const unknown = await Effect.runPromiseExit(p.read(["loss"]));
    assert.match(String(Exit.isFailure(unknown) && Cause.pretty(unknown.cause)), /loss/);
  }));

test("a closed device refuses work", async () => {
  const scope = Scope.makeUnsafe();
  const device = Context.get(
    await Effect.runPromise(Layer.buildWithScope(cpu({ threads: 1 }), scope)),
    theDevice(),
  );
  const own = Scope.makeUnsafe(), plan = compile(counter(), device.profile);
  const program = await Effect.runPromise(Scope.provide(device.load(plan), own));
  await Effect.runPromise(program.write({ sum: scalar(0), by: scalar(1) }));
  await Effect.runPromise(Scope.close(scope, Exit.void));
  assert.is(failure(await Effect.runPromiseExit(program.run)).fault, "lost");
});

test("a thread that traps is a lost device that names the kernel; no thread is left waiting", async () => {
  const { assemble } = await Effect.runPromise(openAssembler);
  const { bytes } = await Effect.runPromise(assemble(`(module (import "cos" "memory" (memory 1 65536 shared))
    (func (export "good") (param i32 i32 i32 i32))
    (func (export "bad") (param i32 i32 i32 i32) unreachable))`));
  const module = await WebAssembly.compile(bytes);
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const pool = new Pool(memory, 2, nodeThreads()), job = { args: 4096, units: 1, chunk: 1, barrier: true };
  const jobs = [
    { ...job, name: "good", label: "fine", counter: 8192 },
    { ...job, name: "bad", label: "broken", counter: 8200 },
    { ...job, name: "good", label: "after", counter: 8208 },
  ];
  await pool.load({ kind: "load", id: 0, module, jobs, scratch: 16384, scratchBytes: 64 });
  const error = await pool.run(0).then(() => undefined, (e) => e as DeviceError);
  assert.is(error?.fault, "lost");
  assert.is(error?.kernel, "broken");
  assert.throws(() => pool.check(), /unreachable/);
  await pool.close();
});

test("text that is no module is a rejected kernel", async () => {
  const { assemble } = await Effect.runPromise(openAssembler);
  const error = failure(await Effect.runPromiseExit(assemble("(module (func (nonsense)))")));
  assert.is(error.fault, "rejected kernel");
  assert.match(error.message, /nonsense/);
});

test("every kernel is timed", () =>
  withProgram(
    { outputs: { y: cs.matmul(cs.input("w", [64, 64]))(cs.exp(cs.input("x", [64, 64]))) } },
    async (p) => {
      const timed = await Effect.runPromise(p.profile());
      assert.ok(timed.some((t) => t.label.startsWith("matmul")) && timed.every((t) => t.seconds >= 0));
    },
  ));

const lines = async (
  gpu: Layer.Layer<Device, DeviceError>,
  ours: Layer.Layer<Device, DeviceError> = cpu({ threads: 1 }),
): Promise<{ readonly name: string; readonly said: string }> => {
  const said: unknown[] = [], logger = Logger.make(({ message }) => void said.push(...[message].flat()));
  const name = await Effect.runPromise(
    Effect.map(theDevice(), (d) => d.profile.name).pipe(
      Effect.provide(gpuOrCpu(gpu, ours)),
      Effect.provide(Logger.layer([logger])),
    ),
  );
  assert.ok(said.length <= 1, "one line at most");
  return { name, said: said.join() };
};

const failing = (fault: "no adapter" | "refused", got: string): Layer.Layer<Device, DeviceError> =>
  Layer.unwrap(Effect.fail(new DeviceError({ fault, got, hint: "install a driver" })));

/** A stand-in for an adapter: the CPU back end under another name; `closed` counts the ends of its scope. */
const adapter = (name: string, software: boolean, closed: string[]): Layer.Layer<Device, DeviceError> =>
  Layer.effect(
    theDevice(),
    Effect.gen(function* () {
      const device = yield* theDevice();
      yield* Effect.addFinalizer(() => Effect.sync(() => void closed.push(name)));
      return { ...device, profile: { ...device.profile, name, software } };
    }),
  ).pipe(Layer.provide(cpu({ threads: 1 })));

test("without an adapter the CPU is chosen, and one line says why", async () => {
  const { name, said } = await lines(failing("no adapter", "no WebGPU adapter"));
  assert.match(name, /^CPU, WebAssembly/);
  assert.match(said, /computing on the CPU.*no WebGPU adapter.*install a driver/);
  const kept = await Effect.runPromiseExit(
    Effect.scoped(Layer.build(gpuOrCpu(failing("refused", "x"), cpu({ threads: 1 })))),
  );
  assert.is(failure(kept).fault, "refused");
  const named = Effect.map(theDevice(), (d) => d.profile.name).pipe(
    Effect.provide(deviceNamed("cpu", { threads: 3 })),
  );
  assert.is(await Effect.runPromise(named), name);
});

test("a software adapter is closed and the CPU computes; a GPU computes without a word", async () => {
  const closed: string[] = [];
  const software = await lines(adapter("llvmpipe", true, closed));
  assert.match(software.name, /^CPU, WebAssembly/);
  assert.match(software.said, /computing on the CPU.*llvmpipe is a software adapter/);
  assert.equal(closed, ["llvmpipe"]);
  assert.equal(await lines(adapter("a GPU", false, closed)), { name: "a GPU", said: "" });
  const alone = await lines(adapter("llvmpipe", true, closed), failing("refused", "no threads"));
  assert.is(alone.name, "llvmpipe");
  assert.match(alone.said, /llvmpipe, a software adapter: no threads/);
});

test("text: equal kernels share a function, loops are of lanes, products call a tile", () => {
  const x = cs.input("x", [256, 64]), w = cs.input("w", [64, 64]), u = cs.input("u", [64, 64]);
  const plan = compile(
    { outputs: { y: cs.matmul(u)(cs.matmul(w)(x)), z: cs.softmax(-1)(x) } },
    cpuProfile,
  );
  const relaxed = renderModule(plan, { relaxed: true }), plain = renderModule(plan, { relaxed: false });
  const products = relaxed.phases.filter(({ label }) => label.startsWith("matmul"));
  assert.is(products.length, 2);
  assert.is(new Set(products.map(({ name }) => name)).size, 1);
  assert.match(relaxed.text, /\(memory 1 65536 shared\)/);
  assert.match(relaxed.text, /call \$tile\dx8/);
  assert.match(relaxed.text, /f32x4\.relaxed_madd/);
  assert.not.match(plain.text, /relaxed/);
  assert.is(renderModule(plan, { relaxed: true }).text, relaxed.text);
});

test.run();

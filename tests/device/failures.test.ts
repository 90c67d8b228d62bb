/** Failures of devices are typed, and name the op at the line of this file that asked for it. Nothing is lost after. */
import * as cs from "@chain-of-sight/core";
import {
  compile,
  cpu,
  cpuProfile,
  denoProvider,
  type Device,
  DeviceError,
  type DeviceFault,
  Health,
  loadProgram,
  type Opened,
  openGpu,
  type Plan,
  profileOf,
  type Program,
  provenanceText,
  theDevice,
  webGpu,
} from "@chain-of-sight/kernels";
import { Cause, Context, Effect, Exit, Layer, Option, Scope } from "effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openAssembler } from "../../kernels/device/cpu_assemble.ts";
import { Arena } from "../../kernels/device/cpu_memory.ts";
import { Pool } from "../../kernels/device/cpu_pool.ts";
import { nodeThreads } from "../../kernels/device/threads_node.ts";
import { type Cpu, loadCpuProgram, turns } from "../../kernels/device/cpu_program.ts";
import { here, lineOf } from "../support/here.ts";

const test = suite("failures of devices");

/** The typed error that an effect ends with. */
const failure = async (effect: Effect.Effect<unknown, unknown>): Promise<DeviceError> => {
  const exit = await Effect.runPromiseExit(effect);
  assert.ok(Exit.isFailure(exit), "it fails");
  const error = Option.getOrUndefined(Cause.findErrorOption((exit as Exit.Failure<unknown, unknown>).cause));
  assert.ok(error instanceof DeviceError, `a DeviceError, not ${String(error)}`);
  return error as DeviceError;
};

/** Asserts the kind of a failure, and that it names an op at a line, in its fields and in its message. */
const names = (error: DeviceError, fault: DeviceFault, op: string, line: string): void => {
  assert.is(error.fault, fault, error.message);
  const made = (error.made ?? []).find((m) => m.ops.includes(op) && lineOf(m.at) === line);
  assert.ok(made, `${op} at ${line} in: ${error.message}`);
  assert.ok(error.message.includes(provenanceText(made!)), error.message);
};

/** Runs with a device of its own, whose scope must close well whatever happens inside. */
const withDevice = async (
  layer: Layer.Layer<Device, DeviceError>,
  use: (device: Context.Service.Shape<ReturnType<typeof theDevice>>) => Promise<void>,
): Promise<void> => {
  const scope = Scope.makeUnsafe();
  const device = Context.get(await Effect.runPromise(Layer.buildWithScope(layer, scope)), theDevice());
  try {
    await use(device);
  } finally {
    assert.ok(Exit.isSuccess(await Effect.runPromiseExit(Scope.close(scope, Exit.void))));
  }
};

/** Whether a device still computes. */
const works = async (
  device: { load: (plan: Plan) => Effect.Effect<Program, unknown, Scope.Scope> },
  plan: Plan,
) => {
  const read = Effect.scoped(Effect.gen(function* () {
    const program = yield* device.load(plan);
    yield* program.write({ x: cs.ndarray("f32", [4], Float32Array.of(0, 1, 2, 3)) });
    yield* program.run;
    return (yield* program.read(["y"])).y!;
  }));
  assert.equal([...(await Effect.runPromise(read)).data], [1, 2, 3, 4]);
};

const small = () => ({ outputs: { y: cs.add(cs.input("x", [4]), 1) } });

for (
  const [name, layer, n, bytes] of [
    ["webgpu", webGpu(), 60000, /13\.41 GiB/],
    ["cpu", cpu({ threads: 2 }), 32767, /4\.00 GiB/],
  ] as const
) {
  test(`${name}: a program that does not fit names its largest tensors; the device lives on`, () =>
    withDevice(layer, async (device) => {
      const x = cs.input("x", [n, 1]), y = cs.input("y", [1, n]);
      const z = cs.matmul(y)(x), line = here();
      const error = await failure(Effect.scoped(device.load(compile({ outputs: { z } }, device.profile))));
      names(error, "out of memory", "matmul", line);
      assert.match(error.message, bytes);
      await works(device, compile(small(), device.profile));
    }));
}

/** A WebGPU device by hand, with some of its methods replaced. */
const gpu = async (over: (device: GPUDevice) => Partial<GPUDevice> = () => ({})) => {
  const opened: Opened = await Effect.runPromise(openGpu(denoProvider())), other = over(opened.device);
  const device = new Proxy(opened.device, {
    get: (target, key) => {
      const value = (other as Record<PropertyKey, unknown>)[key] ?? Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const profile = profileOf(opened), health = new Health(device), pipelines = new Map();
  return {
    device,
    profile,
    pipelines,
    load: (plan: Plan) => loadProgram(device, plan, profile, pipelines, health),
  };
};

test("webgpu: a rejected shader names the ops of its kernel, what the driver said and the line of the shader", async () => {
  let broken = true;
  const { device, profile, load } = await gpu((real) => ({
    createShaderModule: (d) =>
      real.createShaderModule({
        ...d,
        code: broken ? d.code.replace("= exp_of(", "= exponential(") : d.code,
      }),
  }));
  const x = cs.input("x", [6]);
  const y = cs.exp(cs.sin(x)), line = here();
  const z = cs.sqrt(cs.input("w", [3]));
  const plan = compile({ outputs: { y, z } }, profile);
  const error = await failure(Effect.scoped(load(plan)));
  names(error, "rejected kernel", "exp", line);
  assert.match(error.kernel!, /map/);
  assert.match(error.message, /exponential/);
  assert.match(error.message, /WGSL line \d+: .*exp_of\(/);
  broken = false;
  await works({ load }, compile(small(), profile));
  device.destroy();
});

test("webgpu: a destroyed device is lost, and names what ran; its programs close", async () => {
  const { device, profile, load } = await gpu();
  const x = cs.input("x", [8, 8]);
  const y = cs.matmul(x)(x), line = here();
  const scope = Scope.makeUnsafe();
  const program = await Effect.runPromise(Scope.provide(load(compile({ outputs: { y } }, profile)), scope));
  await Effect.runPromise(program.write({ x: cs.zerosArray("f32", [8, 8]) }));
  await Effect.runPromise(program.run);
  device.destroy();
  names(await failure(program.read(["y"])), "lost", "matmul", line);
  await device.lost;
  const again = await failure(program.run);
  names(again, "lost", "matmul", line);
  assert.match(again.message, /while running 1 kernels for y/);
  assert.is((await failure(Effect.scoped(load(compile(small(), profile))))).fault, "lost");
  assert.ok(Exit.isSuccess(await Effect.runPromiseExit(Scope.close(scope, Exit.void))));
});

test("webgpu: an error that no call reports names what ran", async () => {
  const { device, profile, load } = await gpu();
  const x = cs.input("x", [8]);
  const y = cs.tanh(x), line = here();
  await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const program = yield* load(compile({ outputs: { y } }, profile));
    yield* program.write({ x: cs.zerosArray("f32", [8]) });
    yield* program.run;
    // beyond every limit, outside of any error scope
    device.createBuffer({ size: 2 ** 40, usage: GPUBufferUsage.STORAGE });
    const error = yield* Effect.promise(() => failure(Effect.andThen(program.read(["y"]), program.run)));
    names(error, "invalid work", "tanh", line);
    // said once: the device goes on
    yield* program.run;
  })));
  device.destroy();
});

/** A CPU device by hand. */
const cpuByHand = async (change: (text: string) => string, script?: URL): Promise<Cpu> => {
  const arena = new Arena(), real = await Effect.runPromise(openAssembler);
  let id = 0;
  return {
    arena,
    pool: new Pool(arena.memory, 2, nodeThreads(script)),
    assembler: { ...real, assemble: (text) => real.assemble(change(text)) },
    inTurn: turns(),
    nextId: () => id++,
  };
};

test("cpu: refused text names the ops of the kernel", async () => {
  const x = cs.input("x", [6]);
  const y = cs.sqrt(x), line = here();
  const z = cs.matmul(cs.input("b", [3, 3]))(cs.input("a", [3, 3]));
  const plan = compile({ outputs: { y, z } }, cpuProfile);
  // one that the assembler refuses, one that it takes and the machine refuses
  for (const wrong of ["f32x4.sqroot", "i32x4.neg (i32.const 1) drop f32x4.sqrt"]) {
    const device = await cpuByHand((text) => text.replaceAll("f32x4.sqrt", wrong));
    const error = await failure(Effect.scoped(loadCpuProgram(device, plan)));
    names(error, "rejected kernel", "sqrt", line);
    await device.pool.close();
  }
});

test("cpu: a thread that traps, and one that dies, name what ran; closing is clean", async () => {
  const x = cs.input("x", [9]);
  const y = cs.sqrt(x), line = here();
  const plan = compile({ outputs: { y } }, cpuProfile);
  const traps = await cpuByHand((text) =>
    text.replace(/\(func \$k0 .*\n.*/, (head) => `${head}\n unreachable`)
  );
  const dies = await cpuByHand((text) => text, new URL("../support/dying_worker.ts", import.meta.url));
  for (const [device, said] of [[traps, /unreachable/], [dies, /thread \d ended/]] as const) {
    const scope = Scope.makeUnsafe();
    const program = await Effect.runPromise(Scope.provide(loadCpuProgram(device, plan), scope));
    await Effect.runPromise(program.write({ x: cs.zerosArray("f32", [9]) }));
    await Effect.runPromise(program.run);
    const error = await failure(program.read(["y"]));
    names(error, "lost", "sqrt", line);
    assert.match(error.message, said);
    assert.ok(Exit.isSuccess(await Effect.runPromiseExit(Scope.close(scope, Exit.void))));
    await device.pool.close();
  }
});

test.run();

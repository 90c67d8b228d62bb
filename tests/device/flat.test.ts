/** What a run of a program makes on the device: counts of calls, not times or sizes. */
import {
  compile,
  cpuProfile,
  denoProvider,
  Health,
  loadProgram,
  openGpu,
  profileOf,
} from "@chain-of-sight/kernels";
import { Effect, Exit, Scope } from "effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openAssembler } from "../../kernels/device/cpu_assemble.ts";
import { Arena } from "../../kernels/device/cpu_memory.ts";
import { Pool } from "../../kernels/device/cpu_pool.ts";
import { nodeThreads } from "../../kernels/device/threads_node.ts";
import { loadCpuProgram, turns } from "../../kernels/device/cpu_program.ts";
import { flatBatch, type FlatReport, flatSource, flatStart, slope } from "../../bench/flat.ts";

const test = suite("flat memory");

/** Counts the calls of an object's methods. */
const counted = <T extends object>(of: T, calls: Map<PropertyKey, number>, over: Partial<T> = {}): T =>
  new Proxy(of, {
    get: (target, key) => {
      const value = over[key as keyof T] ?? Reflect.get(target, key, target);
      return typeof value !== "function" ? value : (...args: unknown[]) => {
        calls.set(key, (calls.get(key) ?? 0) + 1);
        return value.apply(target, args);
      };
    },
  });

test("webgpu: 500 steps are 500 submits; nothing is made, read or waited for", async () => {
  const opened = await Effect.runPromise(openGpu(denoProvider())), calls = new Map<PropertyKey, number>();
  const queue = counted(opened.device.queue, calls), device = counted(opened.device, calls, { queue });
  const profile = profileOf(opened), health = new Health(device), scope = Scope.makeUnsafe();
  const plan = compile(flatSource(), profile);
  const program = await Effect.runPromise(
    Scope.provide(loadProgram(device, plan, profile, new Map(), health), scope),
  );
  await Effect.runPromise(program.write(flatStart()));
  assert.is((await Effect.runPromise(program.read(["state.step"])))["state.step"]!.data[0], 0);
  const made = calls.get("createBuffer")!;
  assert.ok(made > 0);
  calls.clear();
  const steps = 500;
  for (let i = 1; i <= steps; i++) {
    await Effect.runPromise(program.write(flatBatch(i % 10)));
    await Effect.runPromise(program.run);
  }
  const inputs = Object.keys(flatBatch(0)).length;
  assert.equal(
    Object.fromEntries(calls),
    { writeBuffer: inputs * steps, createCommandEncoder: steps, submit: steps },
  );
  const { loss } = await Effect.runPromise(program.read(["loss"]));
  assert.ok(loss!.data[0]! > 0 && loss!.data[0]! < 0.5, `loss ${loss!.data[0]}`);
  await Effect.runPromise(Scope.close(scope, Exit.void));
  opened.device.destroy();
});

test("webgpu: what a program made goes with its scope, and reads leave nothing", async () => {
  const opened = await Effect.runPromise(openGpu(denoProvider()));
  const alive = new Set<GPUBuffer>();
  const device = counted(opened.device, new Map(), {
    createBuffer: (d) => {
      const made = opened.device.createBuffer(d), destroy = made.destroy.bind(made);
      alive.add(made);
      made.destroy = () => {
        alive.delete(made);
        destroy();
      };
      return made;
    },
  });
  const profile = profileOf(opened), health = new Health(device), plan = compile(flatSource(), profile);
  const pipelines = new Map();
  for (let i = 0; i < 3; i++) {
    await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
      const program = yield* loadProgram(device, plan, profile, pipelines, health);
      const own = alive.size;
      assert.ok(own > 0);
      yield* program.write({ ...flatStart(), ...flatBatch(1) });
      yield* program.run;
      for (let r = 0; r < 5; r++) yield* program.read(["loss", "state.step"]);
      assert.is(alive.size, own);
    })));
    assert.is(alive.size, 0);
  }
  opened.device.destroy();
});

test("cpu: 500 steps take no more of the device's memory, and learn", async () => {
  const arena = new Arena(), pool = new Pool(arena.memory, 2, nodeThreads()), scope = Scope.makeUnsafe();
  const device = {
    arena,
    pool,
    assembler: await Effect.runPromise(openAssembler),
    inTurn: turns(),
    nextId: () => 0,
  };
  const plan = compile(flatSource(), cpuProfile);
  const program = await Effect.runPromise(Scope.provide(loadCpuProgram(device, plan), scope));
  await Effect.runPromise(program.write(flatStart()));
  const used = arena.used(), size = arena.memory.buffer.byteLength, losses: number[] = [];
  assert.ok(used > 0);
  for (let i = 1; i <= 500; i++) {
    await Effect.runPromise(program.write(flatBatch(i % 10)));
    await Effect.runPromise(program.run);
    if (i % 100 === 0) losses.push((await Effect.runPromise(program.read(["loss"]))).loss!.data[0]!);
  }
  assert.is(arena.used(), used);
  assert.is(arena.memory.buffer.byteLength, size);
  assert.ok(losses.at(-1)! < losses[0]!, losses.join());
  await Effect.runPromise(Scope.close(scope, Exit.void));
  assert.is(arena.used(), 0);
  await pool.close();
});

test("cpu: one long fiber of many steps leaves nothing behind on the heap", async () => {
  // in a process that can ask for collections; what every wait of a fiber once left behind were 420 bytes
  const cli = new URL("../../bench/main.ts", import.meta.url).pathname;
  const flags = ["run", "-A", cli, "flat", "--device", "cpu", "--json"];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...flags, "--steps", "6000", "--samples", "12"],
  }).output();
  assert.is(code, 0, new TextDecoder().decode(stderr));
  const report = JSON.parse(new TextDecoder().decode(stdout)) as FlatReport;
  assert.is(report.samples.length, 12);
  const { growth } = report, perStep = growth.heap / 1000;
  assert.ok(perStep < 100, `the heap grew by ${perStep} bytes at each step`);
});

test("the slope of points on a line is the line's", () => {
  assert.is(slope([[0, 1], [1, 3], [2, 5]]), 2);
  assert.is(slope([[4, 7]]), 0);
});

test.run();

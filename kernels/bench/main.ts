/**
 * Paired benchmarks against jax-js on the same back end (WebGPU, or WebAssembly on the CPU), in one process, in turn.
 *
 *     deno task bench [--device webgpu|cpu] [--json] [--sizes 256,512] [--rounds 5]
 */
import * as Effect from "effect/Effect";
import { type NdArray } from "@chain-of-sight/core";
import { compile, cpu, type Program, theDevice, webGpu } from "../mod.ts";
import { type BenchCase, cases, inputsOf, numbers } from "./cases.ts";
import { openRival, type Prepared, prepareRival } from "./rival.ts";
import { compare, type Comparison, tableOf } from "./statistics.ts";

const flag = (name: string): string | undefined => {
  const at = Deno.args.indexOf(`--${name}`);
  return at < 0 ? undefined : Deno.args[at + 1];
};

const onCpu = flag("device") === "cpu", rivalBackend = onCpu ? "wasm" : "webgpu";

const prepareOurs = (program: Program, values: Readonly<Record<string, NdArray>>) =>
  Effect.gen(function* () {
    yield* program.write(values);
    const wait = Object.keys(program.plan.outputs).slice(0, 1);
    const prepared: Prepared = (n) =>
      Effect.runPromise(Effect.gen(function* () {
        for (let i = 0; i < n; i++) yield* program.run;
        yield* program.read(wait);
      }));
    return prepared;
  });

const measure = (c: BenchCase, rounds: number) =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* theDevice();
    const outputs = Object.fromEntries(c.ours(...inputsOf(c)).map((t, i) => [`y${i}`, t]));
    const values = c.shapes.map((s, i) => numbers(s, i));
    const program = yield* device.load(compile({ outputs }, device.profile));
    const ours = yield* prepareOurs(program, Object.fromEntries(values.map((v, i) => [`x${i}`, v])));
    const rival = prepareRival(c.rival, values);
    return yield* Effect.promise(() => compare(c.name, c.flops, ours, rival, rounds));
  }));

const main = Effect.gen(function* () {
  const device = yield* theDevice(), rounds = Number(flag("rounds") ?? 5);
  const sizes =
    (flag("sizes") ?? (onCpu ? "512,1024,2048" : device.profile.software ? "256,512,1024" : "1024,2048,4096"))
      .split(",").map(
        Number,
      );
  if (!(yield* Effect.promise(() => openRival(rivalBackend)))) {
    return yield* Effect.die(new Error("jax-js has no back end of that kind here"));
  }
  const results: Comparison[] = [];
  for (const c of cases(sizes)) {
    const result = yield* measure(c, rounds);
    results.push(result);
    if (!Deno.args.includes("--json")) console.log(tableOf([result]));
  }
  const about = {
    device: device.profile.name,
    deno: Deno.version.deno,
    rival: `jax-js 0.1.25 ${rivalBackend}`,
    rounds,
  };
  console.log(
    Deno.args.includes("--json")
      ? JSON.stringify({ ...about, results }, null, 2)
      : `${JSON.stringify(about)}\n${tableOf(results)}`,
  );
});

await Effect.runPromise(main.pipe(Effect.provide(onCpu ? cpu() : webGpu())));
Deno.exit(0);

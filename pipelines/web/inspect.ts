/** A description, its gradient, its kernels and its memory, computed and timed on the visitor's device. */
import {
  type Bindings,
  f32,
  input,
  sizeOf,
  type Tensor,
  topological,
  type TreeError,
  valueAndGrad,
} from "@chain-of-sight/core";
import {
  compile,
  type Device,
  type DeviceError,
  dispatchesOf,
  explain,
  explainText,
  kernelLabel,
  portableProfile,
  theDevice,
} from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import { examples } from "./examples.ts";
import type { Inspection } from "./messages.ts";

/** Numbers between -1/2 and 1/2 that look random, the same everywhere. */
const numbers = (shape: readonly number[], seed: number): ReturnType<typeof f32> =>
  f32(
    shape,
    Array.from(
      { length: sizeOf(shape) },
      (_, i) => ((Math.imul(i + seed, 2654435761) >>> 9) / 2 ** 23) - 0.5,
    ),
  );

/** Compiles an example with its gradient, runs it on the device and times it. Dies for a name that is no example. */
export const inspect = (name: string): Effect.Effect<Inspection, DeviceError | TreeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { params: shapes, loss } = examples[name]!, { profile, load } = yield* theDevice();
    const params = Object.fromEntries(
      Object.entries(shapes).map(([path, shape]) => [path, input(path, shape)]),
    );
    const { value, grad } = valueAndGrad(loss)(params), roots = [value, ...Object.values(grad)];
    const outputs = {
      loss: value,
      ...Object.fromEntries(Object.entries(grad).map(([k, g]) => [`d ${k}`, g])),
    };
    const source = { outputs }, plan = compile(source, profile), program = yield* load(plan);
    const bindings: Bindings = Object.fromEntries(
      topological(roots).flatMap((node) =>
        node.op === "input" ? [[(node as Tensor<"input">).attributes.path, node.shape] as const] : []
      ).map(([path, shape], i) => [path, numbers(shape, 77 * i)]),
    );
    yield* program.write(bindings);
    yield* program.run;
    const read = yield* program.read(Object.keys(outputs)), { loss: computed, ...gradients } = read;
    const squares = Object.values(gradients).flatMap(({ data }) => Array.from(data, (v) => v * v));
    yield* program.write(bindings);
    const times = yield* program.profile(5).pipe(Effect.catch(() => Effect.succeed([])));
    // the CPU's kernels are WebAssembly; their WGSL is that of a portable GPU
    const drawn = profile.provider === "cpu" ? portableProfile : profile;
    const shown = profile.provider === "cpu" ? compile(source, drawn) : plan;
    const work = new Map(explain(shown).kernels.map((k) => [k.label, k]));
    return {
      nodes: { forward: topological([value]).length, gradient: topological(roots).length },
      kernels: dispatchesOf(shown, drawn).map(({ code, kernel }) => {
        const label = kernelLabel(kernel),
          timed = times.find((t) => t.label === label),
          one = work.get(label);
        return {
          label,
          code,
          flops: one === undefined ? 0 : one.flops / one.count,
          ...(timed === undefined ? {} : { milliseconds: 1000 * timed.seconds / timed.count }),
        };
      }),
      buffers: plan.memory.buffers.map(({ role, bytes }) => ({ role, bytes })),
      text: explainText(plan),
      value: computed!.data[0]!,
      gradientNorm: Math.sqrt(squares.reduce((a, v) => a + v, 0)),
      device: profile.name,
      onGpu: profile.provider !== "cpu",
    };
  }));

/**
 * Whether memory stays flat over many training steps: a small perceptron under AdamW, new numbers and one submit at
 * each step, nothing read but one number at every sample.
 */
import {
  adamw,
  bindingsOf,
  initialise,
  input,
  linear,
  type LinearParams,
  linearSpecs,
  meanSquaredError,
  type NdArray,
  ndarray,
  placeholders,
  silu,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  type TreeError,
  warmupCosine,
} from "@chain-of-sight/core";
import { compileFor, type Device, type DeviceError, type Source, theDevice } from "@chain-of-sight/kernels";
import { pipe } from "fp-ts/lib/function.js";
import * as Effect from "effect/Effect";
import v8 from "node:v8";
import vm from "node:vm";

const ROWS = 16, WIDTH = 32;

type Params = { readonly up: LinearParams<Tensor>; readonly down: LinearParams<Tensor> };

const optimiser = adamw();
const specs = {
  up: linearSpecs({ from: WIDTH, to: 2 * WIDTH }),
  down: linearSpecs({ from: 2 * WIDTH, to: WIDTH }),
};

/** The step that is repeated: inputs `x` and `y`, `[16, 32]`, and state in place. */
export const flatSource = (): Source => {
  const batch = { x: input("x", [ROWS, WIDTH]), y: input("y", [ROWS, WIDTH]) };
  const state = placeholders("state", trainStateSpecs(optimiser, specs)) as unknown as TrainState<Tensor>;
  const step = trainStep<typeof batch>({
    optimiser,
    schedule: warmupCosine({ peak: 1e-3, warmup: 10, total: 1_000_000 }),
    maxNorm: 1,
    loss: (params, { x, y }) => {
      const { up, down } = params as unknown as Params;
      return [meanSquaredError(pipe(x, linear(up), silu, linear(down)), y), {}];
    },
  });
  const { state: next, metrics } = step(state, batch);
  const outputs = Object.fromEntries(
    tensors.entries(next as unknown as Tree<Tensor>).map(([path, t]) => [`state.${path}`, t]),
  );
  const donate = Object.fromEntries(Object.keys(outputs).map((path) => [path, path]));
  return { outputs: { ...outputs, loss: metrics.loss }, donate };
};

/** What `flatSource` starts from. */
export const flatStart = (): Readonly<Record<string, NdArray>> =>
  bindingsOf(
    "state",
    startTraining(optimiser, initialise([0, 1], specs) as Tree<NdArray>) as unknown as Tree<NdArray>,
  );

/** The batch of a step. */
export const flatBatch = (step: number): Readonly<Record<string, NdArray>> => {
  const x = Float32Array.from({ length: ROWS * WIDTH }, (_, i) => Math.sin(i * 1.618 + step));
  return { x: ndarray("f32", [ROWS, WIDTH], x), y: ndarray("f32", [ROWS, WIDTH], x.map((v) => v * v)) };
};

/** Memory at one moment, in bytes. */
interface FlatSample {
  /** Steps done. */
  readonly step: number;
  /** Heap of JavaScript in use. */
  readonly heap: number;
  /** Memory of the process, device memory of a software device included. */
  readonly rss: number;
  /** Memory of buffers outside the heap. */
  readonly external: number;
  /** The loss. */
  readonly loss: number;
}

/** Findings of a run of many steps. */
export interface FlatReport {
  /** The device's own name. */
  readonly deviceName: string;
  /** Steps in all. */
  readonly steps: number;
  /** Seconds in all. */
  readonly seconds: number;
  /** Bytes of device memory that the plan takes; nothing else is made while it runs. */
  readonly deviceBytes: number;
  /** Growth in bytes per 1000 steps over the second half, by least squares. */
  readonly growth: { readonly heap: number; readonly rss: number; readonly external: number };
  /** Every sample. */
  readonly samples: readonly FlatSample[];
}

/** The slope of a straight line through the points, per unit of x. */
export const slope = (points: readonly (readonly [number, number])[]): number => {
  const n = Math.max(1, points.length), mean = (of: 0 | 1) => points.reduce((s, p) => s + p[of], 0) / n;
  const x = mean(0), y = mean(1), spread = points.reduce((s, p) => s + (p[0] - x) ** 2, 0);
  return spread === 0 ? 0 : points.reduce((s, p) => s + (p[0] - x) * (p[1] - y), 0) / spread;
};

// The collector of this process: contexts that are made after the flag know it.
const collector = (): () => void => {
  v8.setFlagsFromString("--expose-gc");
  return vm.runInNewContext("gc") as () => void;
};

/** Runs the steps and samples memory this many times; after a collection each time. */
export const runFlat = (
  steps: number,
  count: number,
): Effect.Effect<FlatReport, DeviceError | TreeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const device = yield* theDevice(), plan = compileFor(device, flatSource());
    const program = yield* device.load(plan);
    yield* program.write(flatStart());
    const samples: FlatSample[] = [],
      collect = collector(),
      every = Math.max(1, Math.floor(steps / count)),
      start = performance.now();
    for (let step = 1; step <= steps; step++) {
      yield* program.write(flatBatch(step));
      yield* program.run;
      if (step % every !== 0) continue;
      const loss = (yield* program.read(["loss"])).loss!.data[0]!;
      collect();
      const { heapUsed, rss, external } = Deno.memoryUsage();
      samples.push({ step, heap: heapUsed, rss, external, loss });
    }
    const seconds = (performance.now() - start) / 1000, late = samples.slice(samples.length >> 1);
    const per = (of: "heap" | "rss" | "external") => 1000 * slope(late.map((s) => [s.step, s[of]] as const));
    return {
      deviceName: device.profile.name,
      steps,
      seconds,
      deviceBytes: plan.memory.buffers.reduce((n, b) => n + b.bytes, 0),
      growth: { heap: per("heap"), rss: per("rss"), external: per("external") },
      samples,
    } satisfies FlatReport;
  }));

const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(2).padStart(9);

/** A report as text. */
export const flatText = ({ deviceName, steps, seconds, deviceBytes, growth, samples }: FlatReport): string =>
  [
    `${deviceName}: ${steps} steps in ${seconds.toFixed(1)} s, ${deviceBytes} bytes of device memory`,
    "     step   heap MiB    rss MiB  outside MiB",
    ...samples.map((s) =>
      `${String(s.step).padStart(9)}  ${mib(s.heap)}  ${mib(s.rss)}    ${mib(s.external)}`
    ),
    `growth per 1000 steps: heap ${growth.heap.toFixed(0)} B, process ${growth.rss.toFixed(0)} B, outside ${
      growth.external.toFixed(0)
    } B`,
  ].join("\n");

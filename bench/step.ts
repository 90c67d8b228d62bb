/** Times a whole training step: many steps between two waits for the device, since a wait alone costs 11 ms. */
import { bindingsOf, startScale, TreeError, zerosArray } from "@chain-of-sight/core";
import {
  compileFor,
  type Device,
  type DeviceError,
  explain,
  type Plan,
  type Program,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { BenchError } from "../pipelines/tune/bench_fault.ts";
import { presets, type StepPreset } from "../pipelines/tune/presets.ts";
import { spreadOf } from "./spread.ts";
import { mixedOf, type Precision } from "../pipelines/train/precision.ts";
import { canStep, dispatchCount, type StepDevice } from "../pipelines/tune/step_device.ts";
import type { CompileTime, StepReport } from "./step_report.ts";
import { batchNumbers, PARAMS, startValues, type StepWork, stepWork } from "../pipelines/tune/step_work.ts";

/** Options of the timing. */
export interface StepOptions {
  /** The model. */
  readonly preset: StepPreset;
  /** Visual tokens. */
  readonly tokens: number;
  /** Element types. */
  readonly precision: Precision;
  /** Which device runs it; it must be the one in the context. */
  readonly device: StepDevice;
  /** Sequences of a step; the preset's by default. */
  readonly batch?: number;
  /** Whether the backward pass recomputes decoder blocks. */
  readonly remat: boolean;
  /** Steps between two waits; as many as take a second by default. */
  readonly steps?: number;
  /** Windows of that many steps. */
  readonly windows: number;
}

const MAX_STEPS = 200;
const WARM_UP = 3;

/** A step on a device. */
interface Built {
  /** Its computation. */
  readonly work: StepWork;
  /** What it was compiled to. */
  readonly plan: Plan;
  /** The program. */
  readonly program: Program;
  /** How long that took. */
  readonly time: CompileTime;
}

/** From nothing to a program, timed. */
const build = (options: StepOptions) =>
  Effect.gen(function* () {
    const device = yield* theDevice(), { preset, tokens, precision, remat, batch } = options;
    yield* canStep(precision, device.profile);
    const began = performance.now();
    const work = yield* Effect.try({
      try: () =>
        stepWork(presets[preset], tokens, { precision, remat, ...(batch === undefined ? {} : { batch }) }),
      catch: (e) => e as BenchError,
    });
    const described = performance.now();
    const plan = compileFor(device, work.source), planned = performance.now();
    const program = yield* device.load(plan);
    const time = {
      describe: described - began,
      compile: planned - described,
      load: performance.now() - planned,
    };
    return { work, plan, program, time } satisfies Built;
  });

const lossOf = (program: Program) => Effect.map(program.read(["loss"]), ({ loss }) => loss!.data[0]!);

/** Milliseconds per step of a window that ends with a wait for the device. */
const window = (program: Program, steps: number) =>
  Effect.gen(function* () {
    const began = performance.now();
    for (let i = 0; i < steps; i++) yield* program.run;
    const loss = yield* lossOf(program);
    return { ms: (performance.now() - began) / steps, loss };
  });

const start = (program: Program, work: StepWork, { preset, batch, precision }: StepOptions) =>
  Effect.gen(function* () {
    for (const [path, { dtype, shape }] of Object.entries(program.plan.inputs)) {
      if (!path.startsWith(`${PARAMS}.`)) yield* program.write({ [path]: zerosArray(dtype, shape) });
    }
    const { mixed } = mixedOf(precision);
    if (mixed !== undefined) {
      yield* program.write(bindingsOf("state.scaling", startScale(mixed.scaling ?? {})));
    }
    for (const [path, value] of startValues(work.specs)) {
      yield* program.write({ [`${PARAMS}.${path}`]: value });
    }
    yield* program.write(batchNumbers(presets[preset], batch ?? presets[preset].batch));
  });

/** A step in the middle of training as one program on the device of the context. */
export const startedStep = (
  options: StepOptions,
): Effect.Effect<Built, BenchError | DeviceError | TreeError, Device | Scope.Scope> =>
  Effect.tap(build(options), ({ program, work }) => start(program, work, options));

const finite = (loss: number): Effect.Effect<void, BenchError> =>
  Number.isFinite(loss) ? Effect.void : Effect.fail(
    new BenchError({
      op: "bench:step",
      got: `a loss of ${loss}`,
      expected: "a finite number",
      hint: "the time of a broken step says nothing: report the device and the preset",
    }),
  );

/** Times one preset with one number of visual tokens on the device of the context. */
export const timeStep = (
  options: StepOptions,
): Effect.Effect<StepReport, BenchError | DeviceError | TreeError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    const { preset, tokens, precision, device, remat, windows } = options, size = presets[preset];
    const { profile } = yield* theDevice();
    const cold = yield* Effect.scoped(build(options));
    const { work, plan, program, time: warm } = yield* startedStep(options);
    const first = (yield* window(program, 1)).loss;
    let ms = Infinity;
    for (let i = 1; i < WARM_UP; i++) ms = Math.min(ms, (yield* window(program, 1)).ms);
    const steps = options.steps ?? Math.max(1, Math.min(MAX_STEPS, Math.round(1000 / ms)));
    const times: number[] = [];
    let last = first;
    for (let i = 0; i < windows; i++) {
      const measured = yield* window(program, steps);
      times.push(measured.ms);
      last = measured.loss;
    }
    yield* finite(first);
    yield* finite(last);
    const spread = spreadOf(times), { memory } = explain(plan);
    return {
      preset,
      tokens,
      text: size.text,
      batch: options.batch ?? size.batch,
      precision,
      remat,
      parameters: work.parameters,
      steps,
      ms: spread,
      loss: { first, last },
      peakBytes: memory.inputs + memory.outputs + memory.scratch,
      dispatches: dispatchCount(plan, profile, device),
      modelFlops: work.modelFlops,
      tflops: work.modelFlops / (spread.median / 1000) / 1e12,
      compileMs: { cold: cold.time, warm },
    };
  }));

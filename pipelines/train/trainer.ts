/**
 * The trainer: one Program per stage and shape of batch, one submit per step, metrics read from a ring every few seconds, checkpoints
 * that hold everything. What a step computes is a function of the state and the step's number, so that a resumed
 * training is the uninterrupted one, bit for bit.
 */
import { bindingsOf, type NdArray, type Tree, type TreeError, zerosArray } from "@chain-of-sight/core";
import { type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import {
  appendMetrics,
  type MetricRecord,
  type MetricsError,
  type MetricsLog,
  openMetrics,
  syncMetrics,
} from "../runs/metrics.ts";
import type { DiskError } from "../base/disk.ts";
import { openToSignals } from "../base/signals.ts";
import { type ProgressReport, reportProgress, startProgress } from "../terminal/progress.ts";
import type { CheckpointError } from "../weights/checkpoint.ts";
import { TrainingError } from "./fault.ts";
import { loadPrograms, type StepPrograms } from "./programs.ts";
import { loadState, PARAMS, paramsOf, saveBadBatch, saveState } from "./saved_state.ts";
import { RING, type StepSource } from "./step_source.ts";
import type { Bindings, Training } from "./training.ts";
import { batchBytes, windowOf } from "./window.ts";

/** What a training can fail with, beside what its batches fail with. */
export type TrainError = CheckpointError | DeviceError | DiskError | MetricsError | TrainingError | TreeError;

/** A finished training. */
export interface Trained {
  /** Parameters after the last step. */
  readonly params: Tree<NdArray>;
  /** Optimiser steps. */
  readonly steps: number;
  /** The file of the metrics of every step, with `seconds` of its window per step, and `deviceBytes` that it held. */
  readonly metrics: string;
  /** Seconds from the start of this process's part to its end, compilation and saving included. */
  readonly wallSeconds: number;
}

/** How far a training is: steps whose metrics are known, and steps that were submitted. */
interface Position {
  known: number;
  submitted: number;
  /** What was done since, in the unit of the training. */
  done: number;
  windowBegan: number;
  first: boolean;
}

const noHalf = (stage: string, device: string, step: number): TrainingError =>
  new TrainingError({
    op: `train ${stage} in mixed precision`,
    got: `${device}, which has no 16-bit floating point`,
    expected: "a GPU with the feature shader-f16",
    mend: 'set precision to "f32", or choose another device',
    stage,
    step,
  });

interface Running<B, E, R> {
  readonly training: Training<B, E, R>;
  readonly programs: StepPrograms;
  readonly log: MetricsLog;
  readonly report: ProgressReport;
  readonly at: Position;
  /** The last record. */
  last: MetricRecord | undefined;
  /** Step of the last checkpoint of this process. */
  saved: number | undefined;
}

const notFinite = (stage: string, row: MetricRecord, name: string, batch: string): TrainingError =>
  new TrainingError({
    op: `train ${stage}`,
    got: `${name} ${row[name]} at step ${row.step}`,
    expected: "a finite number",
    mend: `the last checkpoint is kept, and the batch in ${batch}: start another run with a lower learning ` +
      'rate or a longer warm-up, or with onNonFinite "skip"',
    stage,
    step: row.step,
    batch,
  });

/** Scale of the loss from which on a step without finite gradients is no matter of the scale any more. */
const LEAST_SCALE = 1;

/** Whether a scale of the loss is there to be halved: the step before was skipped, the next may be finite. */
const mayRecover = ({ scale }: MetricRecord): boolean => typeof scale === "number" && scale > LEAST_SCALE;

/** What a row has that is not finite and that the training does not bear. */
const badIn = (
  { precision, onNonFinite }: Pick<Training<unknown>, "precision" | "onNonFinite">,
  row: MetricRecord,
): string | undefined =>
  onNonFinite === "skip" || (precision === "mixed" && mayRecover(row))
    ? undefined
    : ["loss", "gradNorm"].find((name) => !Number.isFinite(row[name]));

/** Waits for the submitted steps and records their metrics. Whole or not at all with regard to interruption. */
const settle = <B, E, R>(run: Running<B, E, R>): Effect.Effect<void, TrainError | E, R> =>
  Effect.uninterruptible(Effect.gen(function* () {
    const { at, training, programs: { step, main, deviceBytes } } = run;
    const count = at.submitted - at.known;
    if (count === 0) return;
    const ring = (yield* main.read([RING]))[RING]!;
    const seconds = (performance.now() - at.windowBegan) / 1000 / count;
    const rows = step.ring.read(ring, at.known, at.submitted).map((metrics, i): MetricRecord => ({
      step: at.known + i + 1,
      ...metrics,
      seconds,
      deviceBytes,
      ...(at.first ? { warmup: true } : {}),
    }));
    yield* appendMetrics(run.log, rows);
    run.last = rows.at(-1);
    at.known = at.submitted;
    at.first = false;
    for (const row of rows) {
      const bad = badIn(training, row);
      if (bad === undefined) continue;
      const batch = yield* saveBadBatch(training, row.step);
      return yield* Effect.fail(notFinite(training.stage, row, bad, batch));
    }
    yield* reportProgress(run.report, {
      step: at.known,
      loss: rows.at(-1)!.loss as number,
      done: at.done,
    });
    at.done = 0;
  }));

/** A whole state for the device: frozen parameters as they are stored there, the rest from a checkpoint if there is one. */
const startValues = ({ bind, start, changing }: StepSource, saved: Bindings | undefined): Bindings => {
  const first = bind(start), changes = new Set(changing);
  const only = (values: Bindings, some: (path: string) => boolean): Bindings =>
    Object.fromEntries(Object.entries(values).filter(([path]) => some(path)));
  return saved === undefined ? first : {
    ...only(first, (path) => !changes.has(path)),
    ...only(saved, (path) => changes.has(path)),
  };
};

/** Saves the state; everything submitted must have settled. */
const keep = <B, E, R>(run: Running<B, E, R>): Effect.Effect<void, TrainError> =>
  Effect.gen(function* () {
    if (run.saved === run.at.known) return;
    const { main, step } = run.programs;
    const changed = yield* main.read(step.changing);
    yield* syncMetrics(run.log);
    yield* saveState(run.training, changed, run.at.known);
    run.saved = run.at.known;
  });

const submit = <B, E, R>(run: Running<B, E, R>, batch: Bindings): Effect.Effect<void, TrainError> =>
  Effect.uninterruptible(Effect.suspend(() => {
    const { step, amount } = run.programs.of(batch);
    return Effect.andThen(
      step(batch),
      Effect.sync(() => {
        run.at.submitted++;
        run.at.done += amount;
      }),
    );
  }));

/** Milliseconds of submitting after which signals are heard. */
const BREATH = 200;

const loop = <B, E, R>(run: Running<B, E, R>): Effect.Effect<void, TrainError | E, R> =>
  Effect.gen(function* () {
    const { at, training } = run, { total, places, batchAt } = training;
    let batch = yield* batchAt(at.known);
    while (at.known < total) {
      const untilSave = places.every - at.known % places.every;
      const count = Math.min(windowOf(run.last, batchBytes(batch)), untilSave, total - at.known);
      at.windowBegan = performance.now();
      let breath = at.windowBegan;
      for (let i = 0; i < count; i++) {
        yield* submit(run, batch);
        if (performance.now() - breath > BREATH) {
          yield* Effect.sleep(0);
          breath = performance.now();
        }
        if (at.submitted < total) batch = yield* batchAt(at.submitted); // the device is busy meanwhile
      }
      yield* settle(run);
      if (at.known % places.every === 0 || at.known === total) yield* keep(run);
      yield* Effect.sleep(0); // signals are heard here
    }
  });

/**
 * Trains to the last step, from the last checkpoint where there is one. Interrupting it saves a checkpoint first.
 * A loss or gradient that is not finite ends it with a TrainingError; the last checkpoint is kept, and the batch is saved
 * beside it. In mixed precision such steps change nothing but the scale of the loss, and only end it when that cannot
 * fall any more. With `onNonFinite: "skip"` they never end it.
 */
export const train = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<Trained, TrainError | E, Device | R> =>
  Effect.scoped(Effect.gen(function* () {
    const began = performance.now();
    const { total, places, stage, work } = training;
    const saved = yield* loadState(training);
    const from = Number(saved?.metadata.step ?? 0);
    const log = yield* openMetrics(places.metrics, { resumeAt: from });
    const done = (params: Tree<NdArray>): Trained => ({
      params,
      steps: total,
      metrics: places.metrics,
      wallSeconds: (performance.now() - began) / 1000,
    });
    if (saved !== undefined && from >= total) {
      return done(paramsOf(saved.tensors, training.initial));
    }
    const device = yield* theDevice();
    if (training.precision === "mixed" && !device.profile.f16) {
      return yield* Effect.fail(noHalf(stage, device.profile.name, from));
    }
    // compiling takes seconds, and there is nothing to save yet
    const programs = yield* openToSignals(loadPrograms(training)), { step, main } = programs;
    yield* main.write({
      ...startValues(step, saved?.tensors),
      [RING]: zerosArray("f32", step.ring.spec.shape),
    });
    const report = yield* startProgress({ stage, total, from, unit: work.unit }, places.sink);
    const at: Position = { known: from, submitted: from, done: 0, windowBegan: began, first: true };
    const run: Running<B, E, R> = {
      training,
      programs,
      log,
      report,
      at,
      last: log.last,
      saved: saved && from,
    };
    yield* loop(run).pipe(
      Effect.onInterrupt(() =>
        Effect.andThen(settle(run), keep(run)).pipe(
          Effect.catch((error) => Effect.logWarning(`${stage} is not saved: ${String(error)}`)),
        )
      ),
    );
    const changed = yield* main.read(step.changing.filter((path) => path.startsWith(PARAMS)));
    return done(paramsOf({ ...bindingsOf("state.params", training.initial), ...changed }, training.initial));
  }));

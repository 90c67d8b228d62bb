/**
 * The trainer: one Program per stage and shape of batch, one submit per step, metrics read from a ring every few seconds, checkpoints
 * that hold everything. What a step computes is a function of the state and the step's number, so that a resumed
 * training is the uninterrupted one, bit for bit.
 */
import { type Tree, type TreeError } from "@chain-of-sight/core";
import { type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import {
  appendMetrics,
  copyMetrics,
  type MetricRecord,
  type MetricsError,
  type MetricsLog,
  openMetrics,
  syncMetrics,
} from "../runs/metrics.ts";
import type { DiskError } from "../base/disk.ts";
import { alone, type RanksError, theRanks } from "../ranks/ranks.ts";
import { type LiveTail, openLiveTail } from "../runs/live.ts";
import { openToSignals } from "../base/signals.ts";
import { type ProgressReport, reportProgress, startProgress } from "../terminal/progress.ts";
import { type CheckpointError, open } from "../weights/checkpoint.ts";
import { type LazyArray, lazyArrays, type UploadError } from "../weights/lazy.ts";
import { openShorter } from "./extend.ts";
import { writeState } from "./start.ts";
import { TrainingError } from "./fault.ts";
import { type History, noHistory, stopReason, withRecord } from "./history.ts";
import { keepCheckpoint, keepsBest, keptPath } from "./kept.ts";
import { loadPrograms, type StepPrograms } from "./programs.ts";
import { EMA, openState, paramsOf, saveBadBatch, saveState } from "./saved_state.ts";
import { PARAMS, RING } from "./step_source.ts";
import { beginAll, compareAll, saveAll } from "./sharded_state.ts";
import { agree, batchesHere, checkShares } from "./together.ts";
import type { Bindings, Training } from "./training.ts";
import { type LoadedValidation, loadValidation, validationRecord } from "./validation.ts";
import { batchBytes, windowOf } from "./window.ts";

/** Errors of a training, alongside what its batches fail with. */
export type TrainError =
  | CheckpointError
  | DiskError
  | MetricsError
  | RanksError
  | TrainingError
  | UploadError;

/** A finished training. */
export interface Trained {
  /** Parameters after the last step, in its checkpoint or where they came from. */
  readonly params: Tree<LazyArray>;
  /** Optimiser steps that were done. */
  readonly steps: number;
  /** Why it ended before its last step, where validation ended it. */
  readonly stopped?: string;
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
    hint: 'set precision to "f32", or choose another device',
    stage,
    step,
  });

interface Running<B, E, R> {
  readonly training: Training<B, E, R>;
  readonly programs: StepPrograms;
  readonly log: MetricsLog;
  readonly live: LiveTail;
  readonly report: ProgressReport;
  readonly at: Position;
  /** What validation measures, where there is any. */
  readonly loaded: LoadedValidation<E, R> | undefined;
  /** The last record of a step. */
  last: MetricRecord | undefined;
  /** What validations have said. */
  history: History;
  /** Step of the last checkpoint of this process. */
  saved: number | undefined;
}

const notFinite = (stage: string, row: MetricRecord, name: string, batch: string): TrainingError =>
  new TrainingError({
    op: `train ${stage}`,
    got: `${name} ${row[name]} at step ${row.step}`,
    expected: "a finite number",
    hint: `the last checkpoint is kept, and the batch in ${batch}: start another run with a lower learning ` +
      'rate or a longer warm-up, or with onNonFinite "skip"',
    stage,
    step: row.step,
    batch,
  });

/** Scale of the loss from which on a step without finite gradients is no matter of the scale any more. */
const MIN_SCALE = 1;

/** Whether a scale of the loss is there to be halved: the step before was skipped, the next may be finite. */
const mayRecover = ({ scale }: MetricRecord): boolean => typeof scale === "number" && scale > MIN_SCALE;

/** What a row has that is not finite and that the training does not bear. */
const badIn = (
  { precision, onNonFinite }: Pick<Training<unknown>, "precision" | "onNonFinite">,
  row: MetricRecord,
): string | undefined =>
  onNonFinite === "skip" || (precision === "mixed" && mayRecover(row))
    ? undefined
    : ["loss", "gradNorm"].find((name) => !Number.isFinite(row[name]));

/** The error of a step that was not finite; the batch is kept, by each rank its part. */
const stoppedAt = <B, E, R>(
  training: Training<B, E, R>,
  row: MetricRecord,
  name: string,
): Effect.Effect<TrainingError, TrainError | E, R> =>
  Effect.gen(function* () {
    const batch = yield* saveBadBatch(training, row.step);
    // rank 0 ends all ranks when it ends
    yield* (yield* theRanks).gather("");
    return notFinite(training.stage, row, name, batch);
  });

/** Waits for the submitted steps and records their metrics. Whole or not at all with regard to interruption. */
const settle = <B, E, R>(run: Running<B, E, R>): Effect.Effect<void, TrainError | E, R> =>
  Effect.uninterruptible(Effect.gen(function* () {
    const { at, training, programs: { step, main, deviceBytes }, loaded } = run;
    const count = at.submitted - at.known;
    if (count === 0) return;
    const ring = (yield* main.read([RING]))[RING]!;
    const seconds = (performance.now() - at.windowBegan) / 1000 / count;
    const rows = step.ring.read(ring, at.known, at.submitted).map((metrics, i): MetricRecord => ({
      step: at.known + i + 1,
      ...metrics,
      seconds,
      deviceBytes: deviceBytes + (loaded?.bytes ?? 0),
      ...(at.first ? { warmup: true } : {}),
    }));
    yield* appendMetrics(run.log, rows);
    yield* run.live.add(rows);
    run.last = rows.at(-1);
    at.known = at.submitted;
    at.first = false;
    for (const row of rows) {
      const bad = badIn(training, row);
      if (bad === undefined) continue;
      return yield* Effect.fail(yield* stoppedAt(training, row, bad));
    }
    yield* reportProgress(run.report, {
      step: at.known,
      loss: rows.at(-1)!.loss as number,
      done: at.done,
    });
    at.done = 0;
  }));

/** Saves the state; everything submitted must have settled. */
const keep = <B, E, R>(run: Running<B, E, R>): Effect.Effect<void, TrainError> =>
  Effect.gen(function* () {
    if (run.saved !== run.at.known) {
      yield* agree({ kind: "compare" });
      yield* compareAll(run.training, run.programs);
      yield* syncMetrics(run.log);
      yield* saveAll(run.training, run.programs, run.at.known);
      run.saved = run.at.known;
    }
    yield* keepCheckpoint(run.training, run.history, run.at.known);
  });

/** The parameters at this step: those that change are read from the device. */
const paramsNow = <B, E, R>(
  { result, initial }: Training<B, E, R>,
  { main, step }: StepPrograms,
): Effect.Effect<Tree<LazyArray>, DeviceError | TreeError> =>
  Effect.map(
    main.read(step.changing.filter((path) => path.startsWith(PARAMS) || path.startsWith(EMA))),
    (changed) =>
      paramsOf(lazyArrays(changed) as Readonly<Record<string, LazyArray>>, {
        initial,
        ...(result === undefined ? {} : { result }),
      }),
  );

const isDue = <B, E, R>({ validation, total }: Training<B, E, R>, step: number): boolean =>
  validation !== undefined && step > 0 && (step % validation.every === 0 || step === total);

/** Validates after the last known step, where it is time to and that was not done before. */
const validate = <B, E, R>(run: Running<B, E, R>): Effect.Effect<void, TrainError | E, R> =>
  Effect.gen(function* () {
    const { training, programs, at: { known }, loaded } = run, { validation } = training;
    if (validation === undefined || loaded === undefined) return;
    if (!isDue(training, known) || run.history.validated >= known) return;
    const params = paramsNow(training, programs);
    // the others wait
    const record = yield* alone(validationRecord(
      { stage: training.stage, validation },
      loaded.losses,
      params,
      known,
    ));
    yield* Effect.uninterruptible(Effect.andThen(
      appendMetrics(run.log, [record]),
      Effect.suspend(() => {
        run.history = withRecord(validation, run.history, record);
        return run.live.add([record]);
      }),
    ));
  });

const endsEarly = <B, E, R>({ validation }: Training<B, E, R>, history: History): string | undefined =>
  validation && stopReason(validation, history);

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

/** Milliseconds of submitting after which signals are handled. */
const BREATH = 200;

/** Trains to the end, or on several ranks until one of them has received a signal: gives whether it has, and nothing is lost. */
const loop = <B, E, R>(run: Running<B, E, R>): Effect.Effect<boolean, TrainError | E, R> =>
  Effect.gen(function* () {
    const { at, training } = run, { total, places } = training, batchAt = batchesHere(training);
    const { size } = yield* theRanks;
    const { every = Infinity } = training.validation ?? {}, { stableUntil } = training.schedule;
    const stable = training.keep?.stable === true ? stableUntil : Infinity;
    const until = (every: number): number => every === Infinity ? Infinity : every - at.known % every;
    const ends = (): boolean => at.known === total || endsEarly(training, run.history) !== undefined;
    const isKept = (): boolean =>
      ends() || at.known % places.every === 0 || at.known === stable ||
      (run.history.best?.step === at.known && keepsBest(training));
    // an interrupted validation is made up for
    yield* validate(run);
    if (at.known > 0 && isKept()) yield* keep(run);
    if (ends()) return false;
    let batch = yield* batchAt(at.known);
    while (!ends()) {
      const next = [until(places.every), until(every), total - at.known, stable - at.known];
      const count = Math.min(windowOf(run.last, batchBytes(batch)), ...next.filter((steps) => steps > 0));
      const { stopping } = yield* agree({ kind: "steps", count });
      if (stopping && size > 1) {
        yield* keep(run);
        return true;
      }
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
      yield* validate(run);
      if (isKept()) yield* keep(run);
      yield* Effect.sleep(0); // signals are handled here
    }
    return false;
  });

/** What ranks other than 0 do in a training: steps, as it says; they write nothing. */
const follow = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<void, TrainError | E, Device | R> =>
  Effect.scoped(Effect.gen(function* () {
    if ((yield* agree()).order.kind === "end") return;
    const programs = yield* openToSignals(loadPrograms(training)),
      { step: { ring }, main } = programs;
    yield* writeState(programs, training.initial);
    yield* beginAll(training, programs);
    const batchAt = batchesHere(training);
    let at = (yield* main.read(["state.step"]))["state.step"]!.data[0]!;
    yield* Effect.uninterruptible(Effect.gen(function* () {
      for (;;) {
        const { order, stopping } = yield* agree();
        if (order.kind === "end") return;
        if (order.kind === "compare") {
          yield* compareAll(training, programs);
          yield* saveAll(training, programs, at);
        }
        if (order.kind !== "steps" || stopping) continue;
        const from = at;
        for (; at < from + order.count; at++) {
          const batch = yield* batchAt(at);
          yield* programs.of(batch).step(batch);
          yield* Effect.sleep(0);
        }
        const rows = ring.read((yield* main.read([RING]))[RING]!, from, at);
        for (const [i, metrics] of rows.entries()) {
          const row: MetricRecord = { step: from + i + 1, ...metrics }, bad = badIn(training, row);
          if (bad !== undefined) return yield* Effect.fail(yield* stoppedAt(training, row, bad));
        }
      }
    }));
  }));

/**
 * Trains to the last step, from the last checkpoint where there is one. Interrupting it saves a checkpoint first.
 * A loss or gradient that is not finite ends it with a TrainingError; the last checkpoint is kept, and the batch is saved
 * next to it. In mixed precision such steps change nothing but the scale of the loss, and only end it when that cannot
 * fall any more. With `onNonFinite: "skip"` they never end it. Validation ends it where its patience does; which validation
 * was the best is read from the metrics, so that a resumed training decides as the uninterrupted one.
 */
export const train = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<Trained, TrainError | E, Device | R> =>
  Effect.scoped(Effect.gen(function* () {
    const began = performance.now(), { rank, size } = yield* theRanks;
    const { total, places, stage, work, validation } = training;
    if (rank > 0) {
      yield* follow(training);
      return { params: training.initial, steps: total, metrics: places.metrics, wallSeconds: 0 };
    }
    yield* checkShares(training);
    let saved = yield* openState(training), history = noHistory, last: MetricRecord | undefined;
    const read = (record: MetricRecord): void => {
      if (typeof record.seconds === "number") last = record;
      if (validation !== undefined) history = withRecord(validation, history, record);
    };
    const log = yield* openMetrics(places.metrics, { resumeAt: Number(saved?.metadata.step ?? 0), read });
    const shorter = saved === undefined ? yield* openShorter(training) : undefined;
    if (shorter !== undefined) {
      const step = Number(shorter.metadata.step);
      yield* copyMetrics(log, places.extend!.metrics, step, read);
      yield* syncMetrics(log);
      yield* saveState(training, shorter, step);
      saved = shorter;
    }
    const from = Number(saved?.metadata.step ?? 0);
    if (saved !== undefined) yield* keepCheckpoint(training, history, from);
    const done = (steps: number): Effect.Effect<Trained, TrainError, Scope.Scope> =>
      Effect.gen(function* () {
        const { best } = history, stopped = endsEarly(training, history);
        const isLast = training.result?.checkpoint !== "best" || best === undefined || best.step === steps;
        const { arrays } = yield* open(isLast ? places.checkpoint : keptPath(places.checkpoint, "best"));
        return {
          params: paramsOf(arrays, training),
          steps,
          ...(stopped === undefined || steps === total ? {} : { stopped }),
          metrics: places.metrics,
          wallSeconds: (performance.now() - began) / 1000,
        };
      });
    const validated = !isDue(training, from) || history.validated >= from;
    if (saved !== undefined && validated && (from >= total || endsEarly(training, history) !== undefined)) {
      yield* agree({ kind: "end" });
      return yield* done(from);
    }
    const device = yield* theDevice();
    if (training.precision === "mixed" && !device.profile.f16) {
      return yield* Effect.fail(noHalf(stage, device.profile.name, from));
    }
    yield* agree({ kind: "begin" });
    // compiling takes seconds, and there is nothing to save yet
    const programs = yield* openToSignals(loadPrograms(training));
    const loaded = validation &&
      (yield* openToSignals(loadValidation(training, validation, programs.main)));
    yield* writeState(programs, training.initial, saved);
    yield* beginAll(training, programs, saved);
    const live = yield* openLiveTail(places.metrics);
    const report = yield* startProgress({ stage, total, from, unit: work.unit }, places.sink);
    const at: Position = { known: from, submitted: from, done: 0, windowBegan: began, first: true };
    const run: Running<B, E, R> = {
      training,
      programs,
      log,
      live,
      report,
      at,
      last,
      loaded,
      history,
      saved: saved && from,
    };
    // several ranks end after the same step, so that none is interrupted by itself
    const stopped = yield* size > 1 ? Effect.uninterruptible(loop(run)) : loop(run).pipe(
      Effect.onInterrupt(() =>
        Effect.andThen(settle(run), keep(run)).pipe(
          Effect.catch((error) => Effect.logWarning(`${stage} is not saved: ${String(error)}`)),
        )
      ),
    );
    yield* agree({ kind: "end" });
    if (stopped) return yield* Effect.interrupt;
    history = run.history;
    return yield* done(at.known);
  }));

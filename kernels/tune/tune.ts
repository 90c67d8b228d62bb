/** Tuning on a device: every form of kernel of a program, those that take most of its time first, within a budget. */
import { i32, type NdArray, ndarray, sizeOf, type Tensor, type TreeError } from "@chain-of-sight/core";
import * as Clock from "effect/Clock";
import * as Effect from "effect/Effect";
import { type Device, theDevice } from "../device/device.ts";
import type { DeviceError } from "../device/errors.ts";
import type { Program } from "../device/program.ts";
import { kernelLabel, type PlainKernel } from "../graph/kernel.ts";
import { explain } from "../plan/explain.ts";
import { compile, type CompileOptions, type Plan, type Source } from "../plan/plan.ts";
import { stepsOf } from "../plan/steps.ts";
import { kernelSubject, splitKSubject, type Subject } from "./alone.ts";
import { type Measurements, searchSpace } from "./search.ts";
import { schedulesOf, type Tuned, type TuningTable } from "./table.ts";

/** Options of the tuning, and for how long. */
export interface TuneOptions {
  /** Seconds for all of it. The form in work when they are over is finished with what was measured. */
  readonly budget: number;
  /** What is known already: its forms are not measured again. */
  readonly known: TuningTable;
  /** Switches of the compiler. */
  readonly options?: CompileOptions;
  /** Called with every form that was tuned. */
  readonly onTuned?: (form: string, tuned: Tuned) => void;
}

/** What tuning did. */
export interface TuneReport {
  /** New entries, by form. */
  readonly entries: TuningTable["entries"];
  /** Forms that there was no time for. */
  readonly left: number;
}

/** Comparisons of a winner with the untuned schedule. */
const PAIRS = 9;

/** Maximum number of elements of an operand that are filled with numbers; more stay zero. */
const MAX_FILLED = 2 ** 24;

/** Minimum number of seconds between two waits where a device has no clock of its own. */
const MINIMUM = 0.05;

const filled = (t: Tensor): NdArray | undefined => {
  const n = sizeOf(t.shape);
  if (t.dtype !== "f32" || n > MAX_FILLED) return undefined;
  const data = new Float32Array(n);
  for (let i = 0, x = 1; i < n; i++) {
    x = Math.imul(x, 1664525) + 1013904223 | 0;
    data[i] = x / 2 ** 31;
  }
  return ndarray("f32", t.shape, data);
};

/** The segments that attention kernels of a plan read. */
const segmentTables = ({ kernels }: Plan): ReadonlySet<Tensor> =>
  new Set(
    kernels.flatMap((kernel) =>
      kernel.kind === "attention" && kernel.segments?.from.kind === "load" ? [kernel.segments.from.from] : []
    ),
  );

/** Segments `[b, 3, s]` of rows that are one segment each: with none, attention would have nothing to do. */
const wholeRows = ({ shape }: Tensor): NdArray => {
  const s = shape.at(-1)!, lines = [1, 0, s];
  return i32(shape, Array.from({ length: sizeOf(shape) }, (_, i) => lines[Math.floor(i / s) % 3]!));
};

const loaded = (plan: Plan) =>
  Effect.gen(function* () {
    const program = yield* (yield* theDevice()).load(plan), segments = segmentTables(plan);
    for (const [path, t] of Object.entries(plan.inputs)) {
      const value = segments.has(t) ? wholeRows(t) : filled(t);
      if (value !== undefined) yield* program.write({ [path]: value });
    }
    return program;
  });

/** Seconds by the difference of two numbers of repeats, between two waits each. */
const byDifference = (program: Program) =>
  Effect.gen(function* () {
    const name = Object.keys(program.plan.outputs)[0]!;
    const window = (runs: number) =>
      Effect.gen(function* () {
        const began = yield* Clock.currentTimeNanos;
        for (let i = 0; i < runs; i++) yield* program.run;
        yield* program.read([name]);
        return Number((yield* Clock.currentTimeNanos) - began) / 1e9;
      });
    const once = yield* window(1);
    for (let runs = 4;; runs *= 2) {
      const more = yield* window(runs);
      if (more - once >= MINIMUM || runs >= 4096) return Math.max(1e-9, (more - once) / (runs - 1));
    }
  });

/** Seconds of a program, from the device's clock where it has one. */
const secondsOf = (program: Program, repeats: number) =>
  program.profile(repeats).pipe(
    Effect.map((timed) => timed.reduce((n, k) => n + k.seconds, 0)),
    Effect.catchIf((e) => e.fault === "refused", () => byDifference(program)),
  );

/** What a device will not run, though its limits allow it; other failures end the tuning. */
const impossible = (e: DeviceError | TreeError): boolean =>
  "fault" in e && (["rejected kernel", "refused", "out of memory"] as readonly unknown[]).includes(e.fault);

const measurements = (
  { under }: Subject,
  until: number,
): Measurements<DeviceError | TreeError, Device> => ({
  seconds: (s, repeats) =>
    Effect.scoped(Effect.gen(function* () {
      return yield* secondsOf(yield* loaded(under(s)), repeats);
    })).pipe(
      Effect.catchIf(impossible, () => Effect.succeed(Infinity)),
    ),
  paired: (a, b) =>
    Effect.scoped(Effect.gen(function* () {
      const first = yield* loaded(under(a)), second = yield* loaded(under(b));
      const pairs: (readonly [number, number])[] = [];
      for (let i = 0; i < PAIRS; i++) {
        // whatever runs second may find a warmer device
        if (i % 2 === 0) {
          const x = yield* secondsOf(first, 1);
          pairs.push([x, yield* secondsOf(second, 1)]);
        } else {
          const y = yield* secondsOf(second, 1);
          pairs.push([yield* secondsOf(first, 1), y]);
        }
      }
      return pairs;
    })).pipe(
      // no room for both at once: nothing is known, and nothing is kept
      Effect.catchIf(impossible, () => Effect.succeed<readonly (readonly [number, number])[]>([])),
    ),
  timeLeft: Effect.map(Clock.currentTimeMillis, (now) => now < until),
});

interface Weighed {
  readonly subject: Subject;
  readonly seconds: number;
  readonly count: number;
}

/** Seconds of one kernel by label: of a profile of the whole program, or in proportion to its work without one. */
const secondsByLabel = (plan: Plan) =>
  Effect.scoped(Effect.flatMap(loaded(plan), (program) => program.profile(1))).pipe(
    Effect.catchIf(
      impossible,
      () =>
        Effect.succeed(
          explain(plan).kernels.map((k) => ({ ...k, seconds: 1e-13 * k.flops + 1e-12 * k.bytes })),
        ),
    ),
    Effect.map((timed) => new Map(timed.map((k) => [k.label, k.seconds / k.count]))),
  );

/** Subjects that are not known yet, with their untuned times, those that take most of a run first. */
const weighed = (
  plan: Plan,
  known: TuningTable["entries"],
  subjectOf: (k: PlainKernel) => Subject | undefined,
) =>
  Effect.gen(function* () {
    const found = new Map<string, Weighed>();
    const subjects = stepsOf(plan).flatMap(({ kernel }) => {
      const subject = subjectOf(kernel);
      return subject === undefined || Object.hasOwn(known, subject.form) ? [] : [{ kernel, subject }];
    });
    if (subjects.length === 0) return [];
    const seconds = yield* secondsByLabel(plan);
    for (const { kernel, subject } of subjects) {
      const before = found.get(subject.form) ??
        { subject, count: 0, seconds: seconds.get(kernelLabel(kernel)) ?? 0 };
      found.set(subject.form, { ...before, count: before.count + 1 });
    }
    return [...found.values()].toSorted((a, b) => b.count * b.seconds - a.count * a.seconds);
  });

/**
 * Tunes a program on the device of the context. First split-K of products, then every kernel of what they become.
 * Each gets time in proportion to what it takes of a run.
 */
export const tune = (
  source: Source,
  { budget, known, options = {}, onTuned }: TuneOptions,
): Effect.Effect<TuneReport, DeviceError | TreeError, Device> =>
  Effect.gen(function* () {
    const { profile } = yield* theDevice(), began = yield* Clock.currentTimeMillis;
    const entries: Record<string, Tuned> = {};
    let left = 0;
    const stages = [
      {
        share: 0.2,
        subjectOf: (k: PlainKernel) => k.kind === "contraction" ? splitKSubject(k, profile) : undefined,
      },
      { share: 1, subjectOf: (k: PlainKernel) => kernelSubject(k, profile) },
    ];
    for (const { share, subjectOf } of stages) {
      const until = began + 1000 * budget * share;
      const before = { ...known, entries: { ...known.entries, ...entries } };
      const plan = compile(source, profile, { ...options, schedules: schedulesOf(before) });
      const found = yield* weighed(plan, before.entries, subjectOf);
      let rest = found.reduce((n, w) => n + w.count * w.seconds, 0);
      for (const { subject, count, seconds } of found) {
        const now = yield* Clock.currentTimeMillis, weight = count * seconds / Math.max(1e-12, rest);
        rest -= count * seconds;
        if (now >= until) {
          left++;
          continue;
        }
        const result = yield* searchSpace(subject.space, measurements(subject, now + weight * (until - now)));
        // a search that was cut short and found nothing says nothing
        if (!result.complete && result.ratio === 1) {
          left++;
          continue;
        }
        const tuned: Tuned = {
          schedule: result.schedule,
          ratio: result.ratio,
          untuned: seconds,
          tried: result.tried,
        };
        entries[subject.form] = tuned;
        onTuned?.(subject.form, tuned);
      }
    }
    return { entries, left };
  });

/** The live line of a schedule: how much of all work is done, and what is running. */
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { bar, duration, type ProgressSink } from "../terminal/progress.ts";
import { oneLine, visible } from "../terminal/visible.ts";
import { follow, noSeries, type Series } from "../runs/tail.ts";
import { artefactPath } from "./artefact.ts";
import { type Job, trainBefore } from "./jobs.ts";
import type { JobEvent } from "./scheduler.ts";
import { workOf } from "./work.ts";

/** Words for a job; a shared one is named by the arm that first wanted it. */
export const labelOf = ({ name, resolved: { experiment: { name: arm, seed } }, images }: Job): string =>
  images === undefined
    ? `${name} ${arm}, seed ${seed}`
    : `${name} of ${images.split} at ${images.side} px${images.tiles === 1 ? "" : " in tiles"}`;

/** Steps of a job's training, 0 for other jobs. */
export const stepsOf = (
  { kind, stage, resolved: { experiment: { stages, model: { vision } } } }: Job,
): number => {
  const spec = stages[stage];
  return spec !== undefined && "train" in spec
    ? spec.train.steps
    : kind === "vision" && vision.from === "fresh"
    ? vision.steps
    : 0;
};

/** Share of a training's work that the evaluation after it is about. */
const ASKING = 0.5;

/** Roughly how much work a job is, in operations; only the remaining time rests on it. */
const weightOf = ({ kind, stage, resolved }: Job): number => {
  if (kind !== "train" && kind !== "evaluate") return 0;
  const { name, steps } = trainBefore(resolved.experiment, stage),
    work = workOf(resolved, name).flops * steps;
  return kind === "train" ? work : ASKING * work;
};

/** A running job. */
export interface Slot {
  /** The job. */
  readonly job: Job;
  /** How many times it was begun. */
  readonly attempt: number;
  /** Its metrics, whichever process writes them. */
  series: Series;
  /** The process that it waits for. */
  waits: string | undefined;
}

/** A live line. */
export interface Live {
  /** What is being run. */
  readonly name: string;
  /** The store, whose metrics tell how far trainings are. */
  readonly store: string;
  /** Where it is shown. */
  readonly sink: ProgressSink;
  /** All jobs. */
  readonly jobs: readonly Job[];
  /** Work of each job by key. */
  readonly weights: ReadonlyMap<string, number>;
  /** When it began, on the sink's clock. */
  readonly began: number;
  /** What is running, by key. */
  readonly slots: Map<string, Slot>;
  /** Jobs that are done. */
  done: number;
  /** Their work. */
  work: number;
  /** The part of it that was done before. */
  found: number;
}

const stepOf = ({ series }: Slot): number => series.records.at(-1)?.step ?? 0;

const shareOf = (slot: Slot): number => {
  const total = stepsOf(slot.job);
  return total === 0 ? 0 : Math.min(1, stepOf(slot) / total);
};

const lossText = ({ series }: Slot): string => {
  const loss = series.records.at(-1)?.loss;
  return typeof loss === "number" ? ` loss ${loss.toPrecision(3)}` : "";
};

/** The line unchanged at a moment, at most `width` places wide. */
export const liveLine = (live: Live, width: number): string => {
  const all = live.jobs.reduce((sum, { key }) => sum + live.weights.get(key)!, 0);
  const inside = [...live.slots.values()].reduce(
    (sum, slot) => sum + shareOf(slot) * live.weights.get(slot.job.key)!,
    0,
  );
  const work = live.work + inside, here = work - live.found, elapsed = live.sink.now() - live.began;
  const share = all === 0 ? live.done / Math.max(1, live.jobs.length) : work / all;
  const left = here > 0 ? `ETA ${duration(elapsed / here * (all - work))}` : "";
  const running = [...live.slots.values()].map((slot) => {
    const steps = stepsOf(slot.job);
    const at = slot.waits !== undefined
      ? " (another process makes it)"
      : steps === 0
      ? ""
      : ` ${stepOf(slot)}/${steps}${lossText(slot)}`;
    return `${labelOf(slot.job)}${at}`;
  });
  const parts = [`${live.done}/${live.jobs.length}`, ...running, duration(elapsed), left].filter((x) =>
    x !== ""
  );
  const text = `${live.name} ${bar(share, 16)} ${Math.floor(100 * share)} % · ${parts.join(" · ")}`;
  return [...oneLine(text)].slice(0, width).join("");
};

const show = (live: Live, said: string): void => {
  const { sink } = live, text = visible(said);
  sink.write(sink.isTerminal() ? `\r\u001b[2K${text}\n${liveLine(live, sink.width() - 1)}` : `${text}\n`);
};

const draw = (live: Live): void =>
  live.sink.write(`\r\u001b[2K${liveLine(live, Math.max(20, live.sink.width() - 1))}`);

/** Tells the line what happened. */
export const onJobEvent = (live: Live, event: JobEvent): Effect.Effect<void> =>
  Effect.sync(() => {
    const { job } = event, weight = live.weights.get(job.key)!;
    const count = (): string => `${live.done}/${live.jobs.length}`;
    switch (event.kind) {
      case "found":
        live.done++;
        live.work += weight;
        live.found += weight;
        return;
      case "started":
        live.slots.set(job.key, { job, attempt: event.attempt, series: noSeries, waits: undefined });
        break;
      case "waiting": {
        const slot = live.slots.get(job.key), first = slot?.waits === undefined;
        if (slot !== undefined) slot.waits = event.holder;
        if (first) show(live, `${labelOf(job)}: waits for ${event.holder}`);
        return;
      }
      case "again":
        show(live, `${labelOf(job)}: ${event.error.got}; again in ${event.seconds} s`);
        return;
      case "done":
        live.slots.delete(job.key);
        live.done++;
        live.work += weight;
        show(live, `${count()} ${labelOf(job)} · ${duration(live.sink.now() - live.began)}`);
        return;
      case "failed":
        live.slots.delete(job.key);
        show(live, `${labelOf(job)} failed: ${event.error.message}`);
        return;
      case "skipped":
        show(live, `${labelOf(job)} is left out, as it needs ${labelOf(event.because)}`);
        return;
    }
    if (live.sink.isTerminal()) draw(live);
  });

const look = (live: Live): Effect.Effect<void> =>
  Effect.promise(async () => {
    for (const slot of live.slots.values()) {
      const path = `${artefactPath(live.store, slot.job)}/metrics/${slot.job.name}.jsonl`;
      const before = slot.series;
      // not there before its first step; whatever else is wrong with it is its job's to tell
      slot.series = await follow(path, before).catch(() => before);
      if (slot.series !== before) slot.waits = undefined;
    }
    draw(live);
  });

/** Shows a live line until the scope ends: redrawn every second on a terminal, a line per finished job elsewhere. */
export const startLive = (
  name: string,
  store: string,
  jobs: readonly Job[],
  sink: ProgressSink,
): Effect.Effect<Live, never, Scope.Scope> =>
  Effect.gen(function* () {
    const live: Live = {
      name,
      store,
      sink,
      jobs,
      weights: new Map(jobs.map((job) => [job.key, weightOf(job)])),
      began: sink.now(),
      slots: new Map(),
      done: 0,
      work: 0,
      found: 0,
    };
    if (sink.isTerminal()) {
      yield* Effect.forkScoped(Effect.forever(Effect.andThen(look(live), Effect.sleep("1 second"))));
      yield* Effect.addFinalizer(() => Effect.sync(() => sink.write("\n")));
    }
    return live;
  });

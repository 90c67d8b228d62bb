/** What a run of one experiment leaves behind as `summary.json`: losses of its trainings, scores, and what became of its data. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import type { DecodeError } from "../base/bridge.ts";
import type { DiskError } from "../base/disk.ts";
import { readJson, writeJson } from "../runs/run_directory.ts";
import { type Experiment, stageName } from "./experiment.ts";
import type { PartScores } from "./mixture_evaluate.ts";
import type { MixtureSummary } from "./mixture_summary.ts";
import type { RunResults } from "./run.ts";

/** `summary.json` of a run of one experiment. */
export interface RunSummary {
  /** Numbers of every stage by its name: losses and seconds of a step of trainings, scores of evaluations. */
  readonly stages: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Result of the mixtures, by the stage that reads each. */
  readonly mixtures: Readonly<Record<string, MixtureSummary>>;
  /** Scores by part of the mixtures of evaluations. */
  readonly scores: Readonly<Record<string, PartScores>>;
}

// Of a file that this library wrote: that its parts are there.
const summaryType = t.type({ stages: t.UnknownRecord, mixtures: t.UnknownRecord, scores: t.UnknownRecord });

/** Codec of {@link RunSummary}. */
export const runSummaryCodec = (): t.Type<RunSummary, unknown, unknown> =>
  summaryType as unknown as t.Type<RunSummary, unknown, unknown>;

/** Summarises a run of one experiment, and writes it. */
export const summariseRun = (
  { stages }: Experiment,
  { directory, results }: RunResults,
): Effect.Effect<RunSummary, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const mixtures: Record<string, MixtureSummary> = {}, scores: Record<string, PartScores> = {};
    for (const spec of stages) {
      const name = stageName(spec), file = `${directory.samples}/${name}.json`;
      if ("train" in spec && typeof spec.train.data === "string") {
        mixtures[name] = (yield* readJson(file, t.UnknownRecord)) as unknown as MixtureSummary;
      }
      if ("evaluate" in spec && "benchmarks" in spec.evaluate) {
        const asked = yield* readJson(file, t.type({ mixture: t.UnknownRecord, scores: t.UnknownRecord }));
        mixtures[name] = asked.mixture as unknown as MixtureSummary;
        Object.assign(scores, asked.scores);
      }
    }
    const numbers = stages.map((spec) => [stageName(spec), results[stageName(spec)]?.numbers ?? {}] as const);
    const summary: RunSummary = { stages: Object.fromEntries(numbers), mixtures, scores };
    yield* writeJson(`${directory.path}/summary.json`, summary);
    return summary;
  });

/** A run as the board sees it: what its files say, and what follows from them. */
import type { AblationRecord } from "../engine/ablation_record.ts";
import type { Manifest, StageEntry } from "../runs/manifest.ts";
import { own, valueAt } from "../base/fields.ts";
import { median } from "../base/quantile.ts";
import type { RunScores, Scores } from "../runs/run_scores.ts";
import type { RunStatus } from "../runs/status.ts";
import type { Series } from "../runs/tail.ts";

/** A run. */
export interface RunView {
  /** Its folder below the runs folder, with slashes. */
  readonly id: string;
  /** Its scores by name; of a run with several arms the best. */
  readonly scores: Scores;
  /** Its scores by arm and name. */
  readonly arms: RunScores["arms"];
  /** Intervals around the scores of its arms. */
  readonly intervals: RunScores["intervals"];
  /** Its folder, or what an ablation calls it, if it is an artefact. */
  readonly label: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** How it is. */
  readonly status: RunStatus;
  /** Metrics by stage. */
  readonly series: Readonly<Record<string, Series>>;
  /** Names of its sheets of answers, with their times in milliseconds. */
  readonly sheets: readonly (readonly [name: string, time: number])[];
  /** When something in it last changed, milliseconds. */
  readonly updated: number;
  /** Of an ablation: what was asked for. */
  readonly record?: AblationRecord;
}

/** How far a stage is. */
export interface StageProgress {
  /** The stage. */
  readonly stage: StageEntry;
  /** Its kind, in words. */
  readonly label: string;
  /** Steps done; nothing where none are counted. */
  readonly step: number | undefined;
  /** Steps in all; nothing where the configuration does not say. */
  readonly total: number | undefined;
  /** Metrics of its training, if it is one. */
  readonly series?: Series | undefined;
}

/** The last name of a run's folder: of an artefact, what ablations call it. */
export const nameOf = (id: string): string => id.slice(id.lastIndexOf("/") + 1);

const numberIn = (value: unknown, field: string): number | undefined => {
  const found = typeof value === "object" && value !== null
    ? (value as Readonly<Record<string, unknown>>)[field]
    : undefined;
  return typeof found === "number" ? found : undefined;
};

/** The steps of a stage: of an experiment those of its training of that name, elsewhere those of the configuration. */
export const stepsOf = (config: unknown, stage: string): number | undefined => {
  const stages = valueAt(config, ["stages"]);
  const trains = Array.isArray(stages) ? stages.map((spec) => valueAt(spec, ["train"])) : [];
  const inner = trains.find((train) => valueAt(train, ["name"]) === stage);
  return numberIn(inner, "steps") ?? numberIn(config, "steps") ??
    (stage === "vision" ? numberIn(valueAt(config, ["model", "vision"]), "steps") : undefined);
};

/** How far every stage of a run is; of an ablation, its jobs, whose metrics are those of artefacts among `all`. */
export const progressOf = (run: RunView, all: readonly RunView[] = []): readonly StageProgress[] => {
  const { manifest, series, record } = run, jobs = new Map(record?.jobs.map((job) => [job.artefact, job]));
  return manifest.stages.map((stage) => {
    const job = jobs.get(stage.name);
    if (job === undefined) {
      const mine = own(series, stage.name), step = mine?.records.at(-1)?.step;
      return {
        series: mine,
        stage,
        label: stage.name,
        step,
        total: step === undefined ? undefined : stepsOf(manifest.config, stage.name),
      };
    }
    const made = all.find(({ id }) => nameOf(id) === stage.name);
    const trained = Object.values(made?.series ?? {})[0], step = trained?.records.at(-1)?.step;
    return {
      series: trained,
      stage,
      label: job.label,
      step,
      total: step === undefined ? undefined : job.steps,
    };
  });
};

/** Steps whose median time an estimate takes. */
const RECENT = 50;

/** Seconds that a running stage still takes at the speed of its latest steps; nothing where that is not known. */
export const secondsLeft = ({ stage, step, total, series }: StageProgress): number | undefined => {
  if (stage.status !== "running" || step === undefined || total === undefined || step >= total) {
    return undefined;
  }
  const seconds =
    series?.records.slice(-RECENT).flatMap((record) =>
      typeof record.seconds === "number" && record.warmup !== true ? [record.seconds] : []
    ) ?? [];
  return seconds.length === 0 ? undefined : (total - step) * median(seconds);
};

/** The share of its stages that a run has done, those that are going on by their steps. */
export const shareDone = (run: RunView, among: readonly RunView[] = []): number => {
  const all = progressOf(run, among);
  const done = all.map(({ stage, step, total }) =>
    stage.status === "done"
      ? 1
      : step !== undefined && total !== undefined && total > 0
      ? Math.min(1, step / total)
      : 0
  );
  return done.reduce<number>((sum, share) => sum + share, 0) / Math.max(1, all.length);
};

/** The summary of an ablation from the results of its artefacts. */
import * as Effect from "effect/Effect";
import { decode, type DecodeError, fromEither } from "../base/bridge.ts";
import { type Interval, meanOf } from "../base/bootstrap.ts";
import { type DiskError, existing } from "../base/disk.ts";
import type { Manifest } from "../runs/manifest.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import { type AblationRecord, recordCodec, type RecordedRun, storeFrom } from "../engine/ablation_record.ts";
import { type ArtefactResult, readResult } from "../engine/artefact.ts";
import { stageKind, stageName } from "../engine/experiment.ts";
import {
  type MetricInfo,
  metricInfos,
  type SampleScore,
  type SampleScores,
  scoresOfSamples,
} from "../engine/sample_scores.ts";
import { stageCommand } from "./commands.ts";
import { ablationCodec, type AblationConfig, type Arm, experimentOf } from "./config.ts";
import { configOfArm } from "./families.ts";
import { pairedCodec, type PairedTimes, TIMES } from "./paired.ts";
import { differenceWithInterval, type Draws, drawsOf, meanWithInterval } from "./statistics.ts";
import {
  type AblationSummary,
  type ArmSummary,
  type Failure,
  type Origin,
  type SeedResult,
} from "./summary_types.ts";

/** An ablation as its directory holds it. */
export interface StoredAblation {
  /** Its directory. */
  readonly directory: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Its configuration. */
  readonly config: AblationConfig;
  /** What was asked for, and which artefacts it has. */
  readonly record: AblationRecord;
  /** The store, as a path from here. */
  readonly store: string;
  /** Its arms side by side, once they are timed. */
  readonly times?: PairedTimes;
}

/** What reading an ablation can fail with. */
export type StoredError = DecodeError | DiskError | RunError;

/** Reads what an ablation is; its artefacts may be there or not. */
export const readAblation = (directory: string): Effect.Effect<StoredAblation, StoredError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(directory);
    const config = yield* decode(ablationCodec(), `${directory}/manifest.json`)(manifest.config);
    const record = yield* readJson(`${directory}/record.json`, recordCodec());
    const timed = `${directory}/${TIMES}`;
    const times = (yield* existing(timed)) ? { times: yield* readJson(timed, pairedCodec) } : {};
    return { directory, manifest, config, record, store: storeFrom(directory, record.store), ...times };
  });

interface Finished {
  readonly seed: number;
  /** Results of trainings and evaluations by stage. */
  readonly results: Readonly<Record<string, ArtefactResult>>;
  readonly seen: SampleScores;
  readonly controls: Readonly<Record<"blind" | "shuffled", Readonly<Record<string, number>>>>;
  readonly origin: SeedResult["origin"];
}

type Work = AblationRecord["arms"][number];

interface FinishedArm {
  readonly work: Work;
  readonly seeds: readonly Finished[];
}

/** What evaluations found by metric; where there are several, metrics are named by their stage as well. */
const merged = <A>(
  evaluations: readonly (readonly [stage: string, found: Readonly<Record<string, A>>])[],
): Readonly<Record<string, A>> =>
  Object.fromEntries(
    evaluations.flatMap(([stage, found]) =>
      Object.entries(found).map(([metric, value]) =>
        [evaluations.length === 1 ? metric : `${stage}/${metric}`, value] as const
      )
    ),
  );

const finishedRun = (
  { config, store, record }: StoredAblation,
  arm: Arm,
  { seed, artefacts }: RecordedRun,
): Effect.Effect<Finished | undefined, StoredError> =>
  Effect.gen(function* () {
    const { stages } = yield* fromEither(experimentOf(config, arm, seed));
    const results: Record<string, ArtefactResult> = {}, origin: Record<string, Origin> = {};
    for (const spec of stages.filter((one) => stageKind(one) !== "expand")) {
      const stage = stageName(spec), artefact = artefacts[stage]!, path = `${store}/${artefact}`;
      const result = yield* readResult(path);
      if (result === undefined) return undefined;
      const { configHash } = yield* readManifest(path), { dataHash } = result;
      results[stage] = result;
      origin[stage] = {
        artefact,
        configHash,
        dataHash,
        command: stageCommand(record, stage, arm.name, seed),
      };
    }
    const evaluations = Object.entries(results).flatMap(([stage, { outcomes }]) =>
      outcomes === undefined ? [] : [[stage, outcomes] as const]
    );
    const found = <K extends "seen" | "blind" | "shuffled">(which: K) =>
      evaluations.map(([stage, outcomes]) => [stage, outcomes[which]] as const);
    return {
      seed,
      results,
      origin,
      seen: merged<SampleScore>(found("seen")),
      controls: { blind: merged<number>(found("blind")), shuffled: merged<number>(found("shuffled")) },
    };
  });

const trainingsOf = ({ trainings }: Work): readonly string[] => Object.keys(trainings);

const byTraining = <A>(work: Work, of: (stage: string) => A): Readonly<Record<string, A>> =>
  Object.fromEntries(trainingsOf(work).map((stage) => [stage, of(stage)]));

const flopsOf = ({ work }: FinishedArm): number => {
  const { flops, steps } = work.trainings[trainingsOf(work)[0]!]!;
  return flops * steps;
};

const seedResult = ({ seed, results, seen, origin }: Finished, work: Work): SeedResult => ({
  seed,
  scores: scoresOfSamples(seen),
  loss: byTraining(work, (stage) => results[stage]!.numbers.loss ?? NaN),
  secondsPerStep: byTraining(work, (stage) => results[stage]!.numbers.secondsPerStep ?? NaN),
  origin,
});

const bySeed = (seeds: readonly Finished[], metric: string): readonly SampleScore[] =>
  seeds.flatMap(({ seen }) => seen[metric] ?? []);

const inCommon = (a: FinishedArm, b: FinishedArm): readonly [readonly Finished[], readonly Finished[]] => {
  const those = a.seeds.filter(({ seed }) => b.seeds.some((other) => other.seed === seed));
  return [those, those.map(({ seed }) => b.seeds.find((other) => other.seed === seed)!)];
};

const meansOf = (maps: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.keys(maps[0] ?? {}).map((name) => [name, meanOf(maps.map((map) => map[name] ?? NaN))]),
  );

const armSummary = (
  arm: FinishedArm,
  baseline: FinishedArm | undefined,
  metrics: readonly string[],
  draws: (seeds: number, scenes: number) => Draws,
  measured: Interval | undefined,
): ArmSummary => {
  const { work, seeds } = arm;
  const drawsFor = (outcomes: readonly SampleScore[]): Draws =>
    draws(outcomes.length, outcomes[0]!.sums.length);
  const scores = Object.fromEntries(metrics.map((metric) => {
    const outcomes = bySeed(seeds, metric);
    return [metric, meanWithInterval(outcomes, drawsFor(outcomes))];
  }));
  const [mine, theirs] = baseline === undefined ? [[], []] : inCommon(arm, baseline);
  // arms that were asked other questions have no pairs
  const paired = (a: readonly SampleScore[], b: readonly SampleScore[]): boolean =>
    a.every(({ sums }, i) => sums.length === b[i]?.sums.length);
  const difference = baseline === arm || mine.length === 0
    ? {}
    : Object.fromEntries(metrics.flatMap((metric) => {
      const a = bySeed(mine, metric), b = bySeed(theirs, metric);
      return paired(a, b) ? [[metric, differenceWithInterval(a, b, drawsFor(a))] as const] : [];
    }));
  return {
    name: work.arm,
    bridge: work.bridge,
    tokens: byTraining(work, (stage) => work.trainings[stage]!.tokens),
    resolution: byTraining(work, (stage) => work.trainings[stage]!.resolution),
    steps: byTraining(work, (stage) => work.trainings[stage]!.steps),
    time: {
      predicted: baseline === undefined ? NaN : flopsOf(arm) / flopsOf(baseline),
      ...(measured === undefined ? {} : { measured }),
    },
    loss: byTraining(
      work,
      (stage) => meanOf(seeds.map(({ results }) => results[stage]!.numbers.loss ?? NaN)),
    ),
    scores,
    difference,
    controls: {
      blind: meansOf(seeds.map(({ controls }) => controls.blind)),
      shuffled: meansOf(seeds.map(({ controls }) => controls.shuffled)),
    },
    paper: configOfArm(work.arm)?.rows ?? [],
    seeds: seeds.map((finished) => seedResult(finished, work)),
  };
};

/** Metrics that all finished runs have, in the order of tables. */
const metricsIn = (seen: readonly SampleScores[]): readonly MetricInfo[] => {
  const names = Object.keys(seen[0] ?? {}).filter((name) => seen.every((one) => name in one));
  const known = metricInfos.filter(({ name }) => names.includes(name));
  const others = names.filter((name) => !known.some((info) => info.name === name));
  return [...known, ...others.map((name) => ({ name, label: name }))];
};

/** What failed or was left out, by the manifest. */
const failuresOf = ({ manifest, record }: StoredAblation): readonly Failure[] =>
  manifest.stages.flatMap(({ name, status, error }) => {
    const job = record.jobs.find(({ artefact }) => artefact === name);
    return status === "failed"
      ? [{ artefact: name, label: job?.label ?? name, reason: error ?? "unknown" }]
      : [];
  });

/** How often scenes are drawn again for intervals, and by which seed, where no evaluation of the base says it. */
const DRAWS = { resamples: 1000, seed: 1 };

/** The summary of an ablation from what is in its store by now: arms without any finished seed are left out. */
export const summarise = (directory: string): Effect.Effect<AblationSummary, StoredError> =>
  Effect.flatMap(readAblation(directory), summaryOfStored);

/** As {@link summarise}, of an ablation that was read. */
export const summaryOfStored = (stored: StoredAblation): Effect.Effect<AblationSummary, StoredError> =>
  Effect.gen(function* () {
    const { config, record, manifest } = stored, arms: FinishedArm[] = [];
    for (const arm of config.arms) {
      const work = record.arms.find((one) => one.arm === arm.name)!, seeds: Finished[] = [];
      for (const run of record.runs.filter((one) => one.arm === arm.name)) {
        const found = yield* finishedRun(stored, arm, run);
        if (found !== undefined) seeds.push(found);
      }
      if (seeds.length > 0) arms.push({ work, seeds });
    }
    const asked = config.base.stages.flatMap((spec) =>
      "evaluate" in spec && "resamples" in spec.evaluate ? [spec.evaluate] : []
    );
    const { resamples, seed } = asked[0] ?? DRAWS, known = new Map<string, Draws>();
    const draws = (seeds: number, scenes: number): Draws => {
      const key = `${seeds} ${scenes}`, made = known.get(key) ?? drawsOf(seeds, scenes, resamples, seed);
      known.set(key, made);
      return made;
    };
    const baseline = arms.find(({ work }) => work.arm === config.baseline);
    const metrics = metricsIn(arms.flatMap(({ seeds }) => seeds.map(({ seen }) => seen)));
    const names = metrics.map(({ name }) => name);
    const { name, family, preset } = config;
    return {
      format: 2,
      name,
      ...(family === undefined ? {} : { family }),
      ...(preset === undefined ? {} : { preset }),
      seeds: config.seeds,
      baseline: config.baseline,
      device: record.device,
      workers: record.workers,
      codeVersion: manifest.codeVersion,
      configHash: manifest.configHash,
      command: record.command,
      metrics,
      arms: arms.map((arm) => {
        const timed = stored.times?.arms.find((one) => one.arm === arm.work.arm);
        return armSummary(arm, baseline, names, draws, timed?.ratio);
      }),
      failures: failuresOf(stored),
    };
  });

/** The summary of an ablation from the results of its artefacts. */
import * as Effect from "effect/Effect";
import { isAbsolute, join } from "node:path";
import { decode, type DecodeError } from "../base/bridge.ts";
import { meanOf } from "../base/bootstrap.ts";
import type { DiskError } from "../base/disk.ts";
import type { Manifest } from "../runs/manifest.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import { type ArtefactResult, readResult } from "../engine/artefact.ts";
import { ablateCommand, type AblationFlags, stageCommand } from "./commands.ts";
import { ablationCodec, type AblationConfig, experimentOf } from "./config.ts";
import { bridgeAfter } from "../engine/jobs.ts";
import type { Resolved } from "../engine/resolve.ts";
import { trainsOf } from "../engine/experiment.ts";
import { configOfArm } from "./families.ts";
import { metricInfos, type Outcome } from "../engine/outcomes.ts";
import { differenceWithInterval, type Draws, drawsOf, meanWithInterval } from "./statistics.ts";
import {
  type AblationRecord,
  type AblationSummary,
  type ArmSummary,
  type Failure,
  type Origin,
  recordCodec,
  type RecordedRun,
  type SeedResult,
} from "./summary_types.ts";
import { workOf } from "../engine/work.ts";

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
}

/** Where a store lies, given the directory of an ablation and the path from there. */
export const storeFrom = (directory: string, store: string): string =>
  isAbsolute(store) ? store : join(directory, store);

/** What reading an ablation can fail with. */
export type StoredError = DecodeError | DiskError | RunError;

/** Reads what an ablation is; its artefacts may be there or not. */
export const readAblation = (directory: string): Effect.Effect<StoredAblation, StoredError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(directory);
    const config = yield* decode(ablationCodec(), `${directory}/manifest.json`)(manifest.config);
    const record = yield* readJson(`${directory}/record.json`, recordCodec());
    return { directory, manifest, config, record, store: storeFrom(directory, record.store) };
  });

interface Finished {
  readonly seed: number;
  readonly resolved: Resolved;
  readonly results: Readonly<Record<"pretrain" | "finetune" | "evaluate", ArtefactResult>>;
  readonly origin: SeedResult["origin"];
}

interface FinishedArm {
  readonly name: string;
  readonly seeds: readonly Finished[];
}

const stages = ["pretrain", "finetune", "evaluate"] as const;

const finishedRun = (
  { config, store }: StoredAblation,
  asked: AblationFlags,
  { arm: name, seed, artefacts }: RecordedRun,
): Effect.Effect<Finished | undefined, StoredError> =>
  Effect.gen(function* () {
    const results: Partial<Record<(typeof stages)[number], ArtefactResult>> = {};
    const origin: Partial<Record<(typeof stages)[number], Origin>> = {};
    for (const stage of stages) {
      const artefact = artefacts[stage], path = `${store}/${artefact}`;
      const result = yield* readResult(path);
      if (result === undefined) return undefined;
      const { configHash } = yield* readManifest(path);
      results[stage] = result;
      origin[stage] = {
        artefact,
        configHash,
        dataHash: result.dataHash,
        command: stageCommand(asked, stage, name, seed),
      };
    }
    const arm = config.arms.find((one) => one.name === name)!;
    return {
      seed,
      resolved: experimentOf(config, arm, seed),
      results: results as Finished["results"],
      origin: origin as Finished["origin"],
    };
  });

const numberOf = ({ numbers }: ArtefactResult, name: string): number => numbers[name] ?? NaN;

const stepsOf = ({ experiment }: Resolved): number => trainsOf(experiment)[0]!.steps;

const secondsOf = ({ results, resolved }: Finished): number =>
  numberOf(results.pretrain, "secondsPerStep") * stepsOf(resolved);

const workOfArm = ({ seeds }: FinishedArm): number => {
  const { resolved } = seeds[0]!;
  return workOf(resolved, "pretrain").flops * stepsOf(resolved);
};

const seedResult = ({ seed, results, origin }: Finished): SeedResult => ({
  seed,
  scores: results.evaluate.numbers,
  loss: { pretrain: numberOf(results.pretrain, "loss"), finetune: numberOf(results.finetune, "loss") },
  secondsPerStep: {
    pretrain: numberOf(results.pretrain, "secondsPerStep"),
    finetune: numberOf(results.finetune, "secondsPerStep"),
  },
  origin,
});

const bySeed = (seeds: readonly Finished[], metric: string): readonly Outcome[] =>
  seeds.flatMap(({ results }) => results.evaluate.outcomes?.seen[metric] ?? []);

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
): ArmSummary => {
  const { resolved } = arm.seeds[0]!, { model: { bridge }, stages } = resolved.experiment;
  const drawsFor = (outcomes: readonly Outcome[]): Draws => draws(outcomes.length, outcomes[0]!.sums.length);
  const scores = Object.fromEntries(metrics.map((metric) => {
    const outcomes = bySeed(arm.seeds, metric);
    return [metric, meanWithInterval(outcomes, drawsFor(outcomes))];
  }));
  const [mine, theirs] = baseline === undefined ? [[], []] : inCommon(arm, baseline);
  const difference = baseline === arm || mine.length === 0 ? {} : Object.fromEntries(metrics.map((metric) => {
    const a = bySeed(mine, metric), b = bySeed(theirs, metric);
    return [metric, differenceWithInterval(a, b, drawsFor(a))];
  }));
  const seconds = meanOf(arm.seeds.map(secondsOf));
  const controls = (which: "blind" | "shuffled") =>
    meansOf(arm.seeds.map(({ results }) => results.evaluate.outcomes?.[which] ?? {}));
  const named = configOfArm(arm.name);
  return {
    name: arm.name,
    bridge: bridge.kind,
    tokens: {
      pretrain: workOf(resolved, "pretrain").visualTokens,
      finetune: workOf(resolved, "finetune").visualTokens,
    },
    resolution: {
      pretrain: bridgeAfter(resolved, 0).resolution,
      finetune: bridgeAfter(resolved, stages.length - 1).resolution,
    },
    pretrainSteps: stepsOf(resolved),
    time: {
      measured: baseline === undefined ? NaN : seconds / meanOf(baseline.seeds.map(secondsOf)),
      predicted: baseline === undefined ? NaN : workOfArm(arm) / workOfArm(baseline),
      seconds,
    },
    loss: {
      pretrain: meanOf(arm.seeds.map(({ results }) => numberOf(results.pretrain, "loss"))),
      finetune: meanOf(arm.seeds.map(({ results }) => numberOf(results.finetune, "loss"))),
    },
    scores,
    difference,
    controls: { blind: controls("blind"), shuffled: controls("shuffled") },
    paper: arm.name === named?.name ? named.rows : [],
    seeds: arm.seeds.map(seedResult),
  };
};

/** What failed or was left out, by the manifest. */
const failuresOf = ({ manifest, record }: StoredAblation): readonly Failure[] =>
  manifest.stages.flatMap(({ name, status, error }) => {
    const job = record.jobs.find(({ artefact }) => artefact === name);
    return status === "failed"
      ? [{ artefact: name, label: job?.label ?? name, reason: error ?? "unknown" }]
      : [];
  });

/** The summary of an ablation from what stands in its store by now: arms without any finished seed are left out. */
export const summarise = (directory: string): Effect.Effect<AblationSummary, StoredError> =>
  Effect.flatMap(readAblation(directory), summaryOfStored);

/** As {@link summarise}, of an ablation that was read. */
export const summaryOfStored = (stored: StoredAblation): Effect.Effect<AblationSummary, StoredError> =>
  Effect.gen(function* () {
    const { config, record, manifest } = stored;
    const asked: AblationFlags = {
      ...record,
      store: record.storeAsked ?? stored.store,
      family: config.family,
      preset: config.preset,
    };
    const arms: FinishedArm[] = [];
    for (const { name } of config.arms) {
      const seeds: Finished[] = [];
      for (const run of record.runs.filter(({ arm }) => arm === name)) {
        const found = yield* finishedRun(stored, asked, run);
        if (found !== undefined) seeds.push(found);
      }
      if (seeds.length > 0) arms.push({ name, seeds });
    }
    const known = new Map<string, Draws>(), { resamples, seed } = config.evaluate;
    const draws = (seeds: number, scenes: number): Draws => {
      const key = `${seeds} ${scenes}`, made = known.get(key) ?? drawsOf(seeds, scenes, resamples, seed);
      known.set(key, made);
      return made;
    };
    const baseline = arms.find(({ name }) => name === config.baseline);
    const there = arms.flatMap(({ seeds }) =>
      seeds.map(({ results }) => results.evaluate.outcomes?.seen ?? {})
    );
    const metrics = metricInfos.filter(({ name }) => there.length > 0 && there.every((seen) => name in seen));
    const names = metrics.map(({ name }) => name);
    return {
      format: 1,
      family: config.family,
      preset: config.preset,
      seeds: config.seeds,
      baseline: config.baseline,
      device: record.device,
      workers: record.workers,
      codeVersion: manifest.codeVersion,
      configHash: manifest.configHash,
      command: ablateCommand(asked, config.seeds),
      metrics,
      arms: arms.map((arm) => armSummary(arm, baseline, names, draws)),
      failures: failuresOf(stored),
    };
  });

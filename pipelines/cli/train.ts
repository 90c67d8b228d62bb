/**
 * Runs an experiment that a JSON file describes: models, data and stages of your own.
 *
 *     deno task cos train run.json [--device auto|webgpu|dawn|cpu] [--out folder] [--store folder] [--cache folder]
 *         [--set field=value ...] [--sweep field=a,b,c ...] [--seeds N] [--log tensorboard,mlflow] [--extend run]
 *         [--ranks N] [--shard-optimiser] [--watchdog seconds] [--slurm nodes=2,... [--dry-run] [--requeues N]] [--check] [--json]
 *     deno task cos train --init folder
 *
 * `--init` writes a complete example with comments, images, annotations and a tokenizer, which trains at once.
 *
 * Ctrl-C saves; the same command goes on from there. With `--check` the mixtures are opened and reported, no more.
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import { Argument, Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import member from "../deno.json" with { type: "json" };
import { fromEither } from "../base/bridge.ts";
import { ensureReportPage } from "../report/write.ts";
import { DEFAULT_CACHE } from "../engine/context.ts";
import { type Experiment, stageName } from "../engine/experiment.ts";
import { writeExample } from "../engine/example.ts";
import { loadExperiment } from "../engine/load.ts";
import type { PartScores } from "../engine/mixture_evaluate.ts";
import { type MixtureSummary, mixtureSummary } from "../engine/mixture_summary.ts";
import { resolve } from "../engine/resolve.ts";
import { runExperiment } from "../engine/run.ts";
import { type RunSummary, runSummaryCodec, summariseRun } from "../engine/summary.ts";
import { gridOf } from "../engine/sweep.ts";
import type { ScoreReport } from "../eval/report.ts";
import { loadMixture } from "../mixtures/mixture_config.ts";
import { openMixture } from "../mixtures/mixture_open.ts";
import { ablateHere } from "../ablations/ablate.ts";
import { ablationOn, defaultDirectory } from "../ablations/ablation.ts";
import { ablationCommand } from "../ablations/commands.ts";
import type { Arm } from "../ablations/config.ts";
import { settingsOf } from "../configs/override.ts";
import { stderrSink } from "../terminal/progress.ts";
import { table } from "../terminal/table.ts";
import { withExtended } from "../train/extend.ts";
import { tuned } from "../tune/store.ts";
import { withDownloads } from "../weights/huggingface/hub.ts";
import { notice, print } from "../terminal/output.ts";
import { bare, computeFlag, downloadFlag, halfSumsFlag, jsonFlag, logFlag, setFlag, shown } from "./flags.ts";
import { compared, seedsFlag, storeFlag, sweepFlag } from "./experiment_flags.ts";
import { readJson } from "../runs/run_directory.ts";
import { asSlurmJob, comparedBySlurm, slurmFlags } from "./slurm.ts";
import { onRanks, rankFlags, ranksAsked, threadsOf } from "./ranks.ts";
import { UsageError } from "./usage.ts";

const parts = {
  config: Argument.String("file").pipe(
    Argument.optional,
    Argument.withDescription("experiment file: model, data and stages"),
  ),
  device: computeFlag,
  halfSums: halfSumsFlag,
  out: Flag.String("out").pipe(
    Flag.optional,
    Flag.withDescription("run directory; runs/<name>-<seed> by default"),
  ),
  set: setFlag,
  sweep: sweepFlag,
  seeds: seedsFlag,
  store: storeFlag,
  cache: Flag.String("cache").pipe(
    Flag.withDefault(DEFAULT_CACHE),
    Flag.withDescription("cache folder of prepared annotations and features, shared between runs"),
  ),
  init: Flag.String("init").pipe(
    Flag.optional,
    Flag.withDescription("write an example experiment into this folder, and exit"),
  ),
  check: Flag.Boolean("check").pipe(
    Flag.withDefault(false),
    Flag.withDescription("validate the mixtures, report accepted and refused records, and exit"),
  ),
  log: logFlag,
  extend: Flag.String("extend").pipe(
    Flag.optional,
    Flag.withDescription(
      "directory of a run whose trainings are gone on with where the number of steps is all that differs: of those with " +
        "a constant or wsd schedule, up to their decay",
    ),
  ),
  download: downloadFlag,
  ...rankFlags,
  ...slurmFlags,
  json: jsonFlag,
};

/** Result of the parts of mixtures, as a table and the first refusals. */
const partsText = (mixtures: Readonly<Record<string, MixtureSummary>>): string => {
  const all = Object.entries(mixtures).flatMap(([stage, of]) =>
    Object.entries(of).map(([name, part]) => ({ stage, name, ...part }))
  );
  const rows = all.map(({ stage, name, examples, undecodable, report }) => [
    stage,
    name,
    report.entries,
    report.refused,
    Object.values(report.leftOut).reduce((a, b) => a + b, 0),
    undecodable,
    examples,
  ]);
  const head = ["stage", "part", "entries", "refused", "left out", "undecodable", "examples"];
  const lengths = all.flatMap(({ stage, name, lengths }) =>
    lengths === undefined
      ? []
      : [`${stage} ${name}: ${
        Object.entries(lengths).map(([length, count]) => `${count} rows of ${length}`).join(", ")
      }`]
  );
  return [table(head, rows), ...lengths, ...all.flatMap(({ report }) => report.refusals.slice(0, 3))].join(
    "\n",
  );
};

const per = (count: number, of: number): string => `${(100 * count / of).toFixed(1)} %`;

/** What a score rests on: questions that were not asked, and images that training had shown. */
const scoreNotes = (name: string, { asked, leftOut, images }: PartScores): readonly string[] => {
  const lost = Object.values(leftOut).reduce((a, b) => a + b, 0);
  const reasons = Object.entries(leftOut).map(([reason, count]) => `${count} ${reason}`).join(", ");
  return [
    ...(lost === 0
      ? []
      : [`${name}: ${per(lost, asked + lost)} of its questions were not asked: ${reasons}`]),
    ...(images.trained === 0
      ? []
      : [`${name}: ${images.trained} of its ${images.asked} images are images of the training data too`]),
  ];
};

const scoresText = ({ scores }: Pick<RunSummary, "scores">): string => {
  const value = (report: ScoreReport | null): string =>
    report === null ? "" : (report.values[report.main] ?? NaN).toFixed(4);
  const parts = Object.entries(scores);
  return [
    table(
      ["part", "benchmark", "questions", "left out", "score", "of other images"],
      parts.map(([name, { benchmark, scores, shuffled, asked, leftOut }]) => [
        name,
        `${benchmark} ${scores.main}`,
        asked,
        Object.values(leftOut).reduce((a, b) => a + b, 0),
        value(scores),
        value(shuffled),
      ]),
    ),
    ...parts.flatMap(([name, part]) => scoreNotes(name, part)),
  ].join("\n");
};

/** Losses and scores of every stage. */
const stagesText = ({ stages }: RunSummary): string =>
  table(
    ["stage", "number", "value"],
    Object.entries(stages).flatMap(([stage, numbers]) =>
      Object.entries(numbers).map(([name, value]) => [stage, name, Number(value.toPrecision(5))])
    ),
  );

const summaryText = (summary: RunSummary): string =>
  [
    ...(Object.keys(summary.mixtures).length > 0 ? [partsText(summary.mixtures)] : []),
    stagesText(summary),
    ...(Object.keys(summary.scores).length > 0 ? [scoresText(summary)] : []),
  ].join("\n");

const checked = ({ stages }: Experiment, cache: string) =>
  Effect.map(
    Effect.forEach(stages, (spec) => {
      const data = "train" in spec
        ? { "": spec.train.data, ", held out": spec.train.heldOut }
        : "evaluate" in spec
        ? { "": spec.evaluate.data }
        : {};
      return Effect.forEach(
        Object.entries(data).flatMap(([which, file]) =>
          typeof file === "string" ? [[which, file] as const] : []
        ),
        ([which, file]) =>
          Effect.map(
            Effect.flatMap(loadMixture(file), (of) => openMixture(of, cache)),
            (mixture) => [`${stageName(spec)}${which}`, mixtureSummary(mixture)] as const,
          ),
      );
    }),
    (all) => Object.fromEntries(all.flat()),
  );

/** The arms of a sweep: settings that make of the experiment what the file is with each combination of values. */
const armsOf = (path: string, base: Experiment, set: readonly string[], sweep: readonly string[]) =>
  Effect.flatMap(
    fromEither(gridOf(sweep)),
    (points) =>
      Effect.forEach(points, ({ name, settings }) =>
        Effect.map(
          loadExperiment(path, [...set, ...settings]),
          (one): Arm => ({ name: name === "" ? base.name : name, settings: settingsOf(base, one) }),
        )),
  );

const noFile = (): UsageError =>
  new UsageError({
    op: "train",
    got: "no file",
    expected: "the file of an experiment, such as run.json",
    hint: "write one with: deno task cos train --init my-run",
  });

const oneTraining = (): UsageError =>
  new UsageError({
    op: "train --ranks or --slurm",
    got: "--check, or a sweep or seeds alongside --ranks, or alongside --slurm with --half-sums or --extend",
    expected: "experiments that are trained, one of them on several ranks, and several as they are",
    hint: "leave one of them out; a sweep runs as jobs of Slurm with --slurm alone",
  });

/** The command. */
export const command = Command.make(
  "train",
  parts,
  (
    {
      config: file,
      init,
      device,
      halfSums,
      out,
      set,
      sweep,
      seeds,
      store,
      cache,
      check,
      log,
      extend,
      download,
      ranks: count,
      watchdog,
      shardOptimiser: shards,
      slurm,
      dryRun,
      requeues,
      json,
    },
  ) =>
    Effect.scoped(Effect.gen(function* () {
      if (Option.isSome(init)) {
        const written = yield* writeExample(init.value);
        print(json ? JSON.stringify({ file: written }) : written);
        return notice(`train it: deno task cos train ${written} --device cpu`);
      }
      if (Option.isNone(file)) return yield* Effect.fail(noFile());
      const path = file.value;
      const several = Option.isSome(count) || Option.isSome(slurm);
      const compares = sweep.length > 0 || Option.isSome(seeds);
      const alone = Option.isSome(count) || (Option.isSome(slurm) && (halfSums || Option.isSome(extend)));
      if ((several && check) || (alone && compares)) return yield* Effect.fail(oneTraining());
      const experiment = yield* loadExperiment(path, set);
      const directory = Option.getOrElse(out, () => `runs/${experiment.name}-${experiment.seed}`);
      if (Option.isSome(slurm) && !compares) {
        if (yield* asSlurmJob(slurm.value, experiment, { out: directory, dryRun, requeues, shards })) {
          const summary = yield* readJson(`${directory}/summary.json`, runSummaryCodec());
          print(json ? JSON.stringify(summary, null, 2) : summaryText(summary));
        }
        return;
      }
      const ranks = yield* ranksAsked(experiment, count, { watchdog, shards });
      const resolved = yield* resolve(experiment, cache);
      if (check) {
        const mixtures = yield* checked(experiment, cache);
        return print(json ? JSON.stringify(mixtures, null, 2) : partsText(mixtures));
      }
      const going = <A, E, R>(run: Effect.Effect<A, E, R>) =>
        shown(
          log,
          Option.match(extend, { onNone: () => run, onSome: (from) => withExtended(bare(from), run) }),
        );
      if (compares) {
        const arms = yield* armsOf(path, experiment, set, sweep);
        const config = yield* fromEither(ablationOn(experiment, arms, Option.getOrUndefined(seeds)));
        const folder = Option.getOrElse(out, () => defaultDirectory(config));
        const command = ablationCommand({
          words: ["train", path],
          settings: set,
          sweep,
          seeds: config.seeds,
          device,
          store,
        });
        const options = { config, command, out: folder, store, cache, version: member.version };
        if (Option.isSome(slurm)) {
          return yield* comparedBySlurm(slurm.value, options, { device, log, requeues, dryRun, json });
        }
        const sink = { ...stderrSink, isTerminal: () => false }; // trainings show their own progress
        const run = ablateHere({ ...options, sink });
        return yield* Effect.provide(
          compared(going(run), folder, json),
          tuned(deviceNamed(device, { halfSums })),
        );
      }
      const places = { out: directory, store, cache, version: member.version };
      const run = runExperiment(resolved, {
        ...places,
        summary: runSummaryCodec(),
        summarise: (found) => summariseRun(experiment, found),
      });
      const found = yield* Effect.provide(
        onRanks(ranks, places, going(run)),
        tuned(deviceNamed(device, { halfSums, ...threadsOf(ranks) })),
      );
      if (Option.isNone(found)) return;
      const summary = found.value;
      yield* ensureReportPage(directory);
      print(json ? JSON.stringify(summary, null, 2) : summaryText(summary));
      notice(`${directory}: report.html, summary.json, metrics, checkpoints, predictions`);
    })).pipe((run) => download ? withDownloads(run) : run),
);

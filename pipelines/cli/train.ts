/**
 * Trains on annotation files and pictures of your own, as a JSON file describes it.
 *
 *     deno task cos train run.json [--device auto|webgpu|dawn|cpu] [--out folder] [--cache folder] [--check] [--json]
 *
 * Ctrl-C saves; the same command goes on from there. With `--check` the mixtures are opened and reported, no more.
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import { Argument, Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import member from "../deno.json" with { type: "json" };
import { loadMixture } from "../mixtures/mixture_config.ts";
import { openMixture } from "../mixtures/mixture_open.ts";
import { loadMixtureRun, type MixtureRunConfig } from "../engine/mixture_config.ts";
import type { ScoreReport } from "../eval/report.ts";
import type { PartScores } from "../engine/mixture_evaluate.ts";
import {
  type MixtureRunSummary,
  type MixtureSummary,
  mixtureSummary,
  runOnMixtures,
} from "../engine/mixture_run.ts";
import { table } from "../terminal/table.ts";
import { tuned } from "../tune/store.ts";
import { notice, print } from "../terminal/output.ts";
import { computeFlag, halfSumsFlag, jsonFlag } from "./flags.ts";

const parts = {
  config: Argument.String("file").pipe(
    Argument.withDescription("the run: arm, model, mixtures and trainings"),
  ),
  device: computeFlag,
  halfSums: halfSumsFlag,
  out: Flag.String("out").pipe(
    Flag.optional,
    Flag.withDescription("run directory; runs/mixtures-<arm>-<seed> by default"),
  ),
  cache: Flag.String("cache").pipe(
    Flag.withDefault("cache/mixtures"),
    Flag.withDescription("folder of prepared annotations and features, shared between runs"),
  ),
  check: Flag.Boolean("check").pipe(
    Flag.withDefault(false),
    Flag.withDescription("open the mixtures, say what became of their records, and train nothing"),
  ),
  json: jsonFlag,
};

/** What became of the parts of mixtures, as a table and the first refusals. */
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

const scoresText = ({ scores }: MixtureRunSummary): string => {
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

const checked = (config: MixtureRunConfig, cache: string) =>
  Effect.map(
    Effect.forEach(["pretrain", "finetune", "evaluate"] as const, (stage) =>
      Effect.map(
        Effect.flatMap(loadMixture(config[stage].mixture), (of) => openMixture(of, cache)),
        (mixture) => [stage, mixtureSummary(mixture)] as const,
      )),
    (all) => Object.fromEntries(all),
  );

/** The command. */
export const command = Command.make(
  "train",
  parts,
  ({ config: path, device, halfSums, out, cache, check, json }) =>
    Effect.scoped(Effect.gen(function* () {
      const config = yield* loadMixtureRun(path);
      if (check) {
        const mixtures = yield* checked(config, cache);
        return print(json ? JSON.stringify(mixtures, null, 2) : partsText(mixtures));
      }
      const folder = Option.getOrElse(out, () => `runs/mixtures-${config.arm.name}-${config.seed}`);
      const run = runOnMixtures(config, { out: folder, cache, version: member.version });
      const summary = yield* Effect.provide(run, tuned(deviceNamed(device, { halfSums })));
      print(
        json ? JSON.stringify(summary, null, 2) : `${partsText(summary.mixtures)}\n${scoresText(summary)}`,
      );
      notice(`${folder}: summary.json, metrics, checkpoints, predictions`);
    })),
);

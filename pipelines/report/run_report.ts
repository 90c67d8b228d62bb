/** The report of a run: its scores, its curves, its answers, and what made them. */
import { stageTitle } from "../ablations/figures.ts";
import { lossChart, type LossCurve } from "../figures/loss_chart.ts";
import { own } from "../base/fields.ts";
import type { Json } from "../base/hash.ts";
import type { Manifest, StageEntry } from "../runs/manifest.ts";
import type { MetricRecord } from "../runs/metrics.ts";
import { thinned } from "./curves.ts";
import type { ReportDocument, ReportFigure, ReportTable, Source } from "./document.ts";
import { median } from "../base/quantile.ts";
import type { RunFiles } from "./run_files.ts";
import { mainScores } from "../runs/run_scores.ts";

/** The device of a manifest as `--device` takes it. */
const deviceFlag = (device: string): string => device.startsWith("CPU") ? "cpu" : "webgpu";

/**
 * The command that makes a run again on the same kind of device: of an experiment, whose configuration a report has in
 * full with everything that was overridden, or of an ablation.
 */
export const commandOf = ({ config, device }: Pick<Manifest, "config" | "device">): string =>
  typeof config === "object" && config !== null && "stages" in config && "model" in config
    ? `deno task cos train run.json --device ${deviceFlag(device)}`
    : `deno task cos ablate --device ${deviceFlag(device)}`;

/** Command lines that make a result again: the commit is checked out where it is known. */
export const remade = (commit: string | undefined, command: string): string =>
  commit === undefined || commit === "unknown" ? command : `git checkout ${commit}\n${command}`;

/** A run as a source of numbers. */
export const sourceOf = (
  id: string,
  path: string,
  manifest: Manifest,
  command = commandOf(manifest),
): Source => ({
  id,
  run: manifest.name,
  path,
  configHash: manifest.configHash,
  dataHash: manifest.dataHash,
  codeVersion: manifest.codeVersion,
  commit: manifest.commit,
  device: manifest.device,
  ...(manifest.finished === undefined ? {} : { finished: manifest.finished }),
  command,
});

const last = (records: readonly MetricRecord[], name: string): number | undefined => {
  const value = records.findLast((record) => typeof record[name] === "number")?.[name];
  return value as number | undefined;
};

/** Losses and scores of every stage, as its summary has them. */
const numberTable = ({ numbers }: RunFiles, id: string): ReportTable => ({
  title: "Numbers",
  note:
    "What each stage found: losses are means over the last tenth of the steps, scores by their benchmark's rules.",
  columns: ["stage", "number", "value"],
  rows: numbers.map(({ stage, name, value }) => ({
    values: [stage, name, Number(value.toPrecision(5))],
    sources: [id],
  })),
});

/** Most stages that a report lists. */
const STAGES = 2000;

const stageTable = (
  stages: readonly StageEntry[],
  metrics: RunFiles["metrics"],
  id: string,
): ReportTable => ({
  title: "Stages",
  note: "s/step is the median; the loss is that of the last step." +
    (stages.length > STAGES ? ` The first ${STAGES} of ${stages.length} stages.` : ""),
  columns: [
    "stage",
    "status",
    "steps",
    "last loss",
    "s/step",
    "device memory (MB)",
    "began",
    "ended",
  ],
  rows: stages.slice(0, STAGES).map((stage) => {
    const records = own(metrics, stage.name) ?? [];
    const seconds = records.flatMap((r) =>
      r.warmup !== true && typeof r.seconds === "number" ? [r.seconds] : []
    );
    const bytes = last(records, "deviceBytes");
    return {
      values: [
        stage.name,
        [stage.status, stage.error, stage.endedEarly].filter((part) => part !== undefined).join(": "),
        last(records, "step"),
        last(records, "loss"),
        seconds.length === 0 ? undefined : median(seconds),
        bytes === undefined ? undefined : Math.round(bytes / 1e6),
        stage.started?.slice(0, 19).replace("T", " "),
        stage.finished?.slice(0, 19).replace("T", " "),
      ],
      sources: [id],
    };
  }),
});

/** The curves of one metric of some stages; `name` is what each is called. */
export const curvesOf = (
  metrics: RunFiles["metrics"],
  metric: string,
  name = "loss",
): readonly LossCurve[] =>
  Object.entries(metrics).flatMap(([stage, records]) => {
    const points = records.flatMap((record) => {
      const value = record[metric];
      return typeof value === "number" ? [{ x: record.step, loss: value }] : [];
    });
    return points.length === 0 ? [] : [{ arm: name, stage: stageTitle(stage), points: thinned(points, 400) }];
  });

const figuresOf = ({ metrics }: RunFiles, id: string): readonly ReportFigure[] => {
  const curves = [...curvesOf(metrics, "loss"), ...curvesOf(metrics, "validation/loss", "validation")];
  return curves.length === 0 ? [] : [{
    name: "loss",
    figure: lossChart({ title: "Loss by stage", curves, smoothing: 0.8, width: 1020 }),
    caption: "Training loss of every stage, and validation loss where there is validation.",
    sources: [id],
  }];
};

const minute = (time: string): string => time.slice(0, 16).replace("T", " ");

/** The main scores of a run, or the last loss of its latest training. */
const headlineOf = ({ numbers, metrics }: RunFiles): string | undefined => {
  const scores = mainScores.flatMap((name) => numbers.filter((number) => number.name === name));
  if (scores.length > 0) {
    return `${
      scores.map(({ name, value }) => `${scoreLabels[name] ?? name} ${(100 * value).toFixed(1)} %`).join(", ")
    }.`;
  }
  const [stage, records] =
    Object.entries(metrics).findLast(([, records]) => last(records, "loss") !== undefined) ?? [];
  return stage === undefined || records === undefined
    ? undefined
    : `${stage}: loss ${last(records, "loss")!.toPrecision(4)} after ${last(records, "step")} steps.`;
};

const scoreLabels: Readonly<Record<string, string>> = {
  presenceF1: "presence F1",
  countAccuracy: "counts",
  referAccuracy: "places at IoU 0.5",
};

/** The report of a run. */
export const runReport = (run: RunFiles): ReportDocument => {
  const { manifest } = run, id = manifest.name;
  const done = manifest.stages.filter((stage) => stage.status === "done").length;
  return {
    title: manifest.name,
    headline: headlineOf(run),
    about:
      `${done} of ${manifest.stages.length} stages done, on ${manifest.device}; began ${
        minute(manifest.started)
      }` +
      (manifest.finished === undefined ? "" : `, finished ${minute(manifest.finished)}`) + " UTC",
    command: remade(manifest.commit, commandOf(manifest)),
    tables: [
      stageTable(manifest.stages, run.metrics, id),
      ...(run.numbers.length === 0 ? [] : [numberTable(run, id)]),
    ],
    figures: figuresOf(run, id),
    samples: Object.entries(run.samples).map(([title, png]) => ({ title, png })),
    sources: [sourceOf(id, ".", manifest)],
    configs: [{ id, config: manifest.config as Json }],
  };
};

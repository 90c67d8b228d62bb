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

/** The command that makes a run again: of an experiment, whose configuration a report has in full, or of an ablation. */
export const commandOf = ({ config }: Pick<Manifest, "config">): string =>
  typeof config === "object" && config !== null && "stages" in config && "model" in config
    ? "deno task cos train run.json"
    : "deno task cos ablate";

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
  note: "Seconds of a step are the median; the loss is that of the last step." +
    (stages.length > STAGES ? ` The first ${STAGES} of ${stages.length} stages.` : ""),
  columns: [
    "stage",
    "status",
    "steps",
    "last loss",
    "seconds of a step",
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

/** The report of a run. */
export const runReport = (run: RunFiles): ReportDocument => {
  const { manifest } = run, id = manifest.name;
  const done = manifest.stages.filter((stage) => stage.status === "done").length;
  return {
    title: manifest.name,
    about:
      `${done} of ${manifest.stages.length} stages done, on ${manifest.device}; begun ${manifest.started}` +
      (manifest.finished === undefined ? "" : `, finished ${manifest.finished}`),
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

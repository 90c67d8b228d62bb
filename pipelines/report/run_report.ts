/** The report of a run: its scores, its curves, its answers, and what made them. */
import { presets } from "../ablations/quickstart_presets.ts";
import { settingsOf } from "../configs/override.ts";
import { lossChart, type LossCurve } from "../figures/loss_chart.ts";
import { timeScoreChart } from "../figures/time_score.ts";
import { own } from "../base/fields.ts";
import type { Json } from "../base/hash.ts";
import type { Manifest, StageEntry } from "../runs/manifest.ts";
import type { MetricRecord } from "../runs/metrics.ts";
import { thinned } from "./curves.ts";
import type { Ranged, ReportDocument, ReportFigure, ReportTable, Source } from "./document.ts";
import { shellLine } from "../terminal/shell_line.ts";
import { median } from "../base/quantile.ts";
import { isInterval, type RunFiles, type SummaryFile } from "./run_files.ts";

/**
 * The command that makes a run again. A run on mixtures is asked for by its configuration as a file, which a report has
 * in full; whatever else there is are parts of ablations.
 */
export const commandOf = ({ name, config, seeds }: Manifest): string => {
  if (name.startsWith("mixtures-")) return "deno task cos train run.json";
  const scale = (config as { readonly scale?: unknown } | null)?.scale;
  if (name !== `quickstart-${scale}` || typeof scale !== "string" || !Object.hasOwn(presets, scale)) {
    return "deno task cos ablate";
  }
  const seed = seeds.model ?? 1, base = { ...presets[scale as keyof typeof presets], seed };
  const set = settingsOf(base, config).flatMap((setting) => ["--set", setting]);
  return shellLine(["deno", "task", "cos", "quickstart", "--scale", scale, "--seed", String(seed), ...set]);
};

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

const percent = (value: unknown): Ranged | undefined =>
  isInterval(value) ? { ...value, scale: 100 } : undefined;

/** `presenceF1` as people read it: `presence F1`. */
export const spaced = (name: string): string =>
  name.replace(/([a-z])([A-Z])/g, (_, a: string, b: string) => `${a} ${b}`).replace(
    / [A-Z][a-z]/g,
    (s) => s.toLowerCase(),
  );

const scoreTable = ({ arms }: SummaryFile, id: string): ReportTable => {
  const scores = [
    ...new Set(arms.flatMap((arm) => Object.keys(arm.scores).filter((k) => isInterval(arm.scores[k])))),
  ];
  return {
    title: "Scores",
    note:
      "Per cent, with bootstrap 95 % intervals over held-out scenes; time of pre-training as measured, first " +
      "row 1; gain: presence F1 beyond the same model that sees the average picture, or another scene.",
    columns: [
      "arm",
      "bridge",
      "pre-train tokens",
      "pre-train time (×)",
      "fine-tune tokens",
      ...scores.map((name) => `${spaced(name)} (%)`),
      ...Object.keys(arms[0]?.gain ?? {}).map((name) => `gain over ${name}`),
    ],
    rows: arms.map((arm) => ({
      values: [
        arm.name,
        arm.bridge,
        arm.pretrainTokens,
        Number(arm.relativePretrainTime.toFixed(3)),
        arm.finetuneTokens,
        ...scores.map((name) => percent(arm.scores[name])),
        ...Object.values(arm.gain).map(percent),
      ],
      sources: [id],
    })),
  };
};

const last = (records: readonly MetricRecord[], name: string): number | undefined => {
  const value = records.findLast((record) => typeof record[name] === "number")?.[name];
  return value as number | undefined;
};

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

/** An arm and a kind of stage, from the name of a stage in a run: `resampler-pretrain` is `resampler`, `pretrain`. */
export const armAndStage = (name: string): readonly [arm: string, stage: string] => {
  const at = name.lastIndexOf("-");
  return at < 0 ? [name, name] : [name.slice(0, at), name.slice(at + 1)];
};

const titles: Readonly<Record<string, string>> = { pretrain: "Pre-training", finetune: "Fine-tuning" };

/** A kind of stage as figures title it. */
export const stageTitle = (stage: string): string => own(titles, stage) ?? stage;

/** The curves of one metric of some stages; `label` names an arm. */
export const curvesOf = (
  metrics: RunFiles["metrics"],
  metric: string,
  label: (arm: string) => string = (arm) => arm,
): readonly LossCurve[] =>
  Object.entries(metrics).flatMap(([name, records]) => {
    const [arm, stage] = armAndStage(name);
    const points = records.flatMap((record) => {
      const value = record[metric];
      return typeof value === "number" ? [{ x: record.step, loss: value }] : [];
    });
    return points.length === 0
      ? []
      : [{ arm: label(arm), stage: stageTitle(stage), points: thinned(points, 400) }];
  });

const figuresOf = ({ metrics, summary }: RunFiles, id: string): readonly ReportFigure[] => {
  const known = summary?.arms ?? [];
  const label = (name: string): string => {
    const arm = known.find((a) => a.name === name);
    return arm === undefined ? name : `${arm.name} (${arm.pretrainTokens} → ${arm.finetuneTokens})`;
  };
  const trained = Object.fromEntries(Object.entries(metrics).filter(([name]) => name.includes("-")));
  const drawn = Object.keys(trained).length > 0 ? trained : metrics;
  const curves = [
    ...curvesOf(drawn, "loss", label),
    ...curvesOf(drawn, "validation/loss", (arm) => `${label(arm)}, validation`),
  ];
  const points = known.flatMap((arm) => {
    const score = arm.scores.presenceF1;
    return isInterval(score)
      ? [{
        label: label(arm.name),
        time: arm.relativePretrainTime,
        score: 100 * score.value,
        low: 100 * score.low,
        high: 100 * score.high,
      }]
      : [];
  });
  return [
    ...(curves.length === 0 ? [] : [{
      name: "loss",
      figure: lossChart({ title: "Loss by stage", curves, smoothing: 0.8, width: 1020 }),
      caption: "Training loss of every stage, and validation loss where there is validation.",
      sources: [id],
    }]),
    ...(points.length === 0 ? [] : [{
      name: "time-score",
      figure: timeScoreChart({
        title: "Presence F1 against pre-training time",
        subtitle: "Bars: bootstrap 95 % intervals over scenes; time as measured per step, first arm = 1",
        points,
        yLabel: "Presence F1 (%)",
        width: 900,
      }),
      caption: "What is paid in pre-training, and what is scored after fine-tuning.",
      sources: [id],
    }]),
  ];
};

/** The report of a run. */
export const runReport = (run: RunFiles): ReportDocument => {
  const { manifest, summary } = run, id = manifest.name;
  const done = manifest.stages.filter((stage) => stage.status === "done").length;
  return {
    title: manifest.name,
    about:
      `${done} of ${manifest.stages.length} stages done, on ${manifest.device}; begun ${manifest.started}` +
      (manifest.finished === undefined ? "" : `, finished ${manifest.finished}`),
    tables: [
      ...(summary === undefined ? [] : [scoreTable(summary, id)]),
      stageTable(manifest.stages, run.metrics, id),
    ],
    figures: figuresOf(run, id),
    samples: Object.entries(run.samples).map(([title, png]) => ({ title, png })),
    sources: [sourceOf(id, ".", manifest)],
    configs: [{ id, config: manifest.config as Json }],
  };
};

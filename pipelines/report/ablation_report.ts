/** The report of an ablation: arms with intervals over seeds and scenes, beside the paper's, each number with its artefact. */
import * as Effect from "effect/Effect";
import type { DecodeError } from "../bridge.ts";
import {
  type AblationRecord,
  type AblationSummary,
  recordCodec,
  summaryCodec,
} from "../ablations/summary_types.ts";
import { lossChart, type LossCurve, type LossPoint } from "../figures/loss_chart.ts";
import { timeScoreChart } from "../figures/time_score.ts";
import type { Json } from "../runs/hash.ts";
import type { DiskError } from "../runs/disk.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import { thinned } from "./curves.ts";
import type { Ranged, ReportDocument, ReportFigure, ReportRow, ReportTable, Source } from "./document.ts";
import { existing, readRunFiles, type RunFiles } from "./run_files.ts";

type Arm = AblationSummary["arms"][number];

const per = (interval: Omit<Ranged, "scale"> | undefined): Ranged | undefined =>
  interval === undefined ? undefined : { ...interval, scale: 100 };

const originsOf = (arm: Arm): readonly string[] => [
  ...new Set(arm.seeds.flatMap(({ origin }) => Object.values(origin).map(({ artefact }) => artefact))),
];

const short = (value: number): number => Number(value.toPrecision(3));

const armTable = ({ arms, metrics, seeds }: AblationSummary): ReportTable => ({
  title: "Arms",
  note:
    `Per cent, means over ${seeds.length} ${
      seeds.length === 1 ? "seed" : "seeds"
    } with 95 % intervals of seeds ` +
    "and scenes drawn again. Time of pre-training relative to the baseline: as measured, by operations alone, and " +
    "as the paper reports it for its row.",
  columns: [
    "arm",
    "pre-train tokens",
    "fine-tune tokens",
    "time (×)",
    "by operations (×)",
    "paper (×)",
    ...metrics.map(({ label }) => label),
  ],
  rows: arms.map((arm): ReportRow => ({
    values: [
      arm.name,
      arm.tokens.pretrain,
      arm.tokens.finetune,
      short(arm.time.measured),
      short(arm.time.predicted),
      arm.paper[0]?.relativeTime ?? undefined,
      ...metrics.map(({ name }) => per(arm.scores[name])),
    ],
    sources: originsOf(arm),
  })),
});

const differenceTable = ({ arms, metrics, baseline }: AblationSummary): ReportTable => ({
  title: `Differences from ${baseline}`,
  note:
    "Points of per cent, paired: the same seeds on the same scenes. An interval that holds 0 decides nothing.",
  columns: ["arm", ...metrics.map(({ label }) => label)],
  rows: arms.filter(({ name }) => name !== baseline).map((arm) => ({
    values: [arm.name, ...metrics.map(({ name }) => per(arm.difference[name]))],
    sources: originsOf(arm),
  })),
});

const seedTable = ({ arms, metrics }: AblationSummary): ReportTable => ({
  title: "Seeds",
  note: "One line an arm and seed; losses are means over the last tenth of the steps, scores per cent.",
  columns: [
    "arm",
    "seed",
    "pre-train loss",
    "fine-tune loss",
    "s a step, pre-train",
    "s a step, fine-tune",
    ...metrics.map(({ label }) => label),
  ],
  rows: arms.flatMap((arm) =>
    arm.seeds.map((seed) => ({
      values: [
        arm.name,
        seed.seed,
        seed.loss.pretrain,
        seed.loss.finetune,
        short(seed.secondsPerStep.pretrain),
        short(seed.secondsPerStep.finetune),
        ...metrics.map(({ name }) => {
          const score = seed.scores[name];
          return score === undefined ? undefined : Number((100 * score).toFixed(1));
        }),
      ],
      sources: Object.values(seed.origin).map(({ artefact }) => artefact),
    }))
  ),
});

const failureTable = ({ failures }: AblationSummary): readonly ReportTable[] =>
  failures.length === 0 ? [] : [{
    title: "What could not be done",
    note: "These jobs failed; the arms above lack them.",
    columns: ["job", "artefact", "reason"],
    rows: failures.map(({ label, artefact, reason }) => ({ values: [label, artefact, reason], sources: [] })),
  }];

const sourcesOf = (
  summary: AblationSummary,
  { jobs, store }: AblationRecord,
): readonly Source[] => {
  const labels = new Map(jobs.map(({ artefact, label }) => [artefact, label]));
  const all = summary.arms.flatMap((arm) => arm.seeds.flatMap(({ origin }) => Object.values(origin)));
  return [...new Map(all.map((origin) => [origin.artefact, origin])).values()].map((origin) => ({
    id: origin.artefact,
    run: labels.get(origin.artefact) ?? origin.artefact,
    path: `${store}/${origin.artefact}`,
    configHash: origin.configHash,
    dataHash: origin.dataHash,
    codeVersion: summary.codeVersion,
    device: summary.device,
    command: origin.command,
  }));
};

/** The mean over runs of a metric at every step that all of them have. */
export const meanCurve = (runs: readonly (readonly LossPoint[])[]): readonly LossPoint[] =>
  (runs[0] ?? []).flatMap(({ x }, i) => {
    const here = runs.map((points) => points[i]);
    return here.every((p) => p?.x === x)
      ? [{ x, loss: here.reduce((sum, p) => sum + p!.loss, 0) / runs.length }]
      : [];
  });

const pointsOf = (run: RunFiles | undefined): readonly LossPoint[] =>
  Object.values(run?.metrics ?? {})[0]?.flatMap(({ step, loss }) =>
    typeof loss === "number" ? [{ x: step, loss }] : []
  ) ?? [];

const stageNames = { pretrain: "Pre-training", finetune: "Fine-tuning" } as const;

const curvesOf = (summary: AblationSummary, files: ReadonlyMap<string, RunFiles>): readonly LossCurve[] =>
  (["pretrain", "finetune"] as const).flatMap((stage) =>
    summary.arms.flatMap((arm) => {
      const runs = arm.seeds.map(({ origin }) => pointsOf(files.get(origin[stage].artefact)));
      const points = thinned(meanCurve(runs.filter((points) => points.length > 0)), 400);
      return points.length === 0 ? [] : [{ arm: arm.name, stage: stageNames[stage], points }];
    })
  );

const figuresOf = (
  summary: AblationSummary,
  files: ReadonlyMap<string, RunFiles>,
): readonly ReportFigure[] => {
  const sources = [...new Set(summary.arms.flatMap(originsOf))], curves = curvesOf(summary, files);
  const charts = summary.metrics.flatMap(({ name, label }): readonly ReportFigure[] => {
    const points = summary.arms.flatMap((arm) => {
      const score = arm.scores[name];
      return score === undefined ? [] : [{
        label: `${arm.name} (${arm.tokens.pretrain} → ${arm.tokens.finetune})`,
        time: arm.time.measured,
        score: 100 * score.value,
        low: 100 * score.low,
        high: 100 * score.high,
      }];
    });
    return points.length === 0 ? [] : [{
      figure: timeScoreChart({
        title: `${label} against pre-training time`,
        subtitle: "Bars: 95 % intervals of seeds and scenes; time as measured per step, baseline = 1",
        points,
        yLabel: `${label} (%)`,
        width: 1000,
      }),
      caption: `What is paid in pre-training, and what is scored after fine-tuning: ${label}.`,
      sources,
    }];
  });
  return [
    ...charts.slice(0, 1),
    ...(curves.length === 0 ? [] : [{
      figure: lossChart({ title: "Loss by stage", curves, smoothing: 0.8, width: 1020 }),
      caption: "Training loss, mean over seeds.",
      sources,
    }]),
    ...charts.slice(1),
  ];
};

/** Most arms whose sheets of answers a report shows. */
const SHEETS = 12;

/** The report of an ablation's directory. Artefacts that are gone from the store leave curves and pictures out. */
export const ablationReport = (
  path: string,
): Effect.Effect<ReportDocument, DecodeError | DiskError | RunError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(path);
    const summary = yield* readJson(`${path}/summary.json`, summaryCodec());
    const record = yield* readJson(`${path}/record.json`, recordCodec());
    const store = (yield* existing(`${path}/${record.store}`)) ? `${path}/${record.store}` : record.store;
    const sources = sourcesOf(summary, record), files = new Map<string, RunFiles>();
    for (const { id } of sources) {
      if (yield* existing(`${store}/${id}/manifest.json`)) {
        files.set(id, yield* readRunFiles(`${store}/${id}`));
      }
    }
    const samples = summary.arms.slice(0, SHEETS).flatMap((arm) => {
      const seed = arm.seeds[0], run = seed && files.get(seed.origin.evaluate.artefact);
      return Object.values(run?.samples ?? {}).map((png) => ({
        title: `${arm.name}, seed ${seed!.seed}`,
        png,
      }));
    });
    return {
      title: `${summary.family}, ${summary.preset}`,
      about: `${summary.arms.length} arms, seeds ${summary.seeds.join(", ")}, on ${summary.device}` +
        (summary.workers > 1
          ? `; ${summary.workers} jobs at a time, so that times are of a shared machine`
          : "") +
        `. Made by: ${summary.command}`,
      tables: [armTable(summary), differenceTable(summary), seedTable(summary), ...failureTable(summary)],
      figures: figuresOf(summary, files),
      samples,
      sources: [
        ...sources,
        {
          id: manifest.name,
          run: manifest.name,
          path: ".",
          configHash: manifest.configHash,
          dataHash: manifest.dataHash,
          codeVersion: manifest.codeVersion,
          device: manifest.device,
          ...(manifest.finished === undefined ? {} : { finished: manifest.finished }),
          command: summary.command,
        },
      ],
      configs: [{ id: manifest.name, config: manifest.config as Json }],
    };
  });

/** The figures of an ablation: losses by stage, and each score against the time of pre-training. */
import * as Effect from "effect/Effect";
import { lossChart, type LossCurve } from "../figures/loss_chart.ts";
import type { Figure } from "../figures/plot.ts";
import { timeScoreChart } from "../figures/time_score.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { follow, noSeries } from "../runs/tail.ts";
import type { MetricInfo } from "../engine/sample_scores.ts";
import type { Interval } from "../base/bootstrap.ts";
import { own } from "../base/fields.ts";
import { tellsApart } from "./summary_text.ts";
import { tokensOf } from "./table.ts";
import type { AblationSummary, ArmSummary } from "./summary_types.ts";

/** An arm as legends have it: its name, and its tokens where the name does not say them. */
export const labelOf = (arm: ArmSummary): string => {
  const tokens = Object.values(arm.tokens);
  return arm.name.includes(`-${tokens.join("-")}`) ? arm.name : `${arm.name}: ${tokensOf(arm, " → ")}`;
};

const TITLES: Readonly<Record<string, string>> = { pretrain: "Pre-training", finetune: "Fine-tuning" };

/** A stage as figures title it. */
export const stageTitle = (stage: string): string => own(TITLES, stage) ?? stage;

const capitalised = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** A score against relative time of the first training, its FLOPs where arms are not timed side by side, every arm a point with its interval. */
export const timeFigure = (
  { arms, baseline, seeds }: AblationSummary,
  metric: MetricInfo,
  by: "measured" | "predicted" = arms.every(({ time }) => time.measured !== undefined)
    ? "measured"
    : "predicted",
): Figure =>
  timeScoreChart({
    title: `${capitalised(metric.label)} against pre-training ${by === "measured" ? "time" : "FLOPs"}`,
    subtitle: `means over ${seeds.length} seeds, 95 % intervals over seeds and scenes; ${baseline} = 1, ` +
      (by === "measured" ? "side by side" : "by FLOPs"),
    ...(by === "measured" ? {} : { xLabel: "FLOPs of pre-training relative to the baseline (×)" }),
    points: arms.map((arm) => {
      const { value, low, high } = arm.scores[metric.name]!;
      return {
        label: labelOf(arm),
        time: by === "measured" ? arm.time.measured!.value : arm.time.predicted,
        score: 100 * value,
        low: 100 * low,
        high: 100 * high,
      };
    }),
    yLabel: `${metric.label} (%)`,
    ...(arms.every(({ scores }) => isShare(scores[metric.name]!)) ? { yRange: [0, 100] as const } : {}),
  });

const isShare = ({ low, high }: Interval): boolean => low >= 0 && high <= 1;

/** A score against pre-training by file name, of every score in which arms differ. */
export const timeFigures = (summary: AblationSummary): readonly (readonly [string, Figure])[] =>
  summary.metrics.filter(({ name }) => tellsApart(summary, name)).map((metric) => [
    `time-${metric.name}`,
    timeFigure(summary, metric),
  ]);

/** Losses of the first seed of every arm by stage, from the metrics in the store. */
export const lossFigure = (
  { arms }: AblationSummary,
  store: string,
): Effect.Effect<Figure, DiskError> =>
  Effect.gen(function* () {
    const curves: LossCurve[] = [], stages = Object.keys(arms[0]?.tokens ?? {});
    for (const stage of stages) {
      for (const arm of arms) {
        const origin = arm.seeds[0]!.origin[stage];
        if (origin === undefined) continue;
        const file = `${store}/${origin.artefact}/metrics/${stage}.jsonl`;
        const { records } = yield* onDisk("read", file, () => follow(file, noSeries));
        const points = records.flatMap(({ step, loss }) =>
          typeof loss === "number" ? [{ x: step, loss }] : []
        );
        curves.push({
          arm: labelOf(arm),
          stage: stageTitle(stage),
          points,
        });
      }
    }
    return lossChart({ title: "Loss by stage", subtitle: "first seed", curves, smoothing: 0.8 });
  });

/** All figures by file name: `loss`, and `time-<metric>` of every metric in which arms differ. */
export const figuresOf = (
  summary: AblationSummary,
  store: string,
): Effect.Effect<Readonly<Record<string, Figure>>, DiskError> =>
  summary.arms.length === 0 ? Effect.succeed({}) : Effect.map(lossFigure(summary, store), (loss) => ({
    loss,
    ...Object.fromEntries(timeFigures(summary)),
  }));

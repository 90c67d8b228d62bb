/** The figures of an ablation: losses by stage, and each score against the time of pre-training. */
import * as Effect from "effect/Effect";
import { lossChart, type LossCurve } from "../figures/loss_chart.ts";
import type { Figure } from "../figures/plot.ts";
import { timeScoreChart } from "../figures/time_score.ts";
import { type DiskError, onDisk } from "../base/disk.ts";
import { follow, noSeries } from "../runs/tail.ts";
import type { MetricInfo } from "../engine/outcomes.ts";
import type { AblationSummary, ArmSummary } from "./summary_types.ts";

const labelOf = ({ name, tokens }: ArmSummary): string => `${name}: ${tokens.pretrain} → ${tokens.finetune}`;

/** A score against relative time of pre-training, or its operations, every arm a point with its interval. */
export const timeFigure = (
  { arms, baseline, seeds }: AblationSummary,
  metric: MetricInfo,
  by: "measured" | "predicted" = "measured",
): Figure =>
  timeScoreChart({
    title: `${metric.label} against pre-training ${by === "measured" ? "time" : "work"}`,
    subtitle: `means over ${seeds.length} seeds, 95 % intervals over seeds and scenes; ${baseline} = 1, ` +
      (by === "measured" ? "as measured" : "by operations"),
    ...(by === "measured" ? {} : { xLabel: "Operations of pre-training relative to the baseline (×)" }),
    points: arms.map((arm) => {
      const { value, low, high } = arm.scores[metric.name]!;
      return {
        label: labelOf(arm),
        time: arm.time[by],
        score: 100 * value,
        low: 100 * low,
        high: 100 * high,
      };
    }),
    yLabel: `${metric.label} (%)`,
  });

/** Losses of the first seed of every arm by stage, from the metrics in the store. */
export const lossFigure = (
  { arms }: AblationSummary,
  store: string,
): Effect.Effect<Figure, DiskError> =>
  Effect.gen(function* () {
    const curves: LossCurve[] = [];
    for (const stage of ["pretrain", "finetune"] as const) {
      for (const arm of arms) {
        const { origin } = arm.seeds[0]!;
        const file = `${store}/${origin[stage].artefact}/metrics/${stage}.jsonl`;
        const { records } = yield* onDisk("read", file, () => follow(file, noSeries));
        const points = records.flatMap(({ step, loss }) =>
          typeof loss === "number" ? [{ x: step, loss }] : []
        );
        curves.push({
          arm: labelOf(arm),
          stage: stage === "pretrain" ? "Pre-training" : "Fine-tuning",
          points,
        });
      }
    }
    return lossChart({ title: "Loss by stage", subtitle: "first seed", curves, smoothing: 0.8 });
  });

/** All figures by file name: `loss`, and `time-<metric>` of every metric. */
export const figuresOf = (
  summary: AblationSummary,
  store: string,
): Effect.Effect<Readonly<Record<string, Figure>>, DiskError> =>
  summary.arms.length === 0 ? Effect.succeed({}) : Effect.map(lossFigure(summary, store), (loss) => ({
    loss,
    ...Object.fromEntries(
      summary.metrics.map((metric) => [`time-${metric.name}`, timeFigure(summary, metric)]),
    ),
  }));

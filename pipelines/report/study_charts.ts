/** Figures of a family's summary. */
import type { AblationSummary, ArmSummary } from "../ablations/summary_types.ts";
import { EQUAL_COMPUTE } from "../ablations/families.ts";
import { labelOf } from "../ablations/figures.ts";
import { lastOf, metricsNamed } from "../ablations/table.ts";
import { intervalChart, type Ranging } from "../figures/interval_chart.ts";
import type { Figure } from "../figures/plot.ts";
import { scalingChart, type ScalingPoint } from "../figures/scaling_chart.ts";

type Scores = ArmSummary["scores"];

const percent = (scores: Scores): Readonly<Record<string, Ranging>> =>
  Object.fromEntries(
    Object.entries(scores).map(([name, { value, low, high }]) => [
      name,
      { value: 100 * value, low: 100 * low, high: 100 * high },
    ]),
  );

/** What colours tell apart: equal steps from equal compute where a family has both, kinds of bridges elsewhere. */
const groupsOf = (arms: readonly ArmSummary[]): (arm: ArmSummary) => string => {
  const isEqual = ({ name }: ArmSummary): boolean => name.endsWith(EQUAL_COMPUTE);
  return arms.some(isEqual)
    ? (arm) => isEqual(arm) ? "equal compute" : "equal steps"
    : ({ bridge }) => bridge;
};

const seedsOf = ({ seeds }: AblationSummary): string =>
  `${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"}`;

/** Scores of every arm with intervals, a panel a metric; the dashed line is the baseline. */
export const scoresChart = (summary: AblationSummary, names?: readonly string[]): Figure => {
  const baseline = summary.arms.find(({ name }) => name === summary.baseline),
    groupOf = groupsOf(summary.arms);
  return intervalChart({
    title: "Scores by arm",
    subtitle: `means over ${
      seedsOf(summary)
    }, 95 % intervals over seeds and scenes; dashed: ${summary.baseline}`,
    rows: summary.arms.map((arm) => ({
      label: labelOf(arm),
      group: groupOf(arm),
      values: percent(arm.scores),
    })),
    metrics: metricsNamed(summary, names),
    xLabel: "%",
    ...(baseline === undefined ? {} : { reference: labelOf(baseline) }),
  });
};

/** Differences of every arm to the baseline with intervals; one that crosses the dashed 0 is not decided. */
export const differencesChart = (summary: AblationSummary, names?: readonly string[]): Figure =>
  intervalChart({
    title: `Differences to ${summary.baseline}`,
    subtitle: `same seeds and scenes on both sides, ${
      seedsOf(summary)
    }; 95 % intervals; dashed: no difference`,
    rows: summary.arms.filter(({ name }) => name !== summary.baseline).map((arm) => ({
      label: labelOf(arm),
      group: groupsOf(summary.arms)(arm),
      values: percent(arm.difference),
    })),
    metrics: metricsNamed(summary, names),
    xLabel: "points",
  });

/** What grew and how, by the paper's row of an arm: `window G L`, `resolution L`, `baseline`. */
const growthOf = ({ paper, resolution }: ArmSummary): { readonly group: string; readonly mark: string } => {
  const label = paper.find(({ table }) => table === "token-scaling")?.label ?? "";
  const [group = "", ...lineages] = label.split(" ");
  return group === "" || group === "baseline"
    ? { group: `as many tokens, ${lastOf(resolution)} px`, mark: "" }
    : { group, mark: lineages.join("") };
};

/** Scores over tokens of fine-tuning: a line for windows, resolution and both; letters for the lineages that grew. */
export const tokensChart = (summary: AblationSummary, names?: readonly string[]): Figure =>
  scalingChart({
    title: "Scores by how tokens were added",
    subtitle: `G: global windows grew, L: local ones; means over ${seedsOf(summary)}, 95 % intervals`,
    points: summary.arms.map((arm): ScalingPoint => ({
      ...growthOf(arm),
      tokens: lastOf(arm.tokens),
      values: percent(arm.scores),
    })),
    metrics: metricsNamed(summary, names),
    yLabel: "Score (%)",
  });

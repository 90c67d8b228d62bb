/** Findings of an ablation: in one sentence, and as text with its tables. */
import type { Interval } from "../base/bootstrap.ts";
import { controlsOf, differencesOf, tableOf, textOf, tokensOf, warningOf } from "./table.ts";
import type { AblationSummary, ArmSummary } from "./summary_types.ts";

const percent = (x: number): string => (100 * x).toFixed(1);
const signed = (x: number): string => `${x > 0 ? "+" : x < 0 ? "−" : "±"}${percent(Math.abs(x))}`;

const costOf = ({ time: { measured, predicted } }: ArmSummary): string =>
  measured === undefined
    ? `at ${predicted.toFixed(2)}x its pre-training FLOPs`
    : `at ${measured.value.toFixed(2)}x its pre-training time (${predicted.toFixed(2)}x its FLOPs)`;

const against = ({ value, low, high }: Interval, baseline: string): string =>
  `${signed(value)} [${signed(low)}, ${signed(high)}] points against ${baseline}`;

/**
 * The best arm by the first score, its difference to the baseline and what its pre-training costs; where no arm is above
 * the baseline, that, and the next arm. A summary whose numbers say nothing has a warning instead, and one without scores
 * nothing.
 */
export const headlineOf = (summary: AblationSummary): string | undefined => {
  const warning = warningOf(summary), { arms, baseline, metrics: [metric] } = summary;
  if (warning !== undefined) return warning;
  if (metric === undefined) return undefined;
  const scored = arms.flatMap((arm) => {
    const score = arm.scores[metric.name];
    return score === undefined ? [] : [{ arm, score }];
  }).toSorted((a, b) => b.score.value - a.score.value);
  const [best, second] = scored;
  if (best === undefined) return undefined;
  const said = ({ arm, score }: typeof best): string =>
    `${arm.name} (${tokensOf(arm, " → ")} tokens): ${metric.label} ${percent(score.value)} [${
      percent(score.low)
    }, ${percent(score.high)}]`;
  if (second === undefined) return `${said(best)}.`;
  if (scored.at(-1)!.score.value === best.score.value) {
    return `All arms have the same ${metric.label}, ${
      percent(best.score.value)
    }: it does not tell them apart.`;
  }
  const rest = ({ arm }: typeof best): string => {
    const difference = arm.difference[metric.name];
    const undecided = difference !== undefined && difference.low <= 0 && difference.high >= 0
      ? " The interval of the difference contains 0: the order of the two is undecided."
      : "";
    return difference === undefined ? "." : `, ${against(difference, baseline)}, ${costOf(arm)}.${undecided}`;
  };
  return best.arm.name === baseline
    ? `No arm scores above the baseline, ${said(best)}. Next is ${said(second)}${rest(second)}`
    : `Best is ${said(best)}${rest(best)}`;
};

/** Whether any two arms differ in a score. */
export const tellsApart = ({ arms }: AblationSummary, metric: string): boolean =>
  new Set(arms.map(({ scores }) => scores[metric]?.value)).size > 1;

/** Findings, all tables, and what failed, as text. */
export const summaryText = (summary: AblationSummary): string => {
  const { arms, metrics, failures } = summary, headline = headlineOf(summary);
  const controlled = arms.some(({ controls }) =>
    Object.values(controls).some((of) => Object.keys(of).length > 0)
  );
  return [
    ...(headline === undefined ? [] : [headline]),
    textOf(tableOf(summary)),
    ...(arms.length > 1 && metrics.length > 0 ? [textOf(differencesOf(summary))] : []),
    ...(controlled ? [textOf(controlsOf(summary))] : []),
    ...failures.map(({ label, reason }) => `not done: ${label}: ${reason}`),
  ].join("\n\n");
};

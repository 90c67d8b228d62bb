/** What the family on sizes of objects shows in a notebook: accuracy by size, and what tokens and pixels add to it. */
import * as Effect from "effect/Effect";
import {
  type ArmSizes,
  readSizes,
  sizeAccuracy,
  sizeGain,
  type SizeScore,
  type SizeSetName,
} from "../ablations/size_scores.ts";
import type { StoredError } from "../ablations/summary.ts";
import { lastOf, type SummaryTable } from "../ablations/table.ts";
import type { Figure } from "../figures/plot.ts";
import { sizeChart, type SizeLine } from "../figures/size_chart.ts";
import type { Study } from "../notebooks/study.ts";

/** Scores by size of an arm, or of two arms compared. */
export interface NamedSizes {
  /** The arm, or what is compared, as legends have it. */
  readonly name: string;
  /** Its scores by set and size. */
  readonly scores: readonly SizeScore[];
}

/** Accuracy by size of a family, its gains, and where they come from. */
export interface StudiedSizes {
  /** Balanced accuracy of presence of every arm. */
  readonly accuracy: readonly NamedSizes[];
  /** What more pixels, more tokens and both add to it. */
  readonly gains: readonly NamedSizes[];
  /** The evaluations behind them, as directories in the store. */
  readonly runs: readonly string[];
}

/** Comparisons of the family: what is added, the arm with it and the arm without. */
const comparisons = [
  ["448 px instead of 224 px, few tokens", "cos-20-20-at-448", "cos-20-20-at-224"],
  ["448 px instead of 224 px, many tokens", "cos-20-84-at-448", "cos-20-84-at-224"],
  ["many tokens instead of few, 224 px", "cos-20-84-at-224", "cos-20-20-at-224"],
  ["many tokens instead of few, 448 px", "cos-20-84-at-448", "cos-20-20-at-448"],
] as const;

/** What a study of the family `object-size` found out about sizes. */
export const studiedSizes = (
  { directory, summary }: Pick<Study, "directory" | "summary">,
): Effect.Effect<StudiedSizes, StoredError> =>
  Effect.map(readSizes(directory), (arms) => {
    const named = new Map(arms.map((arm) => [arm.name, arm]));
    const titleOf = (arm: ArmSizes): string => {
      const { tokens, resolution } = summary.arms.find(({ name }) => name === arm.name)!;
      return `${lastOf(tokens)} tokens, ${lastOf(resolution)} px`;
    };
    return {
      accuracy: arms.map((arm) => ({ name: titleOf(arm), scores: sizeAccuracy(arm) })),
      gains: comparisons.flatMap(([name, more, less]) => {
        const [a, b] = [named.get(more), named.get(less)];
        return a === undefined || b === undefined ? [] : [{ name, scores: sizeGain(a, b) }];
      }),
      runs: arms.flatMap(({ runs }) => runs),
    };
  });

const panels: Readonly<Record<SizeSetName, string>> = {
  eval: "objects of every size",
  "large-objects": "large alone",
};

const percent = (x: number): string => (100 * x).toFixed(1);

const tableOf = (title: string, named: readonly NamedSizes[]): SummaryTable => {
  const keyOf = ({ set, size, n }: SizeScore): string => `${panels[set]}, ${size} (${n})`;
  const columns = [...new Set(named.flatMap(({ scores }) => scores.map(keyOf)))];
  return {
    title,
    columns: ["", ...columns],
    rows: named.map(({ name, scores }) => [
      name,
      ...columns.map((column) => {
        const found = scores.find((score) => keyOf(score) === column);
        return found === undefined
          ? "-"
          : `${percent(found.value)} [${percent(found.low)}, ${percent(found.high)}]`;
      }),
    ]),
  };
};

/** Balanced accuracy in per cent: a row for each arm, a column for each set and size with its number of objects. */
export const sizesTable = ({ accuracy }: StudiedSizes): SummaryTable =>
  tableOf("balanced accuracy of presence in per cent, 95 % intervals over seeds and scenes", accuracy);

/** Gains in points, in the form of {@link sizesTable}. */
export const gainsTable = ({ gains }: StudiedSizes): SummaryTable =>
  tableOf("gain in points, same seeds and scenes, 95 % intervals", gains);

const linesOf = (named: readonly NamedSizes[]): readonly SizeLine[] =>
  (Object.keys(panels) as SizeSetName[]).flatMap((set) =>
    named.map(({ name, scores }) => ({
      model: name,
      panel: panels[set],
      points: scores.filter((score) => score.set === set).map(({ size, n, value, low, high }) => ({
        name: size,
        n,
        value: 100 * value,
        low: 100 * low,
        high: 100 * high,
      })),
    }))
  );

/** Accuracy over sizes, with the control next to it. */
export const sizesChart = ({ accuracy }: StudiedSizes): Figure =>
  sizeChart({
    title: "What is seen of objects by their size",
    subtitle: "means over seeds, 95 % intervals over seeds and scenes; dashed: without eyes",
    lines: linesOf(accuracy),
    chance: 50,
    yLabel: "Balanced accuracy of presence (%)",
  });

/** Gains over sizes, with the control alongside them. */
export const gainsChart = ({ gains }: StudiedSizes): Figure =>
  sizeChart({
    title: "What more pixels and more tokens add, by size of the object",
    subtitle: "same seeds and scenes on both sides, 95 % intervals; dashed: nothing",
    lines: linesOf(gains),
    chance: 0,
    yLabel: "Gain in balanced accuracy (points)",
  });

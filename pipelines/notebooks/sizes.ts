/** Scores by size of the object in question, for each arm of a family. */
import * as Effect from "effect/Effect";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import type { SummaryTable } from "../ablations/table.ts";
import type { DecodeError } from "../bridge.ts";
import type { QuestionKind } from "../data/tasks.ts";
import type { Figure } from "../figures/plot.ts";
import { sizeChart, type SizeLine } from "../figures/size_chart.ts";
import type { DiskError } from "../runs/disk.ts";
import { readJson } from "../runs/run_directory.ts";
import { evaluationCodec } from "../stages/evaluate.ts";
import type { Study } from "./study.ts";

/** Scores by size of some kinds of questions, a line for each arm and kind, and where they come from. */
export interface SizeScores {
  /** The lines; panels are kinds of questions. */
  readonly lines: readonly SizeLine[];
  /** The evaluations, as directories in the store. */
  readonly runs: readonly string[];
}

/**
 * Scores by size of a family, from the first seed of every arm that is named; of all arms without names. Scores are mean
 * credits in per cent, intervals those of scenes drawn again. Kinds that were not asked are left out.
 */
export const sizeScores = (
  { summary }: Study,
  kinds: readonly QuestionKind[],
  names: readonly string[] = summary.arms.map(({ name }) => name),
): Effect.Effect<SizeScores, DecodeError | DiskError> =>
  Effect.gen(function* () {
    const lines: SizeLine[] = [], runs: string[] = [];
    for (
      const { name, tokens, resolution, seeds } of summary.arms.filter((arm) => names.includes(arm.name))
    ) {
      const { artefact } = seeds[0]!.origin.evaluate;
      const evaluation = yield* readJson(
        `${DEFAULT_STORE}/${artefact}/samples/evaluate.json`,
        evaluationCodec(),
      );
      runs.push(artefact);
      for (const kind of kinds) {
        const points = (evaluation.kinds[kind]?.bySize ?? []).map(({ name: size, n, value, low, high }) => ({
          name: size,
          n,
          value: 100 * value,
          low: 100 * low,
          high: 100 * high,
        }));
        const model = `${name}: ${tokens.finetune} tokens, ${resolution.finetune} px`;
        if (points.length > 0) lines.push({ model, panel: kind, points });
      }
    }
    return {
      lines: lines.toSorted((a, b) =>
        kinds.indexOf(a.panel as QuestionKind) - kinds.indexOf(b.panel as QuestionKind)
      ),
      runs,
    };
  });

/** A row for each arm and kind of question, a column for each size: score, interval and number of questions. */
export const sizeTable = ({ lines }: SizeScores): SummaryTable => {
  const sizes = [...new Set(lines.flatMap(({ points }) => points.map(({ name }) => name)))];
  return {
    title: "mean credit by size of the object in question, per cent; 95 % intervals over scenes, first seed",
    columns: ["arm", "question", ...sizes],
    rows: lines.map(({ model, panel, points }) => [
      model,
      panel,
      ...sizes.map((size) => {
        const found = points.find(({ name }) => name === size);
        return found === undefined
          ? "-"
          : `${found.value.toFixed(1)} [${found.low.toFixed(1)}, ${found.high.toFixed(1)}] of ${found.n}`;
      }),
    ]),
  };
};

/** The scores over sizes, a panel for each kind of question; questions about things that are not there have no size. */
export const sizesChart = ({ lines }: SizeScores): Figure =>
  sizeChart({
    title: "Scores by size of the object in question",
    subtitle: "first seed, 95 % intervals over scenes",
    lines: lines.map((line) => ({ ...line, points: line.points.filter(({ name }) => name !== "unknown") })),
    xLabel: "Side of the object in the drawn picture",
    yLabel: "Mean credit (%)",
  });

/** What a quickstart leaves behind: a table, charts, a sheet of answers and `summary.json`. */
import * as Effect from "effect/Effect";
import * as O from "fp-ts/lib/Option.js";
import { contactSheet, type Sample } from "../data/contact_sheet.ts";
import { parseBox } from "../data/grid.ts";
import { imageAt, type SceneSet } from "../data/scene_set.ts";
import { countRight } from "../eval/count.ts";
import { presenceRight } from "../eval/presence.ts";
import { referRight } from "../eval/refer.ts";
import type { Interval } from "../eval/bootstrap.ts";
import type { Question } from "../data/tasks.ts";
import type { DecodeError } from "../bridge.ts";
import { readRunFiles } from "../report/run_files.ts";
import { runReport } from "../report/run_report.ts";
import { writeFigures } from "../report/write.ts";
import { atomicWrite, type DiskError } from "../runs/disk.ts";
import { type RunDirectory, type RunError, writeJson } from "../runs/run_directory.ts";
import { questionsFor } from "../stages/evaluate.ts";
import type { LanguageData } from "../stages/scene_source.ts";
import { table } from "../terminal/table.ts";
import type { ArmResult, Summary } from "./summary.ts";

const percent = (x: number): string => (100 * x).toFixed(1);
const ranged = ({ value, low, high }: Interval): string =>
  `${percent(value)} [${percent(low)}, ${percent(high)}]`;

/** The table of a summary. */
export const summaryTable = (summary: Summary): string =>
  table(
    [
      "bridge",
      { name: "pre-train tokens", align: "right" },
      { name: "pre-train time", align: "right" },
      { name: "fine-tune tokens", align: "right" },
      { name: "loss", digits: 3, align: "right" },
      { name: "presence F1", align: "right" },
      { name: "blind F1", align: "right" },
      { name: "shuffled F1", align: "right" },
      { name: "count acc.", align: "right" },
      { name: "refer acc@0.5", align: "right" },
    ],
    summary.arms.map((arm) => [
      `${arm.bridge} ${arm.pretrainTokens} -> ${arm.finetuneTokens}`,
      arm.pretrainTokens,
      `${arm.relativePretrainTime.toFixed(2)}x`,
      arm.finetuneTokens,
      arm.loss.finetune,
      ranged(arm.scores.presenceF1),
      percent(summary.baselines.blind[arm.name]!.presenceF1.value),
      percent(summary.baselines.shuffled[arm.name]!.presenceF1.value),
      percent(arm.scores.countAccuracy.value),
      percent(arm.scores.referAccuracy.value),
    ]),
  );

const isRight = (question: Question, answer: string, grid: number): boolean =>
  question.kind === "presence"
    ? presenceRight({ ...question, answer })
    : question.kind === "count"
    ? countRight({ ...question, answer })
    : question.kind === "refer" && referRight(grid)({ truth: question.truth, answer });

/** The first held-out pictures with answers of one model: two presence questions, a count and a place each. */
export const sheetOf = (
  answers: readonly string[],
  set: SceneSet,
  data: LanguageData,
  side: number,
): Uint8Array => {
  const asked = questionsFor(data).slice(0, answers.length);
  const scenes = [...new Set(asked.map((a) => a.scene))];
  const grid = data.data.grid;
  const samples = scenes.map((scene): Sample => {
    const mine = asked.flatMap(({ scene: s, question }, i) =>
      s === scene ? [{ question, answer: answers[i]! }] : []
    );
    const pick = (kind: string, n: number) => mine.filter((m) => m.question.kind === kind).slice(0, n);
    const chosen = [...pick("presence", 2), ...pick("count", 1), ...pick("refer", 1)];
    const box = chosen.filter((m) => m.question.kind === "refer").map((m) => parseBox(m.answer, grid))[0] ??
      O.none;
    return {
      scene: data.scenes[scene]!,
      image: imageAt(set, side, scene),
      side,
      lines: chosen.map(({ question, answer }) => ({
        question: question.prompt,
        answer,
        truth: question.answer,
        right: isRight(question, answer, grid),
      })),
      ...(O.isSome(box) ? { predictedBox: box.value } : {}),
    };
  });
  return contactSheet(samples);
};

const text = (content: string): readonly Uint8Array[] => [new TextEncoder().encode(content)];

/** Writes `summary.json`, `summary.txt`, the figures and a contact sheet per arm into the run. */
export const writeReport = (
  directory: RunDirectory,
  summary: Summary,
  results: readonly ArmResult[],
  heldOut: { readonly set: SceneSet; readonly data: LanguageData; readonly side: number },
): Effect.Effect<void, DecodeError | DiskError | RunError> =>
  Effect.gen(function* () {
    yield* writeJson(`${directory.path}/summary.json`, summary);
    yield* atomicWrite(`${directory.path}/summary.txt`, text(`${summaryTable(summary)}\n`));
    yield* writeFigures(directory.figures, runReport(yield* readRunFiles(directory.path)));
    for (const { arm, evaluation } of results) {
      const sheet = sheetOf(evaluation.answers, heldOut.set, heldOut.data, heldOut.side);
      yield* atomicWrite(`${directory.samples}/${arm.name}.png`, [sheet]);
    }
  });

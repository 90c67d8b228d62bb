/** What a quickstart leaves behind: a table, charts and `summary.json`. */
import * as Effect from "effect/Effect";
import type { Interval } from "../base/bootstrap.ts";
import type { DecodeError } from "../base/bridge.ts";
import { readRunFiles } from "../report/run_files.ts";
import { runReport } from "../report/run_report.ts";
import { writeFigures } from "../report/write.ts";
import { atomicWrite, type DiskError } from "../base/disk.ts";
import { type RunDirectory, type RunError, writeJson } from "../runs/run_directory.ts";
import { table } from "../terminal/table.ts";
import type { Summary } from "./summary.ts";

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

const text = (content: string): readonly Uint8Array[] => [new TextEncoder().encode(content)];

/** Writes `summary.json`, `summary.txt` and the figures into the run. */
export const writeReport = (
  directory: RunDirectory,
  summary: Summary,
): Effect.Effect<void, DecodeError | DiskError | RunError> =>
  Effect.gen(function* () {
    yield* writeJson(`${directory.path}/summary.json`, summary);
    yield* atomicWrite(`${directory.path}/summary.txt`, text(`${summaryTable(summary)}\n`));
    yield* writeFigures(directory.figures, runReport(yield* readRunFiles(directory.path)));
  });

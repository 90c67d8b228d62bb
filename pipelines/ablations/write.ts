/** Writes what an ablation found out: summary, tables and figures. */
import * as Effect from "effect/Effect";
import { csvOfRows } from "../runs/data_table.ts";
import { atomicWrite, type DiskError } from "../base/disk.ts";
import type { MetricsError } from "../runs/metrics.ts";
import { hardLink } from "../runs/hard_link.ts";
import { writeJson } from "../runs/run_directory.ts";
import { figuresOf } from "./figures.ts";
import { readAblation, type StoredError, summaryOfStored } from "./summary.ts";
import { summaryText } from "./summary_text.ts";
import { differencesOf, lastOf, type SummaryTable, tableOf } from "./table.ts";
import type { AblationSummary } from "./summary_types.ts";

const bytes = (text: string): readonly Uint8Array[] => [new TextEncoder().encode(text)];
/** A table as comma-separated values. */
const csvOf = ({ columns, rows }: SummaryTable): string => csvOfRows([columns, ...rows]);

/** One row a seed of every arm: numbers in full. */
export const seedTable = ({ arms, metrics }: AblationSummary): SummaryTable => {
  const trainings = Object.keys(arms[0]?.tokens ?? {});
  return {
    title: "every arm and seed",
    columns: [
      "arm",
      "seed",
      ...trainings.flatMap((stage) =>
        ["tokens", "resolution", "seconds_per_step", "loss"].map((of) => `${stage}_${of}`)
      ),
      ...metrics.map(({ name }) => name),
      "artefact",
      "config_hash",
      "data_hash",
      "command",
    ],
    rows: arms.flatMap((arm) =>
      arm.seeds.map(({ seed, scores, loss, secondsPerStep, origin }) => {
        const { artefact, configHash, dataHash, command } = lastOf(origin);
        return [
          arm.name,
          String(seed),
          ...trainings.flatMap((stage) =>
            [arm.tokens[stage], arm.resolution[stage], secondsPerStep[stage], loss[stage]].map(String)
          ),
          ...metrics.map(({ name }) => String(scores[name])),
          artefact,
          configHash,
          dataHash,
          command,
        ];
      })
    ),
  };
};

/** Names the image grids of the first seed of every arm in the directory of an ablation. */
const nameSamples = (
  directory: string,
  store: string,
  { arms }: AblationSummary,
): Effect.Effect<void, DiskError> =>
  Effect.forEach(
    arms,
    ({ name, seeds: [first] }) =>
      first === undefined ? Effect.void : hardLink(
        `${store}/${lastOf(first.origin).artefact}/samples/sheet.png`,
        `${directory}/samples/${name}.png`,
      ),
    { discard: true },
  );

/** Summarises an ablation and writes what follows next to it. */
export const writeAblation = (
  directory: string,
): Effect.Effect<AblationSummary, DiskError | MetricsError | StoredError> =>
  Effect.gen(function* () {
    const stored = yield* readAblation(directory), summary = yield* summaryOfStored(stored);
    yield* writeJson(`${directory}/summary.json`, summary);
    yield* atomicWrite(`${directory}/table.txt`, bytes(`${summaryText(summary)}\n`));
    yield* atomicWrite(`${directory}/table.csv`, bytes(csvOf(tableOf(summary))));
    yield* atomicWrite(`${directory}/differences.csv`, bytes(csvOf(differencesOf(summary))));
    yield* atomicWrite(`${directory}/seeds.csv`, bytes(csvOf(seedTable(summary))));
    for (const [name, figure] of Object.entries(yield* figuresOf(summary, stored.store))) {
      yield* atomicWrite(`${directory}/figures/${name}.svg`, bytes(figure.svg));
      yield* atomicWrite(`${directory}/figures/${name}.png`, [figure.png]);
    }
    yield* nameSamples(directory, stored.store, summary);
    return summary;
  });

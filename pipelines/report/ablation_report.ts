/** The report of an ablation: arms with intervals over seeds and scenes, alongside the paper's, each number with its artefact. */
import * as Effect from "effect/Effect";
import type { DecodeError } from "../base/bridge.ts";
import { type AblationSummary, type Origin, summaryCodec } from "../ablations/summary_types.ts";
import type { Figure } from "../figures/plot.ts";
import { figuresOf, timeFigures } from "../ablations/figures.ts";
import { headlineOf } from "../ablations/summary_text.ts";
import { lastOf, tokensOf } from "../ablations/table.ts";
import { type AblationRecord, recordCodec, storeFrom } from "../engine/ablation_record.ts";
import type { MetricsError } from "../runs/metrics.ts";
import type { Json } from "../base/hash.ts";
import type { Manifest } from "../runs/manifest.ts";
import { type DiskError, existing } from "../base/disk.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import type {
  Ranged,
  ReportDocument,
  ReportFigure,
  ReportRow,
  ReportSample,
  ReportTable,
  Source,
} from "./document.ts";
import { readSamples } from "./run_files.ts";
import { remade, sourceOf } from "./run_report.ts";

type Arm = AblationSummary["arms"][number];

const per = (interval: Omit<Ranged, "scale"> | undefined): Ranged | undefined =>
  interval === undefined ? undefined : { ...interval, scale: 100 };

const originsOf = (arm: Arm): readonly string[] => [
  ...new Set(arm.seeds.flatMap(({ origin }) => Object.values(origin).map(({ artefact }) => artefact))),
];

/** Where all numbers of a summary come from, each once. */
const originsIn = ({ arms }: AblationSummary): readonly Origin[] => {
  const all = arms.flatMap((arm) => arm.seeds.flatMap(({ origin }) => Object.values(origin)));
  return [...new Map(all.map((origin) => [origin.artefact, origin])).values()];
};

const short = (value: number): number => Number(value.toPrecision(3));

const trainingsOf = ({ arms }: AblationSummary): readonly string[] => Object.keys(arms[0]?.tokens ?? {});

const armTable = (summary: AblationSummary): ReportTable => {
  const { arms, metrics, seeds } = summary;
  return {
    title: "Arms",
    note:
      `Per cent, means over ${seeds.length} ${seeds.length === 1 ? "seed" : "seeds"} with 95 % bootstrap ` +
      "intervals over seeds and scenes. Cost of a pre-training step relative to the baseline's: timed side by side, by " +
      "FLOPs, and as the paper reports it for its row.",
    columns: [
      "arm",
      "tokens",
      "time (×)",
      "by FLOPs (×)",
      "paper (×)",
      ...metrics.map(({ label }) => label),
    ],
    rows: arms.map((arm): ReportRow => ({
      values: [
        arm.name,
        tokensOf(arm, " → "),
        arm.time.measured === undefined ? undefined : { ...arm.time.measured, scale: 1 },
        short(arm.time.predicted),
        arm.paper[0]?.relativeTime ?? undefined,
        ...metrics.map(({ name }) => per(arm.scores[name])),
      ],
      sources: originsOf(arm),
    })),
  };
};

const differenceTable = ({ arms, metrics, baseline }: AblationSummary): ReportTable => ({
  title: `Differences from ${baseline}`,
  note: "Percentage points, paired by seed and scene. Intervals that contain 0 are inconclusive.",
  columns: ["arm", ...metrics.map(({ label }) => label)],
  rows: arms.filter(({ name }) => name !== baseline).map((arm) => ({
    values: [arm.name, ...metrics.map(({ name }) => per(arm.difference[name]))],
    sources: originsOf(arm),
  })),
});

const seedTable = (summary: AblationSummary): ReportTable => {
  const { arms, metrics } = summary, trainings = trainingsOf(summary);
  return {
    title: "Seeds",
    note: "One row per arm and seed; losses are means over the last tenth of the steps, scores per cent.",
    columns: [
      "arm",
      "seed",
      ...trainings.map((stage) => `${stage} loss`),
      ...metrics.map(({ label }) => label),
    ],
    rows: arms.flatMap((arm) =>
      arm.seeds.map((seed) => ({
        values: [
          arm.name,
          seed.seed,
          ...trainings.map((stage) => seed.loss[stage]),
          ...metrics.map(({ name }) => {
            const score = seed.scores[name];
            return score === undefined ? undefined : Number((100 * score).toFixed(1));
          }),
        ],
        sources: Object.values(seed.origin).map(({ artefact }) => artefact),
      }))
    ),
  };
};

const failureTable = ({ failures }: AblationSummary): readonly ReportTable[] =>
  failures.length === 0 ? [] : [{
    title: "What could not be done",
    note: "These jobs failed; the arms above lack them.",
    columns: ["job", "artefact", "reason"],
    rows: failures.map(({ label, artefact, reason }) => ({ values: [label, artefact, reason], sources: [] })),
  }];

// Artefacts may be another ablation's, of another version of the code: what made one is in its own manifest.
const sourcesOf = (
  summary: AblationSummary,
  { jobs, store }: AblationRecord,
  manifests: ReadonlyMap<string, Manifest>,
): readonly Source[] => {
  const labels = new Map(jobs.map(({ artefact, label }) => [artefact, label]));
  return originsIn(summary).map(({ artefact, configHash, dataHash, command }) => {
    const { codeVersion, commit, device, finished } = manifests.get(artefact) ??
      { ...summary, commit: undefined, finished: undefined };
    return {
      id: artefact,
      run: labels.get(artefact) ?? artefact,
      path: `${store}/${artefact}`,
      configHash,
      dataHash,
      codeVersion,
      commit,
      device,
      ...(finished === undefined ? {} : { finished }),
      command,
    };
  });
};

const captions = (summary: AblationSummary): Readonly<Record<string, string>> => ({
  loss: "Training loss of the first seed, by stage.",
  ...Object.fromEntries(
    summary.metrics.map(({ name, label }) => [
      `time-${name}`,
      `${label} after fine-tuning against the cost of pre-training, with 95 % intervals. Further left is cheaper.`,
    ]),
  ),
});

// Where metrics are gone from the store the curves are left out.
const drawn = (
  summary: AblationSummary,
  store: string,
): Effect.Effect<Readonly<Record<string, Figure>>, DiskError | MetricsError> =>
  Effect.catch(
    figuresOf(summary, store),
    (error) =>
      error._tag === "DiskError" && error.code === "ENOENT"
        ? Effect.succeed(Object.fromEntries(timeFigures(summary)))
        : Effect.fail(error),
  );

/** Maximum number of arms whose sheets of answers a report shows. */
const SHEETS = 12;

/** The report of an ablation's directory. Artefacts that are gone from the store leave curves and images out. */
export const ablationReport = (
  path: string,
): Effect.Effect<ReportDocument, DecodeError | DiskError | MetricsError | RunError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(path);
    const summary = yield* readJson(`${path}/summary.json`, summaryCodec());
    const record = yield* readJson(`${path}/record.json`, recordCodec());
    const store = storeFrom(path, record.store), manifests = new Map<string, Manifest>();
    for (const { artefact } of originsIn(summary)) {
      if (yield* existing(`${store}/${artefact}/manifest.json`)) {
        manifests.set(artefact, yield* readManifest(`${store}/${artefact}`));
      }
    }
    const sources = sourcesOf(summary, record, manifests),
      samples: ReportSample[] = [];
    for (const { name, seeds: [first] } of summary.arms.slice(0, SHEETS)) {
      if (first === undefined || !manifests.has(lastOf(first.origin).artefact)) continue;
      const sheets = yield* readSamples(`${store}/${lastOf(first.origin).artefact}`);
      samples.push(...Object.values(sheets).map((png) => ({ title: `${name}, seed ${first.seed}`, png })));
    }
    return {
      title: summary.name,
      about:
        `${summary.arms.length} arms, ${summary.seeds.length === 1 ? "seed" : "seeds"} ${
          summary.seeds.join(", ")
        }, on ${summary.device}` +
        (summary.workers > 1 ? `, ${summary.workers} jobs at a time` : ""),
      headline: headlineOf(summary),
      command: remade(manifest.commit, summary.command),
      tables: [
        armTable(summary),
        ...(summary.metrics.length > 0 ? [differenceTable(summary)] : []),
        seedTable(summary),
        ...failureTable(summary),
      ],
      figures: Object.entries(yield* drawn(summary, store)).map(([name, figure]): ReportFigure => ({
        name,
        figure,
        caption: captions(summary)[name] ?? name,
        sources: [...new Set(summary.arms.flatMap(originsOf))],
      })),
      samples,
      sources: [
        ...sources,
        sourceOf(manifest.name, ".", manifest, summary.command),
      ],
      configs: [{ id: manifest.name, config: manifest.config as Json }],
    };
  });

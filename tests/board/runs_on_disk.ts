/** Runs written by hand, for what reads them. */
import { type Manifest, newManifest, stageDone, stageStarted } from "../../pipelines/runs/manifest.ts";
import { metricLine, type MetricRecord } from "../../pipelines/runs/metrics.ts";

/** Lines of metrics from one step to another, with a loss that falls. */
export const records = (
  from: number,
  to: number,
  loss = (step: number) => 3 / step,
): readonly MetricRecord[] =>
  Array.from({ length: to - from + 1 }, (_, i) => ({
    step: from + i,
    loss: loss(from + i),
    seconds: 0.05,
    deviceBytes: 12e6,
  }));

/** Text of a metrics file. */
export const linesOf = (rows: readonly MetricRecord[]): string => rows.map(metricLine).join("");

/** Configuration of a run. */
export interface Made {
  /** Its name. */
  readonly name: string;
  /** Its configuration. */
  readonly config?: Record<string, unknown>;
  /** Names of its stages. */
  readonly stages?: readonly string[];
  /** How many of them are done; the next one is running. */
  readonly done?: number;
  /** Metrics by stage. */
  readonly metrics?: Readonly<Record<string, string>>;
  /** Who holds its lock. */
  readonly pid?: number;
}

/** The manifest of such a run. */
export const manifestOf = ({ name, config = {}, stages = ["a-pretrain"], done = 0 }: Made): Manifest => {
  const start = newManifest({
    name,
    config: config as never,
    dataHash: "d".repeat(64),
    codeVersion: "test",
    commit: "unknown",
    device: "CPU",
    seeds: { model: 1 },
    stages,
  }, "2026-01-31T12:00:00Z");
  const finished = stages.slice(0, done).reduce(
    (m, stage) => stageDone(stage, "2026-01-31T12:10:00Z")(m),
    start,
  );
  const next = stages[done];
  return next === undefined ? finished : stageStarted(next, "2026-01-31T12:05:00Z")(finished);
};

/** A PNG of one pixel. */
export const PIXEL: Uint8Array = Uint8Array.fromBase64(
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==",
);

/** Writes a run into a folder. */
export const writeRun = async (folder: string, made: Made): Promise<void> => {
  await Deno.mkdir(`${folder}/metrics`, { recursive: true });
  await Deno.mkdir(`${folder}/samples`);
  await Deno.writeTextFile(`${folder}/manifest.json`, JSON.stringify(manifestOf(made)));
  for (const [stage, text] of Object.entries(made.metrics ?? {})) {
    await Deno.writeTextFile(`${folder}/metrics/${stage}.jsonl`, text);
  }
  const holder = { pid: made.pid, host: Deno.hostname(), since: "2026-01-31T12:00:00Z" };
  await Deno.writeTextFile(`${folder}/lock`, made.pid === undefined ? "" : `${JSON.stringify(holder)}\n`);
  await Deno.writeFile(`${folder}/samples/a.png`, PIXEL);
};

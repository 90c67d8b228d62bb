/** What a run directory holds for its readers: read leniently, so that a run that is going on can be read too. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import type { DecodeError, TypeOf } from "../base/bridge.ts";
import { type Interval, intervalCodec } from "../base/bootstrap.ts";
import { type DiskError, existing, namesIn, onDisk } from "../base/disk.ts";
import type { Manifest } from "../runs/manifest.ts";
import type { MetricRecord } from "../runs/metrics.ts";
import { IMAGE_BYTES, readOwnBytes } from "../base/own_file.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import { follow, noSeries } from "../runs/tail.ts";

/** `summary.json`, as far as reports show it. */
export interface SummaryFile extends TypeOf<typeof summaryFileCodec> {}

/** Whether a value is a number with an interval. */
export const isInterval = (value: unknown): value is Interval => intervalCodec.is(value);

const armType = t.type({
  /** Name. */
  name: t.string,
  /** Kind of its bridge. */
  bridge: t.string,
  /** Visual tokens in pre-training. */
  pretrainTokens: t.number,
  /** Visual tokens in fine-tuning. */
  finetuneTokens: t.number,
  /** Time of pre-training relative to the first arm. */
  relativePretrainTime: t.number,
  /** Losses by moment. */
  loss: t.record(t.string, t.number),
  /** Every score; those with an interval are shown. */
  scores: t.record(t.string, t.unknown),
  /** Presence F1 beyond each control. */
  gain: t.record(t.string, intervalCodec),
});

/** @internal */
export const summaryFileCodec = t.type({
  /** The size. */
  scale: t.string,
  /** Seconds of the whole command. */
  wallSeconds: t.number,
  /** The arms. */
  arms: t.readonlyArray(armType),
});

/** A run as it stands on disk. */
export interface RunFiles {
  /** Its folder. */
  readonly path: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Its summary, if it has one. */
  readonly summary?: SummaryFile;
  /** Metrics by stage, in the order of the stages. */
  readonly metrics: Readonly<Record<string, readonly MetricRecord[]>>;
  /** Sheets of answers by arm or stage: bytes of a PNG. */
  readonly samples: Readonly<Record<string, Uint8Array>>;
}

/** Reads the sheets of answers of a run directory. */
export const readSamples = (path: string): Effect.Effect<RunFiles["samples"], DiskError> =>
  Effect.gen(function* () {
    const samples: (readonly [string, Uint8Array])[] = [];
    for (const name of yield* namesIn(`${path}/samples`, ".png")) {
      const file = `${path}/samples/${name}.png`;
      samples.push([name, yield* onDisk("read", file, () => readOwnBytes(file, IMAGE_BYTES))]);
    }
    return Object.fromEntries(samples);
  });

/** Reads a run directory. Half-written lines of metrics are left out; the summary is read of a quickstart. */
export const readRunFiles = (path: string): Effect.Effect<RunFiles, DecodeError | DiskError | RunError> =>
  Effect.gen(function* () {
    const manifest = yield* readManifest(path);
    const stages = yield* namesIn(`${path}/metrics`, ".jsonl");
    const order = (name: string): number => manifest.stages.findIndex((stage) => stage.name === name);
    const metrics: (readonly [string, readonly MetricRecord[]])[] = [];
    for (const stage of stages.toSorted((a, b) => order(a) - order(b))) {
      const file = `${path}/metrics/${stage}.jsonl`;
      const { records, validations } = yield* onDisk("read", file, () => follow(file, noSeries));
      metrics.push([stage, [...records, ...validations.records]]);
    }
    const samples = yield* readSamples(path);
    const summary = (yield* existing(`${path}/summary.json`)) && manifest.name.startsWith("quickstart-")
      ? yield* readJson(`${path}/summary.json`, summaryFileCodec)
      : undefined;
    return {
      path,
      manifest,
      metrics: Object.fromEntries(metrics),
      samples,
      ...(summary === undefined ? {} : { summary }),
    };
  });

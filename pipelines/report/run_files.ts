/** What a run directory holds for its readers: read leniently, so that a run that is going on can be read too. */
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { nullableNumberCodec } from "../base/nullable_number.ts";
import type { DecodeError } from "../base/bridge.ts";
import { type DiskError, existing, namesIn, onDisk } from "../base/disk.ts";
import type { Manifest } from "../runs/manifest.ts";
import type { MetricRecord } from "../runs/metrics.ts";
import { IMAGE_BYTES, readOwnBytes } from "../base/own_file.ts";
import { readJson, readManifest, type RunError } from "../runs/run_directory.ts";
import { scoresOfResult } from "../runs/run_scores.ts";
import { follow, noSeries } from "../runs/tail.ts";

/** A number that a stage found. */
export interface StageNumber {
  /** The stage. */
  readonly stage: string;
  /** Its kind. */
  readonly name: string;
  /** The number. */
  readonly value: number;
}

const summaryType = t.type({ stages: t.record(t.string, t.record(t.string, nullableNumberCodec())) });

/** A run unchanged on disk. */
export interface RunFiles {
  /** Its folder. */
  readonly path: string;
  /** Its manifest. */
  readonly manifest: Manifest;
  /** Findings of its stages, by its summary; nothing without one. */
  readonly numbers: readonly StageNumber[];
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

/** Reads a run directory. Half-written lines of metrics are left out. */
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
    const { stages: found } = (yield* existing(`${path}/summary.json`))
      ? yield* readJson(`${path}/summary.json`, summaryType)
      : { stages: {} };
    const result = (yield* existing(`${path}/result.json`))
      ? yield* readJson(`${path}/result.json`, t.unknown)
      : {};
    const own = { [manifest.stages[0]?.name ?? manifest.name]: scoresOfResult(result).scores };
    const numbers = Object.entries({ ...found, ...own }).flatMap(([stage, of]) =>
      Object.entries(of).map(([name, value]) => ({ stage, name, value }))
    );
    return {
      path,
      manifest,
      metrics: Object.fromEntries(metrics),
      samples,
      numbers,
    };
  });

/** The manifest of a run: what it was, on what, from which code and data, and how far each stage came. */
import * as t from "io-ts";
import { hashOf, type Json } from "../base/hash.ts";
import type { TypeOf } from "../base/bridge.ts";
import { countCodec, fromGuard } from "../base/codecs.ts";

/** One stage of a run. */
export interface StageEntry extends TypeOf<typeof stageEntryCodec> {}

/** Everything needed to know what a run directory holds and to make it again. */
export interface Manifest extends TypeOf<typeof manifestCodec> {}

const time = fromGuard(
  "a time such as 2026-01-31T12:00:00Z",
  (u): u is string => typeof u === "string" && !Number.isNaN(Date.parse(u)),
);

const hash = fromGuard(
  "a sha-256 in 64 hexadecimal digits",
  (u): u is string => typeof u === "string" && /^[0-9a-f]{64}$/.test(u),
);

const json = fromGuard("JSON", (u): u is Json => u !== undefined);

/** @internal */
export const stageEntryCodec = t.intersection([
  t.type({
    /** Name, unique in the run. */
    name: t.string,
    /** How far it came. */
    status: t.keyof({ pending: null, running: null, done: null, failed: null }),
  }),
  t.partial({
    /** When it last started, ISO 8601. */
    started: time,
    /** When it ended, ISO 8601. */
    finished: time,
    /** Optimiser steps done. */
    steps: countCodec(),
    /** Its last checkpoint, relative to the run directory. */
    checkpoint: t.string,
    /** Why a training ended before its last step. */
    endedEarly: t.string,
    /** Why it failed. */
    error: t.string,
  }),
]);

/** @internal */
export const manifestCodec = t.intersection([
  t.type({
    /** Version of this format. */
    format: t.literal(1),
    /** Name of the run. */
    name: t.string,
    /** The complete configuration. */
    config: json,
    /** Hash of the configuration. */
    configHash: hash,
    /** Hash of the data. */
    dataHash: hash,
    /** Version of the library. */
    codeVersion: t.string,
    /** The device, in words. */
    device: t.string,
    /** Seeds by purpose. */
    seeds: t.record(t.string, t.number),
    /** When the run started, ISO 8601. */
    started: time,
    /** Stages in order. */
    stages: t.readonlyArray(stageEntryCodec),
  }),
  t.partial({
    /** When it ended, ISO 8601. */
    finished: time,
    /** Commit of its checkout, or "unknown"; nothing in manifests of before that was kept. */
    commit: t.string,
    /** Hash of the code that makes its artefacts, of runs that have several. */
    code: t.string,
  }),
]);

/** What a manifest begins with. */
export interface ManifestStart {
  /** Name of the run. */
  readonly name: string;
  /** The complete configuration, as JSON. */
  readonly config: Json;
  /** Hash of the data, sha-256. */
  readonly dataHash: string;
  /** Version of the library. */
  readonly codeVersion: string;
  /** Commit of its checkout, or "unknown". */
  readonly commit: string;
  /** Hash of the code that makes its artefacts, of runs that have several. */
  readonly code?: string;
  /** The device, in words. */
  readonly device: string;
  /** Seeds by purpose. */
  readonly seeds: Readonly<Record<string, number>>;
  /** Names of the stages in order. */
  readonly stages: readonly string[];
}

/**
 * The manifest of a run that begins at `now` (ISO 8601), all stages pending.
 * @throws {TypeError} for a configuration without JSON.
 */
export const newManifest = ({ stages, ...start }: ManifestStart, now: string): Manifest => ({
  format: 1,
  ...start,
  configHash: hashOf(start.config),
  started: now,
  stages: stages.map((name) => ({ name, status: "pending" })),
});

const changeStage = (
  manifest: Manifest,
  name: string,
  change: (stage: StageEntry) => StageEntry,
): Manifest => ({ ...manifest, stages: manifest.stages.map((s) => s.name === name ? change(s) : s) });

/** The stage of a name. */
export const stageOf = (manifest: Manifest, name: string): StageEntry | undefined =>
  manifest.stages.find((stage) => stage.name === name);

/** The manifest once a stage has begun, or begun again. */
export const stageStarted = (name: string, now: string): (manifest: Manifest) => Manifest => (manifest) =>
  changeStage(manifest, name, ({ error: _error, finished: _finished, ...stage }) => ({
    ...stage,
    status: "running",
    started: now,
  }));

/** The manifest once a training stage has done its last step: the steps, its checkpoint, and why it ended early if it did. */
export const stageTrained = (
  name: string,
  how: Pick<StageEntry, "steps" | "checkpoint" | "endedEarly">,
): (manifest: Manifest) => Manifest =>
(manifest) => changeStage(manifest, name, (stage) => ({ ...stage, ...how }));

/** The manifest once a stage is done; when it was the last one, the run is finished. */
export const stageDone = (name: string, now: string): (manifest: Manifest) => Manifest => (manifest) => {
  const after = changeStage(manifest, name, (stage) => ({ ...stage, status: "done", finished: now }));
  return after.stages.every((stage) => stage.status === "done") ? { ...after, finished: now } : after;
};

/** The manifest once a stage has failed, with the reason. */
export const stageFailed =
  (name: string, now: string, error: string): (manifest: Manifest) => Manifest => (manifest) =>
    changeStage(manifest, name, (stage) => ({ ...stage, status: "failed", finished: now, error }));

/** The manifest once a stage was stopped before its end: it waits to be gone on with. */
export const stageStopped = (name: string): (manifest: Manifest) => Manifest => (manifest) =>
  changeStage(manifest, name, (stage) => ({ ...stage, status: "pending" }));

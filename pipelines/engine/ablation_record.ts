/** `record.json` of an ablation: what was asked for, and where the artefacts of its arms are. */
import * as t from "io-ts";
import { isAbsolute, join } from "node:path";
import type { TypeOf } from "../base/bridge.ts";
import { object } from "../base/codecs.ts";

const texts = t.readonlyArray(t.string);

/**
 * A job as the record names it: its directory in the store, its stage, the artefacts that it reads, what it is in words
 * (shared ones are named by the first arm that wanted them), and its optimiser steps, 0 for what is no training.
 * @internal
 */
export const jobFields = object({
  artefact: t.string,
  stage: t.string,
  needs: texts,
  label: t.string,
  steps: t.number,
});

/**
 * The artefacts of an arm and seed by stage.
 * @internal
 */
export const runFields = object({
  arm: t.string,
  seed: t.number,
  artefacts: t.readonly(t.record(t.string, t.string)),
});

/**
 * An arm's bridge, and of its trainings by stage: visual tokens, side of the images in pixels, steps, FLOPs of a step.
 * @internal
 */
export const workFields = object({
  arm: t.string,
  bridge: t.string,
  trainings: t.readonly(
    t.record(
      t.string,
      object({ tokens: t.number, resolution: t.number, steps: t.number, flops: t.number }),
    ),
  ),
});

/** @internal */
export const recordFields = object({
  /** Version of this format. */
  format: t.literal(2),
  /** The command that makes all of it again. */
  command: t.string,
  /** The store, as a path from the ablation's directory, or from the root of the file system. */
  store: t.string,
  /** Name of the device. */
  device: t.string,
  /** Jobs at a time: times that were measured with more than one are those of a shared machine. */
  workers: t.number,
  /** The jobs, each after those that it needs. */
  jobs: t.readonlyArray(jobFields),
  /** Arms and seeds. */
  runs: t.readonlyArray(runFields),
  /** The arms, in the order of tables. */
  arms: t.readonlyArray(workFields),
});

/** `record.json` of an ablation. */
export interface AblationRecord extends TypeOf<typeof recordFields> {}
/** The artefacts of one arm and seed by stage. */
export type RecordedRun = AblationRecord["runs"][number];

/** Codec of {@link AblationRecord}. */
export const recordCodec = (): t.Type<AblationRecord, unknown, unknown> => recordFields;

/** Where a store is, given the directory of an ablation and the path from there. */
export const storeFrom = (directory: string, store: string): string =>
  isAbsolute(store) ? store : join(directory, store);

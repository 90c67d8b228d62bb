/**
 * From experiments to jobs. A job makes one artefact, and its key is the hash of what decides the artefact: the model,
 * and the stages up to its own. Experiments that begin alike share what they begin with, in one run and between runs.
 *
 * Jobs of one experiment: `scenes` of every split that is drawn, `vision` where that is trained, `features` of each set,
 * then its stages by their names.
 *
 * On disk an artefact is a run directory, `<store>/<name>-<first 16 digits of its key>/`:
 *
 *     manifest.json    of the usual kind (`runs/manifest.ts`); `config` is what decides it
 *     experiment.json  the experiment up to its stage, by which others open it (`record.ts`)
 *     lock             held by the process that makes it; others wait
 *     metrics/         <name>.jsonl of a training, growing line by line
 *     checkpoints/     <name>.safetensors; features and images of those stages
 *     samples/         answers and an image grid of an evaluation; those about control scenes by the split's name
 *     predictions/     what was asked and answered
 *     result.json      numbers that later jobs and summaries read; written last: where it is, the artefact is done
 */
import { hashOf, type Json } from "../base/hash.ts";
import type { DataConfig, Split } from "../scenes/config.ts";
import { shippedHash } from "../decoder/shipped.ts";
import type { CodeVersions } from "../stages/code.ts";
import { bridgeAt, grownBridge, type PlacedBridge, smallBridge, viewsRead } from "../stages/model.ts";
import type { EncoderViews } from "../vision/tower.ts";
import {
  type AskedScenes,
  dataOf,
  type Experiment,
  type SceneRows,
  type StageKind,
  stageKind,
  stageName,
  type StageSpec,
  type TrainSpec,
} from "./experiment.ts";
import type { Resolved } from "./resolve.ts";

/** What a job makes. */
export type JobKind = "scenes" | "vision" | "features" | StageKind;

/** Every kind, in the order in which an experiment goes through them. */
export const jobKinds: readonly JobKind[] = ["scenes", "vision", "features", "train", "expand", "evaluate"];

/** Scenes of the drawn world, and what the encoder sees of them. */
export interface SeenScenes extends EncoderViews {
  /** Their split. */
  readonly split: Split;
  /** How many. */
  readonly count: number;
  /** How they are drawn. */
  readonly data: DataConfig;
}

/** What artefacts are made by. */
export interface MadeBy {
  /** Name of the device. */
  readonly device: string;
  /** The code. */
  readonly code: CodeVersions;
}

/** One artefact to be made. */
export interface Job {
  /** Hash of all that decides it, hexadecimal. */
  readonly key: string;
  /** What it makes. */
  readonly kind: JobKind;
  /** Name of its stage; its kind where it is none. */
  readonly name: string;
  /** The experiment that first wanted it. What it does not depend on is another's, and is not read. */
  readonly resolved: Resolved;
  /** Number of its stage in the experiment; -1 where it is none. */
  readonly stage: number;
  /** The images of scenes and features. */
  readonly images?: SeenScenes;
  /** Inputs that decide it: the configuration in its manifest. */
  readonly config: Json;
  /** The artefacts that it reads, directly. */
  readonly needs: readonly Pick<Job, "name" | "kind" | "key">[];
}

/** Name of an artefact's directory in the store. */
export const artefactName = ({ name, key }: Pick<Job, "name" | "key">): string =>
  `${name}-${key.slice(0, 16)}`;

/** Part of every key, alongside the code: raised when artefacts of before cannot be read any more. */
const FORMAT = 3;

/** The bridge in and after a stage of an experiment, by number. Throws ConfigError for one that does not fit. */
export const bridgeAfter = (
  { experiment: { model, stages }, parts }: Resolved,
  stage: number,
): PlacedBridge =>
  stages.slice(0, stage + 1).reduce(
    (placed, spec) => "expand" in spec ? grownBridge(spec.expand.by, parts, placed) : placed,
    smallBridge(model.bridge, parts, model.resolution),
  );

/** The last training at or before a stage. */
export const trainBefore = ({ stages }: Pick<Experiment, "stages">, stage: number): TrainSpec =>
  stages.slice(0, stage + 1).flatMap((spec) => "train" in spec ? [spec.train] : []).at(-1)!;

/** Scenes that a stage reads: those that it learns from or is asked about, and for questions those it trained on last. */
export const scenesRead = (resolved: Resolved, stage: number): readonly SeenScenes[] => {
  const { experiment, experiment: { stages, world } } = resolved, spec = stages[stage]!;
  const views = viewsRead(bridgeAfter(resolved, stage));
  const rows = ({ data }: TrainSpec): readonly SeenScenes[] =>
    typeof data === "string"
      ? []
      : [{ ...views, split: data.scenes, count: data.count, data: dataOf(experiment, data) }];
  const asked = ({ scenes, count }: AskedScenes): SeenScenes => ({
    ...views,
    split: scenes,
    count,
    data: world!.data,
  });
  if ("train" in spec) {
    const { heldOut } = spec.train;
    return [
      ...rows(spec.train),
      ...(heldOut === undefined || typeof heldOut === "string" ? [] : [asked(heldOut)]),
    ];
  }
  if ("expand" in spec || "benchmarks" in spec.evaluate) return [];
  const { data, controls = [] } = spec.evaluate;
  return [...rows(trainBefore(experiment, stage)), ...[data, ...controls].map(asked)];
};

/** The rows of scenes that a stage learns from, or learned from last. */
export const rowsOf = ({ experiment }: Resolved, stage: number): SceneRows =>
  trainBefore(experiment, stage).data as SceneRows;

// files are known by their content
const content = (spec: StageSpec, hashes: Resolved["hashes"]): Json => {
  const [[kind, fields]] = Object.entries(spec) as [[string, object]];
  const hashOfFile = (file: unknown): unknown => typeof file === "string" ? hashes[file] ?? file : file;
  const known = Object.entries(fields).map(([name, value]) => [
    name,
    name === "data" || name === "heldOut"
      ? hashOfFile(value)
      : name === "warmStart"
      ? { ...value, checkpoint: hashOfFile(value.checkpoint) }
      : value,
  ]);
  return { [kind]: Object.fromEntries(known) } as Json;
};

const modelContent = ({ experiment: { model }, hashes }: Resolved): Json => {
  const known = <A extends { readonly from: string }>(of: A): object =>
    "folder" in of ? { ...of, folder: hashes[of.folder as string] ?? of.folder } : of;
  const decoder = model.decoder.from === "shipped"
    ? { ...model.decoder, weights: shippedHash }
    : known(model.decoder);
  return { ...model, vision: known(model.vision), decoder } as unknown as Json;
};

/** All jobs of an experiment, each after those that it needs. Throws ConfigError for a bridge that does not fit. */
export const jobsOf = (resolved: Resolved, by: MadeBy): readonly Job[] => {
  const { experiment, parts } = resolved, { model: { vision }, seed, world, stages } = experiment;
  const made = new Map<string, Job>(), codes = new Map<string, Readonly<Partial<CodeVersions>>>();
  const add = (kind: JobKind, config: object, needs: readonly Job[], more: Partial<Job> = {}): Job => {
    const drawn = kind === "scenes"; // drawn by the processor, whatever else computes
    const code = Object.assign({}, ...needs.map(({ key }) => codes.get(key)), { [kind]: by.code[kind] });
    const device = drawn ? {} : { device: by.device };
    const whole = { format: FORMAT, stage: kind, ...device, code, ...config } as unknown as Json;
    const key = hashOf(whole), before = made.get(key);
    if (before !== undefined) return before;
    const job: Job = {
      key,
      kind,
      name: kind,
      resolved,
      stage: -1,
      config: whole,
      needs: needs.map((need) => ({ name: need.name, kind: need.kind, key: need.key })),
      ...more,
    };
    codes.set(key, code);
    made.set(key, job);
    return job;
  };
  // only an encoder that is trained here has a seed
  const trained = vision.from === "fresh" ? { ...vision, seed } : { from: vision.from };
  const encoder = vision.from === "fresh" ? [add("vision", { data: world!.data, vision: trained }, [])] : [];
  const featuresOf = ({ split, count, data, side, tiles }: SeenScenes): Job => {
    const set = { data, scenes: { [split]: count } }, seen = { split, count, data, side };
    const scenes = add("scenes", { ...set, images: { split, side } }, [], {
      images: { ...seen, tiles: 1 },
    });
    const by = vision.from === "huggingface"
      ? { vision: (modelContent(resolved) as { vision: Json }).vision }
      : {
        vision: trained,
      };
    return add("features", { ...set, images: { split, side, tiles }, ...by }, [scenes, ...encoder], {
      images: { ...seen, tiles },
    });
  };
  const reads = stages.map((_, stage) => {
    bridgeAt(parts, bridgeAfter(resolved, stage)); // one that does not fit is a ConfigError before anything is made
    return scenesRead(resolved, stage).map(featuresOf);
  });
  const whole = { seed, ...(world === undefined ? {} : { world }), model: modelContent(resolved) };
  stages.reduce<Job | undefined>((before, spec, stage) => {
    const prefix = stages.slice(0, stage + 1).map((one) => content(one, resolved.hashes));
    const needs = [...before === undefined ? [] : [before], ...reads[stage]!];
    return add(stageKind(spec), { ...whole, stages: prefix }, needs, { name: stageName(spec), stage });
  }, undefined);
  return [...made.values()];
};

/** Jobs of many experiments, each once, in an order in which every job comes after those that it needs. */
export const jobGraph = (experiments: readonly Resolved[], by: MadeBy): readonly Job[] => {
  const byKey = new Map<string, Job>();
  for (const e of experiments) {
    for (const job of jobsOf(e, by)) if (!byKey.has(job.key)) byKey.set(job.key, job);
  }
  return [...byKey.values()];
};

/** The job of a stage of an experiment, by the name of the stage; nothing where there is none. */
export const jobNamed = (resolved: Resolved, by: MadeBy, name: string): Job | undefined =>
  jobsOf(resolved, by).findLast((job) => job.name === name);

/** A job and all that it needs, directly or not, in the order of the graph. */
export const neededFor = (jobs: readonly Job[], keys: readonly string[]): readonly Job[] => {
  const byKey = new Map(jobs.map((job) => [job.key, job])), wanted = new Set<string>();
  const walk = (key: string): void => {
    if (wanted.has(key)) return;
    wanted.add(key);
    byKey.get(key)?.needs.forEach((need) => walk(need.key));
  };
  keys.forEach(walk);
  return jobs.filter(({ key }) => wanted.has(key));
};

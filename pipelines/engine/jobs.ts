/**
 * From experiments to jobs. A job makes one artefact, and its key is the hash of the part of the experiment that decides
 * the artefact: arms that are pre-trained alike share one pre-training, in one ablation and between them.
 *
 * Jobs of one experiment: `scenes` of three splits, `vision` (where that stage has steps), `features` of each
 * set, then `pretrain`, `expand`, `finetune`, `evaluate`.
 *
 * On disk an artefact is a run directory, `<store>/<stage>-<first 16 digits of its key>/`:
 *
 *     manifest.json   of the usual kind (`runs/manifest.ts`); `config` is that part of the experiment
 *     lock            held by the process that makes it; others wait
 *     metrics/        <stage>.jsonl of a training, growing line by line
 *     checkpoints/    <stage>.safetensors; features and pictures of those stages
 *     samples/        answers and a contact sheet of an evaluation; those about control scenes by the split's name
 *     result.json     numbers that later jobs and summaries read; written last: where it stands, the artefact is done
 */
import type { DataConfig } from "../scenes/config.ts";
import { hashOf, type Json } from "../base/hash.ts";
import type { CodeVersions } from "../stages/code.ts";
import { bridgeAt, viewsRead } from "../stages/model.ts";
import type { EncoderViews } from "../vision/tower.ts";
import { bridgeAfter, type Experiment, settingOf } from "./experiment.ts";

/** What a job makes. */
export type JobStage = "scenes" | "vision" | "features" | "pretrain" | "expand" | "finetune" | "evaluate";

/** Every stage, in the order in which an experiment goes through them. */
export const jobStages: readonly JobStage[] = [
  "scenes",
  "vision",
  "features",
  "pretrain",
  "expand",
  "finetune",
  "evaluate",
];

/** Splits that a language model learns from and is asked about. */
export type LanguageSplit = "pretrain" | "finetune" | "eval" | "large-objects";

/** Scenes of a split. */
export const scenesIn = ({ scenes, largeObjects = 0 }: Experiment, split: LanguageSplit): number =>
  split === "large-objects" ? largeObjects : scenes[split];

/** How the scenes of a split are made. */
export const dataIn = ({ data, pretrainData = data }: Experiment, split: LanguageSplit): DataConfig =>
  split === "pretrain" ? pretrainData : data;

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
  readonly stage: JobStage;
  /** The experiment that first wanted it. What it does not depend on is another's, and is not read. */
  readonly experiment: Experiment;
  /** Which pictures, and what the encoder sees of them; of scenes and features alone. */
  readonly pictures?: { readonly split: LanguageSplit } & EncoderViews;
  /** The part of the experiment that decides it: the configuration in its manifest. */
  readonly config: Json;
  /** The artefacts that it reads, directly. */
  readonly needs: readonly Pick<Job, "stage" | "key">[];
}

/** Name of an artefact's directory in the store. */
export const artefactName = ({ stage, key }: Pick<Job, "stage" | "key">): string =>
  `${stage}-${key.slice(0, 16)}`;

/**
 * Part of every key, beside the code: raised when artefacts of before cannot be read any more.
 */
const FORMAT = 1;

/** The part of an artefact's configuration that decides its encoder. */
export interface DecidedBy {
  /** The format of artefacts. */
  readonly format: number;
  /** Name of the device. */
  readonly device: string;
  /** How scenes are made. */
  readonly data: DataConfig;
  /** The vision stage with its seed; 0 steps take the shipped weights. */
  readonly vision: { readonly steps: number };
  /** The code of the stages that it comes from; nothing in artefacts of before that was kept. */
  readonly code?: Readonly<Partial<CodeVersions>>;
}

const decidedVision = ({ format, device, data, vision, code }: DecidedBy): Json => {
  const by = code?.vision === undefined ? {} : { code: { vision: code.vision } };
  return { format, stage: "vision", device, ...by, data, vision } as unknown as Json;
};

/** The training of the encoder that an artefact comes from, by the configuration in its manifest; none of the shipped one. */
export const visionJob = (of: DecidedBy): Pick<Job, "stage" | "key"> | undefined =>
  of.vision.steps === 0 ? undefined : { stage: "vision", key: hashOf(decidedVision(of)) };

/** What the encoder sees in a stage of an experiment. The bridge is built, so that one that does not fit is a ConfigError. */
const viewsIn = (e: Experiment, stage: "pretrain" | "finetune"): EncoderViews => {
  const bridge = bridgeAfter(e, stage);
  bridgeAt(e.model, bridge);
  return viewsRead(bridge);
};

/** All jobs of an experiment, each after those that it needs. Throws ConfigError for an arm that does not fit. */
export const jobsOf = (e: Experiment, by: MadeBy): readonly Job[] => {
  const small = viewsIn(e, "pretrain"), grown = viewsIn(e, "finetune");
  const made: Job[] = [], codes = new Map<string, Readonly<Partial<CodeVersions>>>();
  const add = (
    stage: JobStage,
    config: object,
    needs: readonly Job[],
    pictures?: Job["pictures"],
  ): Job => {
    const drawn = stage === "scenes"; // drawn by the processor, whatever else computes
    const code = Object.assign({}, ...needs.map(({ key }) => codes.get(key)), { [stage]: by.code[stage] });
    const device = drawn ? {} : { device: by.device };
    const whole = { format: FORMAT, stage, ...device, code, ...config } as unknown as Json;
    const job: Job = {
      key: hashOf(whole),
      stage,
      experiment: e,
      ...(pictures === undefined ? {} : { pictures }),
      config: whole,
      needs: needs.map((need) => ({ stage: need.stage, key: need.key })),
    };
    codes.set(job.key, code);
    made.push(job);
    return job;
  };
  // only an encoder that is trained here has a seed
  const vision = e.vision.steps === 0 ? { steps: 0 } : { ...e.vision, seed: e.seed };
  const encoder = e.vision.steps === 0 ? [] : [add("vision", { data: e.data, vision }, [])];
  const featuresFor = (split: LanguageSplit, views: EncoderViews): Job => {
    const set = { data: dataIn(e, split), scenes: { [split]: scenesIn(e, split) } };
    const whole = { split, side: views.side, tiles: 1 }, seen = { split, ...views };
    const scenes = add("scenes", { ...set, pictures: { split, side: views.side } }, [], whole);
    return add("features", { ...set, pictures: seen, vision }, [scenes, ...encoder], seen);
  };
  const seen = {
    pretrain: featuresFor("pretrain", small),
    finetune: featuresFor("finetune", grown),
    eval: featuresFor("eval", grown),
  };
  const controls = e.largeObjects === undefined ? [] : [featuresFor("large-objects", grown)];
  const { largeObjects, ...before } = settingOf(e);
  const first = {
    ...before,
    seed: e.seed,
    data: e.data,
    scenes: { pretrain: e.scenes.pretrain },
    vision,
    vocabulary: e.vocabulary,
    model: e.model,
    bridge: e.arm.bridge,
    text: { pretrain: e.text.pretrain },
    pretrain: e.pretrain,
  };
  const pretrain = add("pretrain", first, [seen.pretrain]);
  const second = { ...first, expansion: e.arm.expansion };
  const expand = add("expand", second, [pretrain]);
  const third = {
    ...second,
    scenes: { ...first.scenes, finetune: e.scenes.finetune },
    text: e.text,
    finetune: e.finetune,
  };
  const finetune = add("finetune", third, [expand, seen.finetune]);
  const asked = { ...third, scenes: e.scenes, ...(largeObjects === undefined ? {} : { largeObjects }) };
  add("evaluate", { ...asked, evaluate: e.evaluate }, [finetune, seen.finetune, seen.eval, ...controls]);
  return made;
};

/** Jobs of many experiments, each once, in an order in which every job comes after those that it needs. */
export const jobGraph = (experiments: readonly Experiment[], by: MadeBy): readonly Job[] => {
  const byKey = new Map<string, Job>();
  for (const e of experiments) {
    for (const job of jobsOf(e, by)) if (!byKey.has(job.key)) byKey.set(job.key, job);
  }
  return [...byKey.values()];
};

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

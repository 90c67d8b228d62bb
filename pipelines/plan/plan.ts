/** The plan of a configuration: parameters, work, memory and time of both stages, from descriptions alone. Pure. */
import { compile } from "@chain-of-sight/kernels";
import * as E from "fp-ts/lib/Either.js";
import type { Geometry, NamedConfig, StageName } from "../configs/config.ts";
import { trainedInStage } from "../configs/model.ts";
import { type Precision, precisions } from "../train/precision.ts";
import { type PlanDevice, PlanError } from "./device.ts";
import { type StepFlops, stepFlops } from "./flops.ts";
import { imagesThatFit, type MemoryNeed, memoryOf } from "./memory.ts";
import { type ParameterCounts, parameterCounts } from "./parameters.ts";
import { unlimitedProfile } from "./profile.ts";
import { type RelativeTimes, relativeTimes } from "./relative.ts";
import { plannedStep } from "./step.ts";
import { secondsAt } from "./time.ts";

/** What a plan is made for. */
export interface PlanSettings {
  /** The device. */
  readonly device: PlanDevice;
  /** Number of devices; each has all weights and an equal share of the batch. */
  readonly gpus: number;
  /** Share of the device's ceilings that is reached, above 0 and at most 1. */
  readonly utilisation: number;
  /** Images of a step; those of each stage's configuration by default. */
  readonly batch?: number;
}

/** Memory of a stage in one precision, blocks kept or computed again. */
export interface StageMemory extends MemoryNeed {
  /** Element types. */
  readonly precision: Precision;
  /** Whether the backward pass computes the blocks of encoder and decoder again. */
  readonly remat: boolean;
  /** Most images at a time that the device's memory holds, 0 for none; null where its memory is not known. */
  readonly imagesThatFit: number | null;
}

/** Time of a stage, blocks kept or computed again. */
export interface StageTime {
  /** Whether the backward pass computes the blocks of encoder and decoder again. */
  readonly remat: boolean;
  /** Seconds of one step. */
  readonly stepSeconds: number;
  /** Hours of the stage. */
  readonly hours: number;
  /** Hours of the stage times the number of devices. */
  readonly gpuHours: number;
}

/** One stage of a plan. */
export interface StagePlan {
  /** Side of the images in pixels. */
  readonly resolution: number;
  /** Visual and text tokens of an image. */
  readonly tokens: { readonly visual: number; readonly text: number };
  /** Optimiser steps. */
  readonly steps: number;
  /** Images of a step. */
  readonly batch: number;
  /** Images of a step on one device. */
  readonly imagesPerDevice: number;
  /** Parameters by part. */
  readonly parameters: ParameterCounts;
  /** Trained parameters by part. */
  readonly trainable: ParameterCounts;
  /** Trained parameters altogether. */
  readonly trainableParameters: number;
  /** Work of one step on all devices. */
  readonly flops: StepFlops;
  /** Work of the whole stage on all devices, without recomputation. */
  readonly stageFlops: number;
  /** Memory of one device for its images at once: each precision with blocks kept and computed again. */
  readonly memory: readonly StageMemory[];
  /** Time at the ceilings, divided by the utilisation. */
  readonly time: readonly StageTime[];
}

/** A plan. */
export interface ConfigPlan {
  /** Name of the configuration. */
  readonly name: string;
  /** Its size. */
  readonly geometry: Geometry;
  /** Trained parameters of fine-tuning. */
  readonly trainableParameters: number;
  /** The device that times and fits are for. */
  readonly device: PlanDevice;
  /** Number of devices. */
  readonly gpus: number;
  /** Share of the ceilings that is reached. */
  readonly utilisation: number;
  /** The stages. */
  readonly stages: Readonly<Record<StageName, StagePlan>>;
  /** Both stages together, blocks kept. */
  readonly gpuHours: number;
  /** Times of pre-training by token count, as predicted and as the paper measured them. */
  readonly pretrainingTime: RelativeTimes;
  /** What the numbers rest on. */
  readonly assumptions: readonly string[];
}

/** What the numbers of every plan rest on. */
const assumptions: readonly string[] = [
  "memory: weights, the optimiser's two moments, the batch, and all temporaries (gradients, activations) alive at the worst moment by the compiler's own plan, with the decoder as a loop; libraries and fragmentation not counted",
  "mixed precision: activations, frozen weights and a copy of the trained ones in two bytes; trained weights, gradients, moments and logits in four",
  "several devices: each has all weights and an equal share of the batch; their exchange of gradients is not counted",
  "time: each kernel at the ceiling of arithmetic or of memory, whichever it meets first, one after the other; reading images, text tokenisation and evaluation are not counted",
  "work: every operation of the description once; scores under the causal mask are counted though kernels leave them out, which the time allows for",
];

const refuse = (op: string, got: unknown, expected: string): E.Left<PlanError> =>
  E.left(new PlanError({ op, got: String(got), expected, mend: "see deno task plan --help" })) as E.Left<
    PlanError
  >;

const checked = (
  config: NamedConfig,
  { gpus, utilisation, batch }: PlanSettings,
): E.Either<PlanError, NamedConfig> => {
  if (!Number.isInteger(gpus) || gpus < 1) return refuse("--gpus", gpus, "a whole number above 0");
  if (!(utilisation > 0 && utilisation <= 1)) {
    return refuse("--utilisation", utilisation, "a number above 0 and at most 1");
  }
  if (batch !== undefined && (!Number.isInteger(batch) || batch < 1)) {
    return refuse("--batch", batch, "a whole number above 0");
  }
  const sized = batch === undefined ? config : {
    ...config,
    pretrain: { ...config.pretrain, batch },
    finetune: { ...config.finetune, batch },
  };
  const uneven = [sized.pretrain.batch, sized.finetune.batch].find((images) => images % gpus !== 0);
  return uneven === undefined ? E.right(sized) : refuse(
    "--gpus",
    `${gpus} for a step of ${uneven} images`,
    "a number that divides the images of a step",
  );
};

/** The configuration with the images that one of some devices has. */
const onOne = (config: NamedConfig, gpus: number): NamedConfig => ({
  ...config,
  pretrain: { ...config.pretrain, batch: config.pretrain.batch / gpus },
  finetune: { ...config.finetune, batch: config.finetune.batch / gpus },
});

const timesAll = (flops: StepFlops, by: number): StepFlops =>
  Object.fromEntries(
    Object.entries(flops).map(([name, { all, products }]) => [name, {
      all: by * all,
      products: by * products,
    }]),
  ) as unknown as StepFlops;

const stagePlan = (config: NamedConfig, name: StageName, settings: PlanSettings): StagePlan => {
  const { device, gpus, utilisation } = settings, one = onOne(config, gpus);
  const { resolution, batch, steps, textTokens } = config[name], images = batch / gpus;
  const again = plannedStep(one, name, true), kept = plannedStep(one, name, false);
  const trained = trainedInStage(config, name), { specs, visualTokens } = kept.model;
  const trainable = parameterCounts(specs, trained);
  // recomputation first: bodies of loops run in the order in which their nodes came to be, and both share most of them
  const compiled = [again, kept].map(({ source, prefixes }, i) => ({
    plan: compile(source, unlimitedProfile),
    prefixes,
    remat: i === 0,
  }));
  const plans = compiled.toReversed();
  const { vocabulary } = config.model.decoder;
  const flops = timesAll(stepFlops(one, name, kept, again), gpus);
  return {
    resolution,
    tokens: { visual: visualTokens, text: textTokens },
    steps,
    batch,
    imagesPerDevice: images,
    parameters: parameterCounts(specs),
    trainable,
    trainableParameters: trainable.total,
    flops,
    stageFlops: steps * flops.step.all,
    memory: precisions.flatMap((precision) =>
      plans.map(({ plan, prefixes, remat }): StageMemory => {
        const need = memoryOf(plan, { precision, images, trained, prefixes, vocabulary });
        const fits = device.memory === null ? null : imagesThatFit(need, 4 * trainable.total, device.memory);
        return { precision, remat, ...need, imagesThatFit: fits };
      })
    ),
    time: plans.map(({ plan, remat }): StageTime => {
      const stepSeconds = secondsAt(plan, device) / utilisation, hours = steps * stepSeconds / 3600;
      return { remat, stepSeconds, hours, gpuHours: gpus * hours };
    }),
  };
};

const keptSeconds = ({ time }: StagePlan): number => time.find(({ remat }) => !remat)!.stepSeconds;

/**
 * The plan of a configuration. Throws ConfigError for a configuration whose parts do not fit. Memory with blocks computed
 * again is that of a process which described nothing before: the order of a loop's kernels depends on what it did.
 */
export const planOf = (given: NamedConfig, settings: PlanSettings): E.Either<PlanError, ConfigPlan> =>
  E.map((config: NamedConfig): ConfigPlan => {
    const { device, gpus, utilisation } = settings;
    const pretrain = stagePlan(config, "pretrain", settings),
      finetune = stagePlan(config, "finetune", settings);
    const known = new Map([[JSON.stringify(config.bridge), keptSeconds(pretrain)]]);
    const secondsOf = (other: NamedConfig): number => {
      const key = JSON.stringify(other.bridge), before = known.get(key);
      if (before !== undefined) return before;
      const same = onOne({ ...other, pretrain: { ...config.pretrain } }, gpus);
      const { source } = plannedStep(same, "pretrain", false);
      const seconds = secondsAt(compile(source, unlimitedProfile), device) / utilisation;
      known.set(key, seconds);
      return seconds;
    };
    return {
      name: config.name,
      geometry: config.geometry,
      trainableParameters: finetune.trainableParameters,
      device,
      gpus,
      utilisation,
      stages: { pretrain, finetune },
      gpuHours: [pretrain, finetune].reduce((sum, { time }) => sum + time[0]!.gpuHours, 0),
      pretrainingTime: relativeTimes(config, secondsOf),
      assumptions: [...assumptions, ...config.assumptions],
    };
  })(checked(given, settings));

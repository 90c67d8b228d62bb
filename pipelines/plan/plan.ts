/** The plan of a configuration: parameters, work, memory and time of both stages, from descriptions alone. Pure. */
import { together } from "@chain-of-sight/core";
import { compile } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { fromEither } from "../base/bridge.ts";
import type { Geometry, NamedConfig, StageName } from "../configs/config.ts";
import { modelOfStage, trainedInStage } from "../configs/model.ts";
import type { StepError } from "../train/programs.ts";
import { type CompiledStep, compiledStep } from "./compiled.ts";
import { type PlanDevice, PlanError, profileOfDevice } from "./device.ts";
import { type StepFlops, stepFlops } from "./flops.ts";
import {
  type Estimate,
  estimateOf,
  type ExchangeNeed,
  exchangeOf,
  type MemoryNeed,
  secondsAt,
  type StepWork,
} from "./memory.ts";
import { type ParameterCounts, parameterCounts } from "./parameters.ts";
import { type RelativeTimes, relativeTimes } from "./relative.ts";
import { plannedTraining, type StepForm, wholeStep } from "./step.ts";

const stageNames = ["pretrain", "finetune"] as const;

/** Ranks of a plan. */
export interface PlanRanks {
  /** Whether each keeps the optimiser's memory of its own part of the parameters alone. */
  readonly shards: boolean;
  /** Bytes that a rank moves in a second. */
  readonly rate: number;
}

/** What a plan is made for. */
export interface PlanSettings {
  /** The device. */
  readonly device: PlanDevice;
  /** Number of devices; each has all weights and an equal share of the batch. */
  readonly gpus: number;
  /** Share of the device's peak rates that is reached, above 0 and at most 1. */
  readonly utilisation: number;
  /** The devices are those of ranks, whose exchange is counted; without it the devices share the batch for nothing. */
  readonly ranks?: PlanRanks;
  /** Images of a step; those of each stage's configuration by default. */
  readonly batch?: number;
}

/** One way to compute a step on a device: which blocks are recomputed, and how many images come together. */
export interface StageRow extends StepForm {
  /** Its memory, as estimated. */
  readonly memory: MemoryNeed;
  /** Whether the device's memory and buffers hold it; true where its memory is not known. */
  readonly fits: boolean;
  /** Its work, as estimated; seconds at the peak rates. */
  readonly work: StepWork;
  /** What ranks move in it, of which nothing happens meanwhile; absent without ranks. */
  readonly exchange?: ExchangeNeed;
  /** Hours of the stage at the utilisation, and with the exchange. */
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
  /** Ways to compute a step, from all blocks stored to all recomputed, each with as many images at a time as fit. */
  readonly rows: readonly StageRow[];
  /** The cheapest of them that fits; null where none does. */
  readonly best: StageRow | null;
  /** That step, compiled; null where it was not asked for. */
  readonly compiled: CompiledStep | null;
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
  /** Share of the peak rates that is reached. */
  readonly utilisation: number;
  /** The stages. */
  readonly stages: Readonly<Record<StageName, StagePlan>>;
  /** Both stages together, each as cheap as it fits; null where one does not. */
  readonly gpuHours: number | null;
  /** Times of pre-training by token count, as predicted and as the paper measured them. */
  readonly pretrainingTime: RelativeTimes;
  /** What the numbers rest on. */
  readonly assumptions: readonly string[];
}

/** What the numbers of every plan rest on. */
const assumptions: readonly string[] = [
  "memory: weights, the optimiser's two moments, the batch, and all temporaries (gradients, activations) alive at the worst moment by the compiler's plans, with the decoder as a loop; libraries not counted",
  "mixed precision: products, what goes from one to the next, and frozen parameters in f16; trained parameters, gradients and moments in f32",
  "micro-batches: as many images at a time as fit; gradients are added in a tree, whose sums are stored",
  "time: each kernel at the peak rate of arithmetic or of memory, whichever it meets first, one after the other; reading images, text tokenisation and evaluation are not counted",
  "work: every operation of the description once; scores under the causal mask are counted though kernels leave them out, which the time allows for",
];

/** What they rest on where several devices share a step. */
const sharing = ({ gpus, ranks }: PlanSettings): readonly string[] =>
  gpus === 1 ? [] : ranks === undefined
    ? [
      "several devices: each has all weights and an equal share of the batch; their exchange of gradients is not counted",
    ]
    : [
      `ranks: each has all weights and gradients, ${
        ranks.shards
          ? `and the optimiser's memory of the parameters that are dealt to it, of which the fullest is shown`
          : "and all of the optimiser's memory"
      }; for P trained parameters on N of them a step sends 2 x 4P x (N-1)/N bytes from each, and 2 x 4P go through the host of each`,
      `exchange: all these bytes at ${
        ranks.rate / 1e9
      } GB/s, sums included, while nothing is computed; 1.9 GB/s were measured between two processes of one machine (--exchange-rate)`,
    ];

const refuse = (op: string, got: unknown, expected: string): E.Left<PlanError> =>
  E.left(new PlanError({ op, got: String(got), expected, hint: "see deno task plan --help" })) as E.Left<
    PlanError
  >;

const checked = (
  config: NamedConfig,
  { gpus, utilisation, batch, ranks }: PlanSettings,
): E.Either<PlanError, NamedConfig> => {
  if (ranks !== undefined && !(Number.isInteger(Math.log2(gpus)) && ranks.rate > 0)) {
    return refuse("--ranks", `${gpus} at ${ranks.rate} bytes/s`, "a power of two, at a rate above 0");
  }
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

/** The divisors of a number, largest first. */
const divisors = (n: number): readonly number[] =>
  Array.from({ length: n }, (_, i) => n - i).filter((d) => n % d === 0);

/** The form of a step with as many images at a time as fit, else one at a time. */
const stageRow = (
  one: NamedConfig,
  stage: StageName,
  remat: StepForm["remat"],
  { device, gpus, utilisation, ranks }: PlanSettings,
  near?: number,
): StageRow => {
  const { batch, steps } = one[stage], { memory, precision } = device;
  const size = ranks === undefined ? 1 : gpus, shared = { size, shards: ranks?.shards === true };
  const known = new Map<number, Estimate>();
  const at = (images: number): Estimate => {
    const form = { precision, remat, images, micro: size * batch / images };
    const found = known.get(images) ?? estimateOf(plannedTraining(one, stage, form), device, shared);
    known.set(images, found);
    return found;
  };
  const holds = (images: number): boolean => memory === null || at(images).memory.peak <= memory;
  const images = mostThatHold(divisors(batch), near, holds, (from) => {
    const { peak, activations, data } = at(from).memory, each = (activations + data) / from;
    return ((memory ?? Infinity) - (peak - activations - data)) / each;
  });
  const { work, memory: need } = at(images);
  const exchange = ranks && exchangeOf(
    plannedTraining(one, stage, { precision, remat, images, micro: 1 }),
    shared,
    ranks.rate,
  );
  const hours = steps * (work.seconds / utilisation + (exchange?.seconds ?? 0)) / 3600;
  return {
    precision,
    remat,
    images,
    micro: batch / images,
    memory: need,
    fits: holds(images),
    work,
    ...(exchange === undefined ? {} : { exchange }),
    hours,
    gpuHours: gpus * hours,
  };
};

/**
 * The largest of some numbers, given largest first, that holds; the last where none does. Each trial says what it
 * expects to hold, so that few are tried, from one on where that is `near` already.
 */
const mostThatHold = (
  numbers: readonly number[],
  near: number | undefined,
  holds: (n: number) => boolean,
  expected: (from: number) => number,
): number => {
  let i = near === undefined ? 0 : numbers.indexOf(near);
  while (i < numbers.length - 1 && !holds(numbers[i]!)) {
    const likely = numbers.findIndex((n) => n <= expected(numbers[i]!));
    i = Math.max(i + 1, likely < 0 ? numbers.length - 1 : likely);
  }
  // what was expected of the largest may be less than what holds
  while (i > 0) {
    const likely = numbers.findIndex((n) => n <= expected(numbers[i]!));
    const greater = numbers.findIndex((_, at) => at >= likely && at < i && holds(numbers[at]!));
    if (likely < 0 || greater < 0) break;
    i = greater;
  }
  return numbers[i]!;
};

/** What a stage may recompute: nothing, the decoder, and the encoder too where it is trained. */
const rematsOf = (config: NamedConfig, stage: StageName): readonly StepForm["remat"][] => [
  [],
  ["decoder"],
  ...(config[stage].trainable.includes("vision") ? [["vision", "decoder"] as const] : []),
];

const cheapest = (rows: readonly StageRow[]): StageRow | null =>
  rows.filter((row) => row.fits).toSorted((a, b) => a.hours - b.hours)[0] ?? null;

const hoursOf = ({ pretrain, finetune }: ConfigPlan["stages"]): number | null =>
  pretrain.best === null || finetune.best === null ? null : pretrain.best.gpuHours + finetune.best.gpuHours;

const stagePlan = (config: NamedConfig, name: StageName, settings: PlanSettings): StagePlan => {
  const { gpus } = settings,
    one = onOne(config, gpus),
    { resolution, batch, steps, textTokens } = config[name];
  const { specs, visualTokens } = modelOfStage(config, name);
  const trainable = parameterCounts(specs, trainedInStage(config, name));
  const flops = stepFlops(config, name),
    // whatever recomputes more holds about as many images at least
    rows = rematsOf(one, name).reduce<readonly StageRow[]>(
      (rows, remat) => [...rows, stageRow(one, name, remat, settings, rows.at(-1)?.images)],
      [],
    );
  return {
    resolution,
    tokens: { visual: visualTokens, text: textTokens },
    steps,
    batch,
    imagesPerDevice: batch / gpus,
    parameters: parameterCounts(specs),
    trainable,
    trainableParameters: trainable.total,
    flops,
    stageFlops: steps * flops.step.all,
    rows,
    best: cheapest(rows),
    compiled: null,
  };
};

/** Seconds of a step of pre-training of a configuration, all images at once. */
const pretrainSeconds = (config: NamedConfig, device: PlanDevice): number => {
  const form = { precision: device.precision, remat: [], images: config.pretrain.batch };
  return secondsAt(compile(wholeStep(config, "pretrain", form), profileOfDevice(device, false)), device);
};

/** Pre-training time by visual tokens, at the batch of a configuration. */
export const plannedTimes = (config: NamedConfig, device: PlanDevice): RelativeTimes => {
  const known = new Map<string, number>();
  return relativeTimes(config, (other) => {
    const key = JSON.stringify(other.bridge);
    const seconds = known.get(key) ?? pretrainSeconds({ ...other, pretrain: config.pretrain }, device);
    known.set(key, seconds);
    return seconds;
  });
};

/** The plan of a configuration. Throws ConfigError for a configuration whose parts do not fit. */
export const planOf = (given: NamedConfig, settings: PlanSettings): E.Either<PlanError, ConfigPlan> =>
  // hundreds of thousands of descriptions, whose places in the program nobody reads
  E.map((config: NamedConfig): ConfigPlan =>
    together(() => {
      const { device, gpus, utilisation } = settings;
      const [pretrain, finetune] = stageNames.map((name) => stagePlan(config, name, settings)) as [
        StagePlan,
        StagePlan,
      ];
      return {
        name: config.name,
        geometry: config.geometry,
        trainableParameters: finetune.trainableParameters,
        device,
        gpus,
        utilisation,
        stages: { pretrain, finetune },
        gpuHours: hoursOf({ pretrain, finetune }),
        pretrainingTime: plannedTimes(onOne(config, gpus), device),
        assumptions: [...assumptions, ...sharing(settings), ...config.assumptions],
      };
    })
  )(checked(given, settings));

/**
 * The plan of a configuration with the cheapest step of each stage compiled for the device. A step that turns out to need
 * more than its memory does not fit, and the next is compiled.
 */
export const compiledPlan = (
  given: NamedConfig,
  settings: PlanSettings,
): Effect.Effect<ConfigPlan, PlanError | StepError> =>
  Effect.gen(function* () {
    const plan = yield* fromEither(planOf(given, settings)), profile = profileOfDevice(settings.device);
    const stages = { ...plan.stages };
    for (const name of stageNames) {
      let stage = stages[name];
      while (stage.best !== null && stage.compiled === null) {
        const { best } = stage, size = settings.ranks === undefined ? 1 : settings.gpus;
        const training = plannedTraining(given, name, { ...best, micro: size * best.micro });
        const compiled = yield* compiledStep(training, profile, size);
        if (compiled.peak <= (settings.device.memory ?? Infinity)) stage = { ...stage, compiled };
        else {
          const rows = stage.rows.map((row) => row === best ? { ...row, fits: false } : row);
          stage = { ...stage, rows, best: cheapest(rows) };
        }
      }
      stages[name] = stage;
    }
    return { ...plan, stages, gpuHours: hoursOf(stages) };
  });

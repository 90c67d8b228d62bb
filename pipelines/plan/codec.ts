/** Plans from outside: what `deno task plan --json` prints, field by field. */
import * as t from "io-ts";
import type { ConfigPlan } from "./plan.ts";

const count = t.refinement(t.number, (n) => Number.isInteger(n) && n >= 0, "an integer of at least 0");
const natural = t.refinement(t.number, (n) => Number.isInteger(n) && n > 0, "an integer above 0");
const amount = t.refinement(t.number, (n) => Number.isFinite(n) && n >= 0, "a number of at least 0");
const positive = t.refinement(t.number, (n) => Number.isFinite(n) && n > 0, "a number above 0");
const precision = t.keyof({ f32: null, mixed: null });

const countsType = t.strict({ vision: count, bridge: count, decoder: count, lora: count, total: count });
const flopType = t.strict({ all: amount, products: amount });

const memoryType = t.strict({
  precision,
  remat: t.boolean,
  weights: amount,
  optimiser: amount,
  data: amount,
  gradients: amount,
  activations: amount,
  peak: amount,
  perImage: amount,
  imagesThatFit: t.union([count, t.null]),
});

const timeType = t.strict({ remat: t.boolean, stepSeconds: positive, hours: positive, gpuHours: positive });

const stageType = t.strict({
  resolution: natural,
  tokens: t.strict({ visual: natural, text: natural }),
  steps: natural,
  batch: natural,
  imagesPerDevice: natural,
  parameters: countsType,
  trainable: countsType,
  trainableParameters: count,
  flops: t.strict({
    vision: flopType,
    bridge: flopType,
    decoder: flopType,
    backward: flopType,
    step: flopType,
    recomputation: flopType,
  }),
  stageFlops: positive,
  memory: t.readonlyArray(memoryType),
  time: t.readonlyArray(timeType),
});

const relativeType = t.strict({
  config: t.string,
  tokens: natural,
  predicted: positive,
  measured: t.union([positive, t.null]),
});

const planType = t.strict({
  name: t.string,
  geometry: t.keyof({ full: null, small: null }),
  trainableParameters: count,
  device: t.strict({
    name: t.string,
    precision,
    flops: positive,
    bytes: positive,
    memory: t.union([positive, t.null]),
  }),
  gpus: natural,
  utilisation: t.refinement(t.number, (n) => n > 0 && n <= 1, "a number above 0 and at most 1"),
  stages: t.strict({ pretrain: stageType, finetune: stageType }),
  gpuHours: positive,
  pretrainingTime: t.strict({
    points: t.readonlyArray(relativeType),
    planned: relativeType,
    rmsError: amount,
    greatestError: amount,
    fixedTokens: t.strict({ predicted: t.number, measured: t.number }),
  }),
  assumptions: t.readonlyArray(t.string),
});

/** Codec of {@link ConfigPlan}. */
export const planCodec = (): t.Type<ConfigPlan, unknown, unknown> => planType;

/** How a language stage trains, as configurations say it. Pure. */
import {
  adamw,
  ConfigError,
  type Optimiser,
  type ParameterSpec,
  type PathPredicate,
  type Schedule,
  specTrees,
  type Tree,
  under,
  warmupCosine,
  warmupStableDecay,
} from "@chain-of-sight/core";
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";
import { about, object, oneOf } from "../base/codecs.ts";
import { amount, batchSize, fraction, natural, positive } from "../base/numbers.ts";

const share = t.refinement(amount, (n) => n <= 1, "a number from 0 to 1");
const perGroup = t.union([amount, t.readonly(t.record(t.string, amount))]);
const floor = about("lowest learning rate as a share of the highest", share);
const weights = oneOf(["trained", "ema"]);

const schedule = t.union([
  object({ kind: about("half a cosine, to a floor of 0.02 by default", t.literal("cosine")) }, { floor }),
  object({ kind: about("the highest learning rate to the end", t.literal("constant")) }),
  object({
    kind: about("the highest learning rate, then linearly to a floor of 0 by default", t.literal("wsd")),
    decay: about("steps of the fall at the end", natural),
  }, { floor }),
]);

const validation = object({
  every: about("steps between validations; the last step is validated too", natural),
  batches: about("batches of a validation, always the same", natural),
}, {
  metric: about(
    "metric that decides what is best: validation/loss by default, or a score such as scores/presenceF1",
    t.string,
  ),
  mode: about(
    "whether the least or the largest value is best; min of the loss, max of others by default",
    oneOf(["min", "max"]),
  ),
  patience: about(
    "validations in a row without a better value after which the training ends; never by default",
    natural,
  ),
  scores: about(
    "whether the evaluation that follows gives scores at every validation; not by default",
    t.boolean,
  ),
});

const keep = object({}, {
  last: about("the last so many checkpoints, the last one included; 1 by default", natural),
  best: about("the best checkpoint by validation; not by default", t.boolean),
});

const result = object({}, {
  checkpoint: about("the last checkpoint, the default, or the best by validation", oneOf(["last", "best"])),
  weights: about("weights as trained, the default, or their averages; validation reads the same", weights),
});

const warmStart = object({ checkpoint: about("file of a training's checkpoint", t.string) }, {
  weights: about("weights as trained, the default, or their averages", weights),
  strict: about(
    "whether names that are missing or unexpected there are refused; they are by default",
    t.boolean,
  ),
});

const tokens = object({
  keep: about("share of an image's visual tokens that a step sees, rounded down", fraction),
  by: about(
    "how they are chosen: at random again in every step, or far from each other (DivPrune)",
    oneOf(["random", "diversity"]),
  ),
}, {
  slow: about(
    "share of steps that see all tokens and learn from the same model's answers with few (DualSpeed); none by default",
    fraction,
  ),
});

/** @internal */
export const languageFields = t.exact(t.intersection([
  t.type({
    steps: about("optimiser steps", natural),
    batch: about("rows of a step", batchSize),
    learningRate: about("highest learning rate: one, or by prefix of parameter paths", perGroup),
    warmup: about("warm-up steps", amount),
    weightDecay: about("weight decay: one, or by prefix of parameter paths", perGroup),
    maxNorm: about("largest norm of the gradients", positive),
    trainable: about("what is trained: prefixes of parameter paths", t.readonlyArray(t.string)),
    every: about("steps between checkpoints", natural),
  }),
  t.partial({
    schedule: about("the learning rate after the warm-up; cosine by default", schedule),
    decays: about(
      "which parameters decay: weights of linear layers, the default, or all",
      oneOf(["weights", "all"]),
    ),
    precision: about("element types; f32 by default", oneOf(["f32", "mixed"])),
    storeF32: about(
      "frozen parameters that mixed precision stores as f32 instead of f16, by prefix; none by default",
      t.readonlyArray(t.string),
    ),
    remat: about(
      "blocks that the backward pass recomputes, which takes less memory and more time; none by default",
      t.readonlyArray(oneOf(["vision", "decoder"])),
    ),
    onNonFinite: about("what becomes of a step that is not finite; stop by default", oneOf(["stop", "skip"])),
    micro: about(
      "micro-batches of a step (gradient accumulation), a divisor of batch; 1 by default",
      natural,
    ),
    ema: about("decay of a moving average of the weights; none is kept by default", fraction),
    validation: about("validation on heldOut while it trains; none by default", validation),
    keep: about("checkpoints that are kept alongside the last one", keep),
    result: about("what evaluation, later stages and exports get", result),
    tokens: about("fewer visual tokens in training steps than in answers; all by default", tokens),
    warmStart: about(
      "parameters that the training starts from, and nothing else of their training",
      warmStart,
    ),
  }),
]));

/** How a stage trains. */
export interface LanguageConfig extends TypeOf<typeof languageFields> {}

const rules: readonly (readonly [(config: LanguageConfig) => boolean, string])[] = [
  [({ batch, micro = 1 }) => batch % micro === 0, "a number of micro-batches that divides the batch"],
  [
    ({ keep, result, validation }) =>
      validation !== undefined || (keep?.best !== true && result?.checkpoint !== "best"),
    "validation, which says what is best",
  ],
  [({ ema, result }) => ema !== undefined || result?.weights !== "ema", "ema, whose weights are the result"],
];
const languageType = rules.reduce<t.Type<LanguageConfig, unknown, unknown>>(
  (type, [holds, expected]) => t.refinement(type, holds, expected),
  languageFields,
);

/** Codec of {@link LanguageConfig}. */
export const languageCodec = (): t.Type<LanguageConfig, unknown, unknown> => languageType;

/**
 * Inputs that decide the numbers of a training, without what says the default and without what only says what is kept or where
 * it starts. Trainings that were made before there was a choice are known by what they were known by.
 */
export const decidingFields = (
  { every: _every, keep: _keep, warmStart: _warmStart, ...config }: LanguageConfig,
): Readonly<Record<string, unknown>> => {
  const defaults = { precision: "f32", onNonFinite: "stop", micro: 1, decays: "weights" };
  const said = Object.entries(config).filter(([name, value]) =>
    value !== undefined && value !== defaults[name as keyof typeof defaults]
  );
  return { ...Object.fromEntries(said), ...(config.precision === "mixed" ? { frozen: "f16" } : {}) };
};

const refused = (field: string, got: string, expected: string, hint: string): ConfigError =>
  new ConfigError({ op: field, got, expected, hint });

/**
 * The value of every trained path: the one number, or that of the one prefix that the path is under. Throws a ConfigError
 * that names a prefix without trained parameters, prefixes that overlap, and a path without prefix.
 */
const byPath = (
  field: string,
  given: LanguageConfig["learningRate"],
  trained: readonly string[],
): (path: string) => number => {
  if (typeof given === "number") return () => given;
  const prefixes = Object.keys(given), of = new Map<string, number>();
  const names = [...new Set(trained.map((path) => path.split(".")[0]!))].join(", ");
  for (const prefix of prefixes) {
    if (trained.some(under(prefix))) continue;
    throw refused(
      `${field}.${prefix}`,
      "a group that no trained parameter belongs to",
      `a prefix of trained parameters, which are under ${names}`,
      "correct the prefix, add it to trainable, or remove it",
    );
  }
  for (const path of trained) {
    const [first, second] = prefixes.filter((prefix) => under(prefix)(path));
    if (second !== undefined) {
      throw refused(
        field,
        `${path} in two groups, ${first} and ${second}`,
        "groups that do not overlap",
        `remove one of them, or split ${first!.length < second.length ? first : second} into its parts`,
      );
    }
    if (first === undefined) {
      throw refused(
        field,
        `no group with ${path}, which is trained`,
        "every trained parameter in one group",
        `add a group for it, such as "${path.split(".")[0]}": 0, or remove it from trainable`,
      );
    }
    of.set(path, given[first]!);
  }
  return (path) => of.get(path) ?? 0;
};

/** Whether a path is trained. */
export const trainedBy = ({ trainable }: Pick<LanguageConfig, "trainable">): PathPredicate =>
  under(...trainable);

/** The optimiser and the schedule of a stage on a model's parameters. Throws a ConfigError for groups that do not fit. */
export const optimiserOf = (
  config: LanguageConfig,
  specs: Tree<ParameterSpec>,
): { readonly optimiser: Optimiser; readonly schedule: Schedule } => {
  const { learningRate, weightDecay, schedule = { kind: "cosine" }, warmup, steps, decays } = config;
  const trained = specTrees.entries(specs).map(([path]) => path).filter(trainedBy(config));
  const rate = byPath("learningRate", learningRate, trained);
  const shrink = byPath("weightDecay", weightDecay, trained);
  const peak = trained.reduce((most, path) => Math.max(most, rate(path)), 0), rise = { peak, warmup };
  const scales = peak === 0 ? [] : [...new Set(trained.map(rate))].filter((of) => of !== peak);
  return {
    optimiser: adamw({
      weightDecay: shrink,
      betas: [0.9, 0.98],
      ...(decays === "all" ? { decay: () => true } : {}),
      groups: scales.map((of) => ({ when: (path) => rate(path) === of, scale: of / peak })),
    }),
    schedule: schedule.kind === "cosine"
      ? warmupCosine({
        ...rise,
        total: steps,
        floor: schedule.floor === undefined ? peak / 50 : peak * schedule.floor,
      })
      : schedule.kind === "constant"
      ? warmupStableDecay({ ...rise, total: Math.max(steps, warmup), decay: 0 })
      : warmupStableDecay({
        ...rise,
        total: steps,
        decay: schedule.decay,
        floor: peak * (schedule.floor ?? 0),
      }),
  };
};

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
import { amount, batchSize, fraction, natural, positive } from "../base/numbers.ts";

const share = t.refinement(amount, (n) => n <= 1, "a number from 0 to 1");
const perGroup = t.union([amount, t.readonly(t.record(t.string, amount))]);

/** @internal */
export const languageFields = t.exact(t.intersection([
  t.type({
    /** Optimiser steps. */
    steps: natural,
    /** Rows of a step. */
    batch: batchSize,
    /** Highest learning rate: of all that is trained, or by prefix of parameter paths. */
    learningRate: perGroup,
    /** Steps of warm-up. */
    warmup: amount,
    /** Weight decay: of all that is trained, or by prefix of parameter paths. */
    weightDecay: perGroup,
    /** Greatest norm of the gradients. */
    maxNorm: positive,
    /** What is trained: prefixes of parameter paths. */
    trainable: t.readonlyArray(t.string),
    /** Steps between checkpoints. */
    every: natural,
  }),
  t.partial({
    /** The learning rate after the warm-up; `cosine` by default. Floors are shares of the highest learning rate. */
    schedule: t.union([
      /** Half a cosine, to a floor of 0.02 by default. */
      t.exact(t.intersection([t.type({ kind: t.literal("cosine") }), t.partial({ floor: share })])),
      /** As it is. */
      t.strict({ kind: t.literal("constant") }),
      /** As it is, then linearly to a floor of 0 by default within the last `decay` steps (warmup-stable-decay). */
      t.exact(t.intersection([
        t.type({ kind: t.literal("wsd"), decay: natural }),
        t.partial({ floor: share }),
      ])),
    ]),
    /** Which parameters decay: `weights` of linear layers alone, the default, or `all`, norms and biases too. */
    decays: t.keyof({ weights: null, all: null }),
    /** Element types; f32 by default. */
    precision: t.keyof({ f32: null, mixed: null }),
    /** Frozen parameters that mixed precision stores as f32: prefixes of paths; by default none, and they are f16. */
    storeF32: t.readonlyArray(t.string),
    /** Blocks that the backward pass recomputes, which takes less memory and more time; none by default. */
    remat: t.readonlyArray(t.keyof({ vision: null, decoder: null })),
    /** What becomes of a step that is not finite; `stop` by default. */
    onNonFinite: t.keyof({ stop: null, skip: null }),
    /** Micro-batches of a step, whose gradients are added (gradient accumulation); 1 by default. Divides `batch`. */
    micro: natural,
    /** Decay of an exponential moving average of the trained parameters; none is kept by default. */
    ema: fraction,
    /** Validation while it trains, on data that it is not trained on; none by default. The last step is validated too. */
    validation: t.exact(t.intersection([
      t.type({
        /** Steps between validations. */
        every: natural,
        /** Batches of a validation, always the same. */
        batches: natural,
      }),
      t.partial({
        /** The metric that decides what is best; `validation/loss` by default, else a score such as `scores/f1`. */
        metric: t.string,
        /** Whether the least or the greatest value is best; `min` of the loss and `max` of scores by default. */
        mode: t.keyof({ min: null, max: null }),
        /** Validations in a row without a better value after which the training stops; it does not stop by default. */
        patience: natural,
        /** Whether evaluation gives scores at every validation, too; not by default. */
        scores: t.boolean,
      }),
    ])),
    /** Checkpoints that are kept beside the last one. */
    keep: t.exact(t.partial({
      /** The last so many, the last one included; 1 by default. */
      last: natural,
      /** The best by validation; not by default. */
      best: t.boolean,
    })),
    /** What evaluation, later stages and exports get of the training. */
    result: t.exact(t.partial({
      /** The `last` checkpoint, the default, or the `best` by validation. */
      checkpoint: t.keyof({ last: null, best: null }),
      /** The weights as `trained`, the default, or their moving averages `ema`; validation reads the same. */
      weights: t.keyof({ trained: null, ema: null }),
    })),
    /** A run's checkpoint whose parameters the training starts from (warm start), and nothing else of it. */
    warmStart: t.exact(t.intersection([
      t.type({
        /** The file. */
        checkpoint: t.string,
      }),
      t.partial({
        /** The weights as `trained`, the default, or their moving averages `ema`. */
        weights: t.keyof({ trained: null, ema: null }),
        /** Whether names that are missing or unexpected there are refused, the default, or listed and passed over. */
        strict: t.boolean,
      }),
    ])),
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
 * What decides the numbers of a training, without what says the default and without what only says what is kept or where
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

const refused = (field: string, got: string, expected: string, mend: string): ConfigError =>
  new ConfigError({ op: field, got, expected, mend });

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

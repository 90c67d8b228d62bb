/** What all arms of a comparison share, as one value, and the experiment of one arm and seed on it. */
import { ConfigError, under } from "@chain-of-sight/core";
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";
import type { ObjectOf } from "../base/codecs.ts";
import { natural, whole } from "../base/numbers.ts";
import { bridgeCodec, expansionCodec } from "../configs/bridge_codec.ts";
import type { Experiment } from "../engine/experiment.ts";
import { type Resolved, resolveDrawn } from "../engine/resolve.ts";
import { dataConfigCodec } from "../scenes/config.ts";
import { shippedSizes } from "../decoder/shipped.ts";
import { languageCodec, type LanguageConfig } from "../stages/language_config.ts";
import { modelCodec } from "../stages/model.ts";
import { turnsCodec } from "../train/rows.ts";

// a control asks each question about another scene
const several = t.refinement(t.number, (n) => Number.isInteger(n) && n > 1, "an integer above 1");
const text = t.strict({ length: natural, turns: turnsCodec });

/** @internal */
export const baseFields = {
  /** How scenes are made. */
  data: dataConfigCodec(),
  /** Scenes of each split. */
  scenes: t.strict({ pretrain: natural, finetune: natural, eval: several }),
  /** The vision stage: 0 steps take the shipped weights, more train the encoder first. */
  vision: t.strict({ steps: whole, batch: t.readonly(t.tuple([natural, natural])), scenes: natural }),
  /** The decoder. */
  model: modelCodec(),
  /**
   * Greatest size of the vocabulary; or `shipped`, that of the shipped decoder, which models then start from unless their
   * arm says otherwise.
   */
  vocabulary: t.union([natural, t.literal("shipped")]),
  /** Rows of training text in either stage. */
  text: t.strict({ pretrain: text, finetune: text }),
  /** Images per submit when features are computed, at 112 px; a quarter of them at 224 px. */
  featureBatch: natural,
  /** Pre-training. */
  pretrain: languageCodec(),
  /** Fine-tuning. */
  finetune: languageCodec(),
  /** Evaluation. */
  evaluate: t.strict({ batch: natural, resamples: natural, seed: whole, samples: natural }),
};

/** @internal */
export const settingFields = {
  /** Side of the images of pre-training, pixels; 112 if absent. Growth multiplies it for fine-tuning and evaluation. */
  resolution: natural,
  /** How scenes of pre-training are made; as all others if absent. */
  pretrainData: dataConfigCodec(),
  /** Scenes of the control split `large-objects`, about which evaluation asks as well; none if absent. */
  largeObjects: natural,
};

/** @internal */
export const baseType = t.type(baseFields);

/** @internal */
export const armFields = {
  /** Name, unique in a run; files are named by it. */
  name: t.refinement(t.string, (s) => /^[\w.-]+$/.test(s), "a name of letters, digits, dots and dashes"),
  /** The bridge of pre-training, on the small grid. */
  bridge: bridgeCodec(),
  /** How it grows between pre-training and fine-tuning; null where it does not, and the resolution stays. */
  expansion: t.union([expansionCodec(), t.null]),
};
/** @internal */
export const armSettings = {
  /** A decoder that starts from nothing though another is shipped (`fresh`), or that is not trained (`frozen`). */
  decoder: t.keyof({ fresh: null, frozen: null }),
};
/** @internal */
export const armObject = t.exact(t.intersection([t.type(armFields), t.partial(armSettings)]));

/** What all runs of a comparison share. */
export interface StudyBase extends TypeOf<typeof baseType> {}
/** What comparisons may have beside their base; what is absent is as it was before there was a choice. */
export type StudySetting = ObjectOf<Record<never, never>, typeof settingFields>;
/** One way of pre-training with few tokens and fine-tuning with many. */
export type Arm = ObjectOf<typeof armFields, typeof armSettings>;

/** Codec of {@link Arm}. */
export const armCodec = (): t.Type<Arm, unknown, unknown> => armObject;

/** The base of what has one. */
export const baseOf = (of: StudyBase): StudyBase =>
  Object.fromEntries(
    Object.keys(baseFields).map((name) => [name, of[name as keyof StudyBase]]),
  ) as unknown as StudyBase;

/** The setting of what has one: absent fields stay absent. */
export const settingOf = ({ resolution, pretrainData, largeObjects }: StudySetting): StudySetting => ({
  ...(resolution === undefined ? {} : { resolution }),
  ...(pretrainData === undefined ? {} : { pretrainData }),
  ...(largeObjects === undefined ? {} : { largeObjects }),
});

/** How an arm with a frozen decoder trains: what is left of what is trained, and of groups, is the bridge. */
const withoutDecoder = (config: LanguageConfig): LanguageConfig => {
  const groups = (of: LanguageConfig["learningRate"]): LanguageConfig["learningRate"] =>
    typeof of === "number"
      ? of
      : Object.fromEntries(Object.entries(of).filter(([path]) => under("bridge")(path)));
  const { trainable, learningRate, weightDecay } = config;
  return {
    ...config,
    trainable: trainable.filter(under("bridge")),
    learningRate: groups(learningRate),
    weightDecay: groups(weightDecay),
  };
};

/** The decoder of an arm. Throws a ConfigError for other sizes than those of a shipped one that it starts from. */
const decoderOn = ({ vocabulary, model }: StudyBase, arm: Arm): Experiment["model"]["decoder"] => {
  const { width, layers, heads, ff } = model;
  if (vocabulary !== "shipped" || arm.decoder === "fresh") return { from: "fresh", width, layers, heads, ff };
  const other = (["width", "layers", "heads", "ff"] as const).find((size) =>
    model[size] !== shippedSizes[size]
  );
  if (other === undefined) return { from: "shipped" };
  throw new ConfigError({
    op: `model.${other}`,
    got: `${model[other]}, and the vocabulary "shipped"`,
    expected: `${shippedSizes[other]}, as the shipped decoder has`,
    mend:
      "choose its sizes, or a vocabulary of a number of tokens, such as 512, to start from random numbers",
  });
};

/** The experiment of an arm and a seed on a base. Throws a ConfigError for other sizes than those of a shipped decoder. */
export const experimentOn = (
  base: StudyBase & StudySetting,
  arm: Arm,
  seed: number,
): Experiment => {
  const { vision, model: { bridgeHeads, init }, scenes, text, evaluate, resolution } = base;
  const { name, bridge, expansion } = arm;
  const training = arm.decoder === "frozen" ? withoutDecoder : (config: LanguageConfig) => config;
  const { pretrainData: data, largeObjects: count } = base;
  return {
    name,
    seed,
    world: { data: base.data, vocabulary: base.vocabulary },
    featureBatch: base.featureBatch,
    model: {
      vision: vision.steps === 0 ? { from: "shipped" } : { from: "fresh", ...vision },
      bridge,
      bridgeHeads,
      init,
      decoder: decoderOn(base, arm),
      ...(resolution === undefined ? {} : { resolution }),
    },
    stages: [
      {
        train: {
          name: "pretrain",
          data: {
            scenes: "pretrain",
            count: scenes.pretrain,
            ...text.pretrain,
            ...(data === undefined ? {} : { data }),
          },
          ...training(base.pretrain),
        },
      },
      { expand: { by: expansion } },
      {
        train: {
          name: "finetune",
          data: { scenes: "finetune", count: scenes.finetune, ...text.finetune },
          ...training(base.finetune),
        },
      },
      {
        evaluate: {
          data: { scenes: "eval", count: scenes.eval },
          ...evaluate,
          ...(count === undefined ? {} : { controls: [{ scenes: "large-objects", count }] }),
        },
      },
    ],
  };
};

/** As {@link experimentOn}, with the parts of its model. Throws ConfigError for an arm that does not fit. */
export const resolvedOn = (base: StudyBase & StudySetting, arm: Arm, seed: number): Resolved =>
  resolveDrawn(experimentOn(base, arm, seed));

/** Configurations from outside: every field by its type, and the whole by building the models of both stages. */
import { LanguageError } from "@chain-of-sight/core";
import * as t from "io-ts";
import { checked } from "../base/codecs.ts";
import { bridgeCodec, expansionCodec } from "./bridge_codec.ts";
import type { NamedConfig } from "./config.ts";
import { modelOfStage } from "./model.ts";
import { amount, fraction, natural, positive, whole } from "../base/numbers.ts";

const textOrNull = t.union([t.string, t.null]);
const stageType = t.strict({
  resolution: natural,
  trainable: t.readonlyArray(t.keyof({ vision: null, bridge: null, model: null, lm_head: null })),
  lora: t.union([t.strict({ rank: natural, alpha: positive }), t.null]),
  steps: natural,
  batch: natural,
  textTokens: natural,
  rate: amount,
  floor: amount,
  warmup: whole,
  weightDecay: amount,
  maxNorm: positive,
});

const rowType = t.strict({
  table: t.keyof({ main: null, referring: null, "token-scaling": null }),
  row: natural,
  label: t.string,
  pretrainTokens: natural,
  relativeTime: t.union([positive, t.null]),
  resolution: natural,
  finetuneTokens: natural,
  scores: t.record(t.string, t.number),
  note: t.string,
});

const fieldsType = t.strict({
  name: t.refinement(t.string, (s) => /^[\w.-]+$/.test(s), "a name of letters, digits, dots and dashes"),
  geometry: t.keyof({ full: null, small: null }),
  about: t.string,
  model: t.strict({
    vision: t.strict({
      weights: textOrNull,
      patch: natural,
      width: natural,
      layers: natural,
      heads: natural,
      levels: t.readonlyArray(whole),
      classToken: t.boolean,
    }),
    decoder: t.strict({
      weights: textOrNull,
      vocabulary: natural,
      width: natural,
      layers: natural,
      heads: natural,
      kvHeads: natural,
      ff: natural,
    }),
    bridgeHeads: natural,
    init: fraction,
  }),
  bridge: bridgeCodec(),
  expansion: t.union([expansionCodec(), t.null]),
  pretrain: stageType,
  finetune: stageType,
  rows: t.readonlyArray(rowType),
  assumptions: t.readonlyArray(t.string),
}) as unknown as t.Type<NamedConfig, unknown, unknown>;

/** Why the models of a configuration cannot be built; undefined where they can. */
const refusal = (config: NamedConfig): string | undefined => {
  try {
    modelOfStage(config, "pretrain");
    modelOfStage(config, "finetune");
    const grown = config.expansion === null
      ? 1
      : config.expansion.kind === "grow"
      ? config.expansion.growth.resolution
      : config.expansion.tiles;
    const { pretrain, finetune } = config;
    return finetune.resolution === pretrain.resolution * grown
      ? undefined
      : `fine-tuning at ${pretrain.resolution * grown} px, as the expansion has it`;
  } catch (error) {
    if (error instanceof LanguageError) return error.message;
    throw error;
  }
};

/** Codec of {@link NamedConfig}; it takes complete configurations only, whose models can be built. */
export const configCodec = (): t.Type<NamedConfig, unknown, unknown> => checked(fieldsType, refusal);

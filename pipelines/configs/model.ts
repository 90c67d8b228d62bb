/** Values derived from a configuration: bridges, models, what is trained, and parameters from stage to stage. */
import {
  type Bridge,
  type BridgeDescription,
  bridgeOf,
  type BridgeSite,
  countParameters,
  decoderMaps,
  expandBridge,
  type ExpandedBridge,
  expandedSite,
  inheritUnchanged,
  initialise,
  input,
  interpret,
  type Key,
  type LlamaConfig,
  type NdArray,
  ndarray,
  type ParameterSpec,
  type PathPredicate,
  positionTable,
  specTrees,
  type Tree,
  under,
  type VisionLanguage,
  visionLanguage,
  type VisionTower,
  withLora,
} from "@chain-of-sight/core";
import { spread } from "./spread.ts";
import type { NamedConfig, StageName } from "./config.ts";

const firstSite = ({ model, pretrain }: NamedConfig): BridgeSite => ({
  resolution: pretrain.resolution,
  patch: model.vision.patch,
  width: model.vision.width,
  to: model.decoder.width,
  heads: model.bridgeHeads,
});

/** What is around the bridge of a stage. */
export const siteOfStage = (config: NamedConfig, stage: StageName): BridgeSite => {
  const site = firstSite(config);
  return stage === "pretrain" || config.expansion === null ? site : expandedSite(config.expansion, site);
};

/** The bridge of fine-tuning as data, and how its parameters come from pre-training. Throws ConfigError. */
export const expansionOf = (config: NamedConfig): ExpandedBridge =>
  config.expansion === null
    ? { description: config.bridge, inherit: inheritUnchanged }
    : expandBridge(config.bridge, config.expansion, firstSite(config));

/** The bridge of a stage as data. Throws ConfigError where the bridge has no such expansion. */
export const bridgeDescriptionOf = (config: NamedConfig, stage: StageName): BridgeDescription =>
  stage === "pretrain" ? config.bridge : expansionOf(config).description;

/** The bridge of a stage. Throws ConfigError where it does not fit the configuration. */
export const bridgeOfStage = (config: NamedConfig, stage: StageName): Bridge =>
  bridgeOf(bridgeDescriptionOf(config, stage), siteOfStage(config, stage));

/** The encoder of a stage: its position table is made for the images that it sees, which are tiles for some. */
export const towerOfStage = (config: NamedConfig, stage: StageName): VisionTower => {
  const bridge = bridgeOfStage(config, stage);
  const { patch, width, layers, heads, levels, classToken } = config.model.vision;
  return {
    config: { resolution: bridge.grid * patch, patch, width, layers, heads, classToken },
    levels: levels.slice(-bridge.levels),
  };
};

/** The decoder. */
export const decoderOfConfig = ({ model }: NamedConfig): LlamaConfig => {
  const { weights: _weights, ...decoder } = model.decoder;
  return decoder;
};

/**
 * The whole model of a stage, from images to logits; low-rank additions are its parameters under `lora`. The decoder
 * may be given in another form, such as with `scan`. Throws ConfigError where its parts do not fit.
 */
export const modelOfStage = (
  config: NamedConfig,
  stage: StageName,
  decoder: LlamaConfig = decoderOfConfig(config),
): VisionLanguage => {
  const model = visionLanguage({
    bridge: bridgeOfStage(config, stage),
    decoder,
    vision: towerOfStage(config, stage),
  });
  const { lora } = config[stage];
  return lora === null ? model : withLora(model, { ...lora, when: decoderMaps });
};

/** Which parameters a stage trains: the named parts, and low-rank additions. */
export const trainedInStage = (config: NamedConfig, stage: StageName): PathPredicate =>
  under(...config[stage].trainable, "lora");

/** Number of parameters that a stage trains. */
export const trainableParameters = (config: NamedConfig, stage: StageName): number => {
  const trained = trainedInStage(config, stage);
  const { specs } = modelOfStage(config, stage);
  return countParameters(
    Object.fromEntries(specTrees.entries(specs).filter(([path]) => trained(path))),
  );
};

/** Parameters of a stage's model that has learned nothing. Only for geometries that fit in memory. */
export const freshParameters = (config: NamedConfig, stage: StageName, key: Key): Tree<NdArray> =>
  initialise(
    key,
    spread(modelOfStage(config, stage).specs as Tree<ParameterSpec>, config.model.init),
  ) as Tree<
    NdArray
  >;

type Parts = { readonly [part: string]: Tree<NdArray> };

const TABLE = ["embeddings", "position_embedding", "weight"] as const;

/** The encoder's parameters with its position table made for another grid. */
const onGrid = (vision: Tree<NdArray>, to: number, classToken: boolean): Tree<NdArray> => {
  const [embeddings, position, weight] = TABLE, parts = vision as Parts;
  const inner = parts[embeddings] as Parts, table = (inner[position] as Parts)[weight] as NdArray;
  const [grown] = interpret([positionTable(input("table", table.shape), to, classToken)], { table });
  const resized = ndarray("f32", grown!.shape, Float32Array.from(grown!.data as ArrayLike<number>));
  return { ...parts, [embeddings]: { ...inner, [position]: { [weight]: resized } } };
};

/**
 * Parameters with which fine-tuning starts, from those with which pre-training ended: the position table is
 * interpolated, the bridge grows, low-rank additions begin as nothing, the rest goes on as it is. New parameters are
 * drawn with the key.
 * @throws {ConfigError} or {TreeError} where the parameters are of another configuration.
 */
export const expandedParameters = (config: NamedConfig, given: Tree<NdArray>, key: Key): Tree<NdArray> => {
  const { vision, bridge, ...decoder } = given as Parts;
  const fresh = freshParameters(config, "finetune", key) as Parts;
  const { grid } = bridgeOfStage(config, "finetune");
  return {
    vision: onGrid(vision!, grid, config.model.vision.classToken),
    bridge: expansionOf(config).inherit(bridge!, () => fresh.bridge!),
    ...decoder,
    ...(fresh.lora === undefined ? {} : { lora: fresh.lora }),
  };
};

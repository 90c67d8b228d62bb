/** Arms as models before any training, for tests of single stages. */
import type { BridgeDescription, Expansion } from "@chain-of-sight/core";
import {
  grownBridge,
  type ModelConfig,
  type ModelState,
  partsOf,
  type PlacedBridge,
  smallBridge,
} from "../../pipelines/stages/model.ts";
import { freshModel } from "../../pipelines/stages/train.ts";

/** A bridge, and how it grows. */
export interface Growing {
  /** The bridge of pre-training. */
  readonly bridge: BridgeDescription;
  /** How it grows; null where it stays. */
  readonly expansion: Expansion | null;
}

/** The model of an arm with the shipped encoder. */
export const freshArm = (
  { bridge }: Pick<Growing, "bridge">,
  config: ModelConfig,
  vocabulary: number,
  seed: number,
): ModelState => {
  const parts = partsOf(config, vocabulary);
  return freshModel(smallBridge(bridge, parts), parts, seed);
};

/** The bridge of an arm after its expansion. */
export const grownArm = (
  { bridge, expansion }: Growing,
  config: ModelConfig,
): PlacedBridge => {
  const parts = partsOf(config, 64);
  return grownBridge(expansion, parts, smallBridge(bridge, parts));
};

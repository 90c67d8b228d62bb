/** Arms as models before any training, for tests of single stages. */
import type { Arm } from "../../pipelines/ablations/base.ts";
import {
  grownBridge,
  type ModelConfig,
  type ModelState,
  partsOf,
  type PlacedBridge,
  smallBridge,
} from "../../pipelines/stages/model.ts";
import { freshModel } from "../../pipelines/stages/train.ts";

/** The model of an arm with the shipped encoder. */
export const freshArm = (
  { bridge }: Pick<Arm, "bridge">,
  config: ModelConfig,
  vocabulary: number,
  seed: number,
): ModelState => {
  const parts = partsOf(config, vocabulary);
  return freshModel(smallBridge(bridge, parts), parts, seed);
};

/** The bridge of an arm after its expansion. */
export const grownArm = (
  { bridge, expansion }: Pick<Arm, "bridge" | "expansion">,
  config: ModelConfig,
): PlacedBridge => {
  const parts = partsOf(config, 64);
  return grownBridge(expansion, parts, smallBridge(bridge, parts));
};

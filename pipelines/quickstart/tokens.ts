/** Token counts of an arm, from its bridges. */
import { type Arm, bridgeAt, grownBridge, type ModelConfig, smallBridge } from "../stages/model.ts";

/** Visual tokens in pre-training. */
export const smallTokens = (arm: Arm, model: ModelConfig): number => bridgeAt(model, smallBridge(arm)).tokens;

/** Visual tokens in fine-tuning. */
export const grownTokens = (arm: Arm, model: ModelConfig): number =>
  bridgeAt(model, grownBridge(arm, model)).tokens;

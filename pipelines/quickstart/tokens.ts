/** Token counts of an arm, from its layouts. */
import { tokenCount } from "@chain-of-sight/core";
import { type Arm, grownLayout, smallLayout } from "../stages/model.ts";

/** Visual tokens in pre-training. */
export const smallTokens = (arm: Arm): number => tokenCount(smallLayout(arm));

/** Visual tokens in fine-tuning. */
export const grownTokens = (arm: Arm): number => tokenCount(grownLayout(arm).layout);

/** The small encoder of this repository: a quarter of the tokens of the paper's, in the same proportions. */
import type { VisionTower } from "@chain-of-sight/core";

/**
 * Patches of 14 px; a grid of 8 at 112 px (pre-training) and, with an interpolated position table, of 16 at 224 px
 * (fine-tuning). Features are read after blocks 2 and 4 of five, as the paper reads blocks 15 and 22 of CLIP's 23.
 */
export const visionTower: VisionTower = {
  config: { resolution: 112, patch: 14, width: 128, layers: 5, heads: 4, classToken: false },
  levels: [2, 4],
};

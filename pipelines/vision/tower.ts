/** The small encoder of this repository: a quarter of the tokens of the paper's, in the same proportions. */
import {
  reshape,
  type Tensor,
  viewsOf,
  type VisionTower,
  vitFeatures,
  type VitParams,
} from "@chain-of-sight/core";

/**
 * Patches of 14 px; a grid of 8 at 112 px (pre-training) and, with an interpolated position table, of 16 at 224 px
 * (fine-tuning). Features are read after blocks 2 and 4 of five, as the paper reads blocks 15 and 22 of CLIP's 23.
 */
export const visionTower: VisionTower = {
  config: { resolution: 112, patch: 14, width: 128, layers: 5, heads: 4, classToken: false },
  levels: [2, 4],
};

/** What the encoder sees of an image. */
export interface EncoderViews {
  /** Side of the whole image in pixels. */
  readonly side: number;
  /** 1: the image as a whole; more: a thumbnail, then so many tiles per side. */
  readonly tiles: number;
}

/** Cells of the patch grids of all views together. */
export const cellsOf = ({ config }: VisionTower, { side, tiles }: EncoderViews): number => {
  const cells = (side / tiles / config.patch) ** 2;
  return tiles === 1 ? cells : (1 + tiles * tiles) * cells;
};

/** Feature levels `[b, views cells, c]` of images `[b, side, side, 3]`, the views of an image one after the other. */
export const encodedViews = (
  { config, levels }: VisionTower,
  { tiles }: EncoderViews,
): (params: VitParams<Tensor>, images: Tensor) => readonly Tensor[] =>
(params, images) => {
  const encode = vitFeatures(config, levels);
  return tiles === 1
    ? encode(params, images)
    : encode(params, viewsOf(tiles)(images)).map((f) => reshape([images.shape[0]!, -1, f.shape[2]!])(f));
};

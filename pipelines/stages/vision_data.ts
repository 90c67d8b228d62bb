/** Batches of the vision stage: images with their regions at one resolution. */
import { pixelsOf } from "../images/set_pixels.ts";
import { i32, input, type NdArray, ndarray, type Tensor } from "@chain-of-sight/core";
import { regionWeights } from "../scenes/regions.ts";
import type { SceneSet } from "../images/image_set.ts";
import type { RegionBatch } from "./region_contrast.ts";

/** One resolution of the stage. */
export interface VisionView {
  /** Side of the images in pixels. */
  readonly side: number;
  /** Patches per side. */
  readonly grid: number;
  /** Images per step. */
  readonly size: number;
  /** Most objects per image. */
  readonly regions: number;
}

/** Images and regions of a step, as inputs. */
export interface VisionInputs extends RegionBatch {
  /** `[b, side, side, 3]`. */
  readonly images: Tensor;
}

/** The inputs of a view. */
export const visionInputs = ({ side, grid, size, regions }: VisionView): VisionInputs => ({
  images: input(`images${side}`, [size, side, side, 3]),
  weights: input(`weights${side}`, [size, regions, grid * grid]),
  concepts: input(`concepts${side}`, [size, regions], "i32"),
  boxes: input(`boxes${side}`, [size, regions, 4]),
});

/** The arrays of a view for some scenes. */
export const visionBindings = (
  { side, grid, size, regions }: VisionView,
  set: SceneSet,
  indices: readonly number[],
): Readonly<Record<string, NdArray>> => {
  const cells = grid * grid, weights = new Float32Array(size * regions * cells);
  const concepts = new Int32Array(size * regions).fill(-1), boxes = new Float32Array(size * regions * 4);
  indices.forEach((index, row) => {
    const scene = set.scenes[index]!, found = regionWeights(scene, grid, regions);
    weights.set(found.weights, row * regions * cells);
    concepts.set(found.concepts, row * regions);
    scene.objects.slice(0, regions).forEach(({ box }, r) => boxes.set(box, (row * regions + r) * 4));
  });
  return {
    [`images${side}`]: pixelsOf(set, side, indices),
    [`weights${side}`]: ndarray("f32", [size, regions, cells], weights),
    [`concepts${side}`]: i32([size, regions], concepts),
    [`boxes${side}`]: ndarray("f32", [size, regions, 4], boxes),
  };
};

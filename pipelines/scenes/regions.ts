/** Where the objects of a scene are on a grid of patches; the vision stage pools patches with these weights. */
import { area, type Box, intersection } from "../records/box.ts";
import type { Scene } from "./record.ts";

/** Objects of one scene on a patch grid, padded to a fixed number. */
export interface Regions {
  /** `[maxObjects, g * g]`, row-major: share of the object's box that each patch holds; rows sum to 1 or are 0. */
  readonly weights: Float32Array;
  /** `[maxObjects]`: concept numbers, -1 where there is no object. */
  readonly concepts: Int32Array;
}

/**
 * The objects of a scene as weights over `g * g` patches, in the scene's order.
 * Objects beyond `maxObjects` are left out.
 */
export const regionWeights = (scene: Scene, g: number, maxObjects: number): Regions => {
  const weights = new Float32Array(maxObjects * g * g), numbers = new Int32Array(maxObjects).fill(-1);
  scene.objects.slice(0, maxObjects).forEach(({ box, concept }, row) => {
    numbers[row] = concept;
    const whole = area(box);
    for (let p = 0; p < g * g; p++) {
      const x = p % g, y = Math.floor(p / g);
      const patch: Box = [x / g, y / g, (x + 1) / g, (y + 1) / g];
      weights[row * g * g + p] = intersection(box, patch) / whole;
    }
  });
  return { weights, concepts: numbers };
};

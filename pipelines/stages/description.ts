/**
 * Scenes written out in words, laid out as visual tokens are: a place for every query of a layout, and in it the words
 * for what is drawn in its window. A decoder that learns to look things up there before it sees finds them in the same
 * places once a bridge describes images.
 */
import {
  type Layout,
  type NdArray,
  ndarray,
  tokenCount,
  tokensPerScale,
  windowsPerSide,
} from "@chain-of-sight/core";
import type { Rng } from "../base/rng.ts";
import type { Box } from "../records/box.ts";
import { quantise } from "../records/grid.ts";
import type { DataConfig } from "../scenes/config.ts";
import type { Scene, SceneObject } from "../scenes/record.ts";

/** Words of a place: each has a channel. Names of concepts, four edges on the grid of boxes, and "nothing". */
export const wordChannels = ({ concepts, grid }: Pick<DataConfig, "concepts" | "grid">): number =>
  concepts + 4 * grid + 1;

/** Two independent numbers of the standard normal distribution (Box and Muller 1958), of which one is used. */
const normal = (rng: Rng): number =>
  Math.sqrt(-2 * Math.log(1 - rng.unit())) * Math.cos(2 * Math.PI * rng.unit());

const moved = (rng: Rng, [x1, y1, x2, y2]: Box, deviation: number): Box => {
  const [a, b, c, d] = [x1, y1, x2, y2].map((v) => v + deviation * normal(rng)) as [
    number,
    number,
    number,
    number,
  ];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
};

/** Where an object is mentioned: of one scale, any query of the window that holds its middle. */
const placeOf = (rng: Rng, { box: [x1, y1, x2, y2] }: SceneObject, layout: Layout): number => {
  const sizes = tokensPerScale(layout), chosen = rng.below(sizes.length), scale = layout.scales[chosen]!;
  const side = windowsPerSide(layout, scale), before = sizes.slice(0, chosen).reduce((a, b) => a + b, 0);
  const cell = (v: number): number => Math.min(side - 1, Math.floor(v * side));
  const window = cell((y1 + y2) / 2) * side + cell((x1 + x2) / 2);
  return before + window * scale.queries + rng.below(scale.queries);
};

/**
 * Descriptions of scenes, `[scenes, places, channels]` of {@link wordChannels}. They are inexact, as those of a bridge
 * will be: edges of boxes deviate by up to `edges` shares of the side (a standard deviation), each scene by its own.
 */
export const described = (
  scenes: readonly Scene[],
  layout: Layout,
  { concepts, grid }: Pick<DataConfig, "concepts" | "grid">,
  edges: number,
  rngOfRow: (row: number) => Rng,
): NdArray => {
  const places = tokenCount(layout), channels = wordChannels({ concepts, grid });
  const out = new Float32Array(scenes.length * places * channels);
  scenes.forEach((scene, row) => {
    const rng = rngOfRow(row), deviation = rng.range(0, edges), first = row * places * channels;
    for (const object of scene.objects) {
      const at = first + placeOf(rng, object, layout) * channels;
      out[at + object.concept]! += 1;
      quantise(moved(rng, object.box, deviation), grid).forEach((cell, edge) => {
        out[at + concepts + edge * grid + cell]! += 1;
      });
    }
    for (let at = first; at < first + places * channels; at += channels) {
      if (out.subarray(at, at + concepts).every((said) => said === 0)) out[at + channels - 1] = 1;
    }
  });
  return ndarray("f32", [scenes.length, places, channels], out);
};

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

/**
 * Words of a place: each has a channel. Names of concepts, four edges on the grid of boxes, "its middle is here", and
 * "nothing".
 */
export const wordChannels = ({ concepts, grid }: Pick<DataConfig, "concepts" | "grid">): number =>
  concepts + 4 * grid + 2;

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

/** A place that mentions an object. */
interface Mention {
  readonly place: number;
  /** How strongly it does, from 0 to 1. */
  readonly weight: number;
  /** Whether it is the one to read the box from. */
  readonly middle: boolean;
}

/** Share of a window that an object covers from which on the window mentions it. */
const COVERED = 0.3;
/** Share of such windows that do, alongside the one that holds the object's middle. */
const MENTIONED = 0.95;
/** Weights of mentions alongside the middle one. */
const WEAK = [0.2, 1] as const;
/** Most queries of a window of the whole image that mention one object, where there are no other windows. */
const QUERIES = 3;

/** Mentions by windows of the whole image: by one query, or by some where no other window tells which is right. */
const wholeMentions = (rng: Rng, first: number, queries: number, alone: boolean): readonly Mention[] => {
  const places = new Set(
    Array.from({ length: alone ? rng.between(1, QUERIES) : 1 }, () => rng.below(queries)),
  );
  return [...places].map((place, i) => ({
    place: first + place,
    weight: i === 0 ? 1 : (WEAK[0] + WEAK[1]) / 2,
    middle: alone && i === 0,
  }));
};

/** Mentions by the windows of a scale: by the one that holds the object's middle, and by most that it covers. */
const windowMentions = (
  rng: Rng,
  [x1, y1, x2, y2]: Box,
  side: number,
  first: number,
  queries: number,
): readonly Mention[] => {
  const cell = (v: number): number => Math.min(side - 1, Math.max(0, Math.floor(v * side)));
  const middle = [cell((y1 + y2) / 2), cell((x1 + x2) / 2)] as const;
  const overlap = (low: number, high: number, at: number): number =>
    Math.max(0, Math.min(high * side, at + 1) - Math.max(low * side, at));
  const mentions: Mention[] = [];
  for (let row = cell(y1); row <= cell(y2); row++) {
    for (let column = cell(x1); column <= cell(x2); column++) {
      const here = row === middle[0] && column === middle[1];
      const covers = overlap(x1, x2, column) * overlap(y1, y2, row) >= COVERED;
      if (!here && !(covers && rng.chance(MENTIONED))) continue;
      const place = first + (row * side + column) * queries + rng.below(queries);
      mentions.push({ place, weight: here ? 1 : rng.range(...WEAK), middle: here });
    }
  }
  return mentions;
};

/** Where an object is mentioned; by windows of the whole image only if `whole`, unless there are no others. */
const mentionsOf = (rng: Rng, { box }: SceneObject, layout: Layout, whole: boolean): readonly Mention[] => {
  const sizes = tokensPerScale(layout), alone = sizes.length === 1;
  return layout.scales.flatMap((scale, s) => {
    const side = windowsPerSide(layout, scale), first = sizes.slice(0, s).reduce((a, b) => a + b, 0);
    if (side > 1) return windowMentions(rng, box, side, first, scale.queries);
    return whole || alone ? wholeMentions(rng, first, scale.queries, alone) : [];
  });
};

/** Share of scenes whose windows of the whole image mention objects. */
const WHOLE = 0.5;

/**
 * Descriptions of scenes, `[scenes, places, channels]` of {@link wordChannels}. They are inexact, as those of a bridge
 * will be: an object is mentioned by every window that it covers, its edges deviate in every mention by up to `edges`
 * shares of the side (a standard deviation), each scene by its own.
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
    const whole = rng.chance(WHOLE);
    for (const object of scene.objects) {
      for (const { place, weight, middle } of mentionsOf(rng, object, layout, whole)) {
        const at = first + place * channels;
        out[at + object.concept]! += weight;
        quantise(moved(rng, object.box, deviation), grid).forEach((cell, edge) => {
          out[at + concepts + edge * grid + cell]! += weight;
        });
        if (middle) out[at + channels - 2]! += 1;
      }
    }
    for (let at = first; at < first + places * channels; at += channels) {
      if (out.subarray(at, at + concepts).every((said) => said === 0)) out[at + channels - 1] = 1;
    }
  });
  return ndarray("f32", [scenes.length, places, channels], out);
};

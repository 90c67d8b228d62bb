/** Sampling of scenes: pure functions of a configuration, a split and an index. */
import { aspectOf } from "./aspects.ts";
import { type Box, covered } from "../records/box.ts";
import { heldOutPairs, isHeldOut, showsHeldOut } from "./composition.ts";
import { concepts, inTheme, popularity, type Theme } from "./concepts.ts";
import type { DataConfig, Split } from "./config.ts";
import { hsl } from "./colours.ts";
import { smallPatterns } from "./pattern.ts";
import { plateExtent } from "./plate_fonts.ts";
import type { Background, Plate, Scene, SceneObject } from "./record.ts";
import { type Rng, rngOf } from "../base/rng.ts";
import { sampleWorld } from "./world_scene.ts";

const TRIES = 60;
const words = ["ROUTE", "EXIT", "GATE", "ROOM", "SALE", "OPEN", "STOP", "TAXI", "MILE", "LINE"] as const;

const places = 1e4;
const round = (x: number): number => Math.round(x * places) / places;

const background = (rng: Rng): Background => {
  const hue = rng.range(0, 360), light = rng.range(0.45, 0.92), saturation = rng.range(0.05, 0.5);
  const second = Math.min(0.95, Math.max(0.35, light + rng.range(-0.18, 0.18)));
  return {
    pattern: rng.pick(smallPatterns),
    colours: [hsl(hue, saturation, light), hsl((hue + rng.range(-50, 50) + 360) % 360, saturation, second)],
    angle: round(rng.range(0, Math.PI)),
    scale: round(rng.range(0.06, 0.25)),
    key: rng.below(2 ** 31),
  };
};

/** Sizes of the groups of equal objects: parts of `total`, each at most `most`, at least `parts` of them. */
const groupSizes = (rng: Rng, total: number, most: number, parts: number): number[] => {
  const out: number[] = [];
  for (let left = total; left > 0;) {
    const spare = left - Math.max(0, parts - out.length - 1);
    const size = rng.between(1, Math.max(1, Math.min(most, spare)));
    out.push(size);
    left -= size;
  }
  return out;
};

/** Concepts of the groups, in order; fewer where no further concept is allowed. */
const chooseConcepts = (
  config: DataConfig,
  rng: Rng,
  theme: Theme,
  wanted: number,
  first: readonly number[],
): number[] => {
  const all = concepts.slice(0, config.concepts).map((c) => c.id);
  const own = inTheme(theme, config.concepts);
  const free = first.length > 0;
  const out = [...first];
  while (out.length < wanted) {
    const allowed = (c: number): boolean =>
      !out.includes(c) && (free || !out.some((d) => isHeldOut(c, d, config.heldOut)));
    const near = own.filter(allowed), any = all.filter(allowed);
    if (any.length === 0) break;
    out.push(rng.weighted(rng.chance(config.themed) && near.length > 0 ? near : any, popularity));
  }
  return out;
};

/** A free place for a box of width `w` and height `h`, or nothing after some tries. */
const place = (rng: Rng, w: number, h: number, taken: readonly Box[], most: number): Box | undefined => {
  for (let i = 0; i < TRIES; i++) {
    const x = rng.range(0, 1 - w), y = rng.range(0, 1 - h);
    const box: Box = [round(x), round(y), round(x + w), round(y + h)];
    if (taken.every((b) => covered(box, b) <= most)) return box;
  }
  return undefined;
};

const placeObject = (
  config: DataConfig,
  rng: Rng,
  split: Split,
  concept: number,
  taken: readonly Box[],
): SceneObject | undefined => {
  const style = rng.pick(split === "eval" ? config.styles.eval : config.styles.train);
  const [least, most] = config.size;
  const drawn = Math.exp(rng.range(Math.log(least), Math.log(most)));
  const aspect = aspectOf(concept, style), flip = rng.chance(0.5);
  // Where there is no room for the size that was drawn, the smallest is tried.
  for (const size of [drawn, least]) {
    const box = place(rng, size * Math.min(1, aspect), size / Math.max(1, aspect), taken, config.overlap);
    if (box !== undefined) return { concept, style, box, size: round(size), flip };
  }
  return undefined;
};

const placePlate = (rng: Rng, side: number, taken: readonly Box[]): Plate | undefined => {
  const text = `${rng.pick(words)} ${rng.between(10, 99)}`, font = 0;
  const height = Math.max(1, Math.round(rng.range(0.034, 0.05) * side));
  const hue = rng.range(0, 360), dark = rng.chance(0.5), [w, h] = plateExtent(font, text, height);
  const box = place(rng, w / side, h / side, taken, 0);
  const ink = hsl(hue, 0.6, 0.15), ground = hsl(hue, 0.5, 0.93);
  return box === undefined
    ? undefined
    : { text, box, colours: dark ? [ground, ink] : [ink, ground], font, letters: round(height / side) };
};

const sampleSmall = (config: DataConfig, split: Split, index: number): Scene => {
  const rng = rngOf(config.seed, split, index, "scene");
  const pairs = split === "eval" ? heldOutPairs(config.concepts, config.heldOut) : [];
  const pair = pairs.length > 0 && rng.chance(config.evalHeldOut) ? rng.shuffle(rng.pick(pairs)) : [];
  const theme = pair.length > 0
    ? concepts[pair[0]!]!.theme
    : concepts[rng.below(Math.min(config.concepts, 8))]!.theme;
  const total = rng.between(...config.objects);
  const repeats = config.repeated === undefined || split === "eval" || rng.chance(config.repeated);
  const sizes = groupSizes(rng, total, repeats ? config.sameConcept : 1, pair.length);
  const chosen = chooseConcepts(config, rng, theme, sizes.length, pair);
  // One of each first, so that a crowded image loses repetitions rather than concepts.
  const rest = chosen.flatMap((c, i) => Array.from({ length: sizes[i]! - 1 }, () => c));
  const objects: SceneObject[] = [], taken: Box[] = [];
  for (const concept of [...chosen, ...rest]) {
    const object = placeObject(config, rng, split, concept, taken);
    if (object !== undefined) objects.push(object), taken.push(object.box);
  }
  const plates: Plate[] = [];
  for (let i = rng.between(0, config.plates); i > 0; i--) {
    const plate = placePlate(rng, config.master, taken);
    if (plate !== undefined) plates.push(plate), taken.push(plate.box);
  }
  const present = [...new Set(objects.map((o) => o.concept))];
  return {
    id: `${split}-${index}`,
    split,
    index,
    theme,
    composition: showsHeldOut(present, config.heldOut) ? "held-out" : "seen",
    background: background(rng),
    objects: rng.shuffle(objects),
    plates,
  };
};

/**
 * The scene of an index in a split. Objects that find no room are left out; the first always finds it.
 * Two boxes overlap by at most `config.overlap` of the smaller; plates overlap nothing.
 */
export const sampleScene = (config: DataConfig, split: Split, index: number): Scene =>
  config.world === undefined
    ? sampleSmall(config, split, index)
    : sampleWorld(config, config.world, split, index);

/** The first `count` scenes of a split. */
export const sampleScenes = (config: DataConfig, split: Split, count: number): readonly Scene[] =>
  Array.from({ length: count }, (_, i) => sampleScene(config, split, i));

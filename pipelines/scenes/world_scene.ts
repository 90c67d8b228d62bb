/**
 * Sampling of scenes at full strength: pure functions of a configuration, a split and an index. Everything is decided
 * in whole pixels of the master, with arithmetic that is the same on every machine.
 */
import { aspectOf } from "./aspects.ts";
import { isHeldOut, isHeldOutCount, showsHeldOut } from "./composition.ts";
import { concepts, type Theme } from "./concepts.ts";
import type { DataConfig, Split, Style, WorldConfig } from "./config.ts";
import { hsl } from "./colours.ts";
import { plateExtent, plateFonts, plateText } from "./plate_fonts.ts";
import { type Background, countsOf, type Plate, type Scene, type SceneObject } from "./record.ts";
import { type Rng, rngOf } from "../base/rng.ts";
import { extent, findPlace, logUniform, type PixelBox, shareBox } from "./world_layout.ts";
import { draw, type SplitTables, tablesOf } from "./world_tables.ts";

/** Draws of a whole scene, each with a lower limit of sizes, until one keeps its split's rule. */
const ATTEMPTS = 12;
/** Draws after these, of nothing but objects of the least size. */
const BARE_ATTEMPTS = 24;
/** Draws of one concept before the group is left out. */
const DRAWS = 40;

const PHOTOS = 0.4, STAMPS = 0.3;
/** Of this many photos, one is held out. */
const HELD_OUT_PHOTO = 5;

const round = (x: number): number => Math.round(1e4 * x) / 1e4;

/** Whether a photo of the realism pack is kept for `held-out-backgrounds`. */
export const isHeldOutPhoto = (photo: number): boolean => photo % HELD_OUT_PHOTO === HELD_OUT_PHOTO - 1;

const backgroundOf = (world: WorldConfig, rng: Rng, split: Split): Background => {
  const heldOut = split === "held-out-backgrounds";
  const hue = rng.range(0, 360), light = rng.range(0.3, 0.94), saturation = rng.range(0.05, 0.6);
  const second = Math.min(0.96, Math.max(0.2, light + rng.range(-0.2, 0.2)));
  const photos = (world.realism?.photos ?? []).map((_, i) => i).filter((i) => isHeldOutPhoto(i) === heldOut);
  const photo = rng.chance(PHOTOS) && photos.length > 0 ? { photo: rng.pick(photos) } : {};
  return {
    pattern: "photo" in photo ? "photo" : rng.pick(heldOut ? world.patterns.heldOut : world.patterns.train),
    colours: [hsl(hue, saturation, light), hsl((hue + rng.range(-60, 60) + 360) % 360, saturation, second)],
    angle: round(rng.range(0, Math.PI)),
    scale: round(rng.range(0.04, 0.22)),
    key: rng.below(2 ** 31),
    ...photo,
  };
};

/** How many objects a group of equal ones has: one in half of the groups, else up to `most`. */
const groupSize = (rng: Rng, most: number): number =>
  rng.chance(0.45) ? 1 : rng.chance(0.35) ? Math.min(2, most) : rng.between(Math.min(3, most), most);

interface GroupOf {
  readonly concept: number;
  readonly count: number;
}

/** The concepts that a split's rule puts first: a held-out pair, or one to three held-out concepts. */
const firstConcepts = (
  config: DataConfig,
  tables: SplitTables,
  rng: Rng,
  split: Split,
): readonly number[] => {
  if (split === "held-out-concepts" && tables.heldOut.items.length > 0) {
    const some = Array.from({ length: rng.between(1, 3) }, () => draw(rng, tables.heldOut));
    return some.filter((c, i) =>
      some.indexOf(c) === i && !some.slice(0, i).some((d) => isHeldOut(c, d, config.heldOut))
    );
  }
  const paired = split === "held-out-compositions" || (split === "eval" && rng.chance(config.evalHeldOut));
  if (!paired) return [];
  for (let i = 0; i < DRAWS; i++) {
    const one = draw(rng, tables.all);
    const partners = tables.all.items.filter((other) => isHeldOut(one, other, config.heldOut));
    if (partners.length > 0) return [one, rng.pick(partners)];
  }
  return [];
};

const groupsOf = (
  config: DataConfig,
  world: WorldConfig,
  tables: SplitTables,
  rng: Rng,
  split: Split,
  theme: Theme,
  first: readonly number[],
): readonly GroupOf[] => {
  const [least, most] = split === "large-objects" ? world.large.objects : config.objects;
  const own = tables.themes.find(([name]) => name === theme)?.[1];
  const heldOutCount = (concept: number, count: number): boolean =>
    isHeldOutCount(concept, count, config.sameConcept, world.heldOutCounts);
  const free = split === "held-out-compositions" || (split === "eval" && first.length > 0);
  const numbers = showsHeldOutCounts(config, world, split);
  const out: GroupOf[] = [];
  const add = (concept: number, left: number): void => {
    if (out.some((g) => g.concept === concept)) return;
    if (!free && out.some((g) => isHeldOut(g.concept, concept, config.heldOut))) return;
    const wanted = numbers && out.length === 0;
    const sizes = Array.from({ length: Math.min(left, config.sameConcept) }, (_, i) => i + 1)
      .filter((n) => heldOutCount(concept, n) === wanted);
    if (sizes.length === 0) return;
    const drawn = groupSize(rng, Math.min(left, config.sameConcept));
    out.push({ concept, count: wanted ? rng.pick(sizes) : sizes.findLast((n) => n <= drawn) ?? sizes[0]! });
  };
  let left = rng.between(least, most);
  for (let i = 0; left > 0 && i < DRAWS; i++) {
    const before = out.length;
    const next = first[i] ?? draw(rng, own !== undefined && rng.chance(config.themed) ? own : tables.all);
    add(next, left);
    if (out.length > before) left -= out.at(-1)!.count;
  }
  // Where so few objects are wanted that no held-out number fits, one object is better than none.
  return out.length > 0 ? out : [{ concept: first[0] ?? tables.all.items[0]!, count: 1 }];
};

/** Whether a split shows held-out numbers: one does, in configurations that hold some out. */
const showsHeldOutCounts = (config: DataConfig, world: WorldConfig, split: Split): boolean =>
  split === "held-out-counts" && world.heldOutCounts > 0 && config.sameConcept > 1;

interface Wanted {
  readonly concept: number;
  readonly style: Style;
  readonly aspect: number;
  readonly size: number;
}

const shapeOf = (world: WorldConfig, concept: number, style: Style): number =>
  style === "stamp"
    ? world.realism!.stamps.find((s) => s.concept === concept)!.aspect
    : aspectOf(concept, style);

const styleOf = (rng: Rng, styles: readonly Style[]): Style => {
  const drawn = styles.filter((s) => s !== "stamp");
  return styles.includes("stamp") && (drawn.length === 0 || rng.chance(STAMPS)) ? "stamp" : rng.pick(drawn);
};

const areaOf = ({ size, aspect }: Wanted): number => extent(size, aspect).reduce((a, b) => a * b);

/** Shrinks the largest until all together cover no more than `budget` pixels, or none can shrink. */
const shrunk = (wanted: readonly Wanted[], budget: number, least: number): readonly Wanted[] => {
  const out = wanted.toSorted((a, b) => b.size - a.size);
  let total = out.reduce((sum, w) => sum + areaOf(w), 0);
  while (total > budget && out[0]!.size > least) {
    const large = out.shift()!, small = { ...large, size: Math.max(least, Math.floor(large.size * 0.7)) };
    total += areaOf(small) - areaOf(large);
    const at = out.findIndex((w) => w.size <= small.size);
    out.splice(at < 0 ? out.length : at, 0, small);
  }
  return out;
};

const plateOf = (
  config: DataConfig,
  world: WorldConfig,
  rng: Rng,
  taken: readonly PixelBox[],
): { readonly plate: Plate; readonly at: PixelBox } | undefined => {
  const side = config.master, font = rng.below(plateFonts.length), text = plateText(rng);
  const [least, most] = world.letters.map((v) => Math.max(1, Math.round(v * side))) as [number, number];
  const height = logUniform(rng, least, most);
  const hue = rng.range(0, 360), dark = rng.chance(0.5);
  const ink = hsl(hue, 0.6, 0.13), ground = hsl(hue, 0.5, 0.94);
  const at = findPlace(rng, side, ...plateExtent(font, text, height), taken, 0, []);
  if (at === undefined) return undefined;
  const colours = dark ? [ground, ink] as const : [ink, ground] as const;
  return { at, plate: { text, box: shareBox(at, side), colours, font, letters: round(height / side) } };
};

const placed = (
  config: DataConfig,
  rng: Rng,
  wanted: readonly Wanted[],
  plates: readonly PixelBox[],
  least: number,
): readonly SceneObject[] => {
  const side = config.master, taken: PixelBox[] = [];
  return wanted.flatMap(({ concept, style, aspect, size: drawn }) => {
    // Where there is no room for the size that was drawn, smaller ones are tried.
    for (const size of [...new Set([drawn, Math.max(least, Math.round(drawn / 2)), least])]) {
      const [w, h] = extent(size, aspect);
      const at = findPlace(rng, side, w, h, taken, config.overlap, plates);
      if (at === undefined) continue;
      taken.push(at);
      const box = shareBox(at, side);
      return [{ concept, style, box, size: round(size / side), flip: rng.chance(0.5) }];
    }
    return [];
  });
};

/** Without those objects that make a number of equal ones a held-out number; the smallest go first. */
const withoutHeldOutCounts = (
  config: DataConfig,
  world: WorldConfig,
  objects: readonly SceneObject[],
  kept: number | undefined,
): readonly SceneObject[] => {
  const extra = new Map([...countsOf({ objects })].map(([concept, count]) => {
    let fewer = count;
    while (concept !== kept && isHeldOutCount(concept, fewer, config.sameConcept, world.heldOutCounts)) {
      fewer--;
    }
    return [concept, count - fewer];
  }));
  return objects.toReversed().filter(({ concept }) => {
    const left = extra.get(concept)!;
    extra.set(concept, left - 1);
    return left <= 0;
  }).toReversed();
};

interface Attempt {
  readonly scene: Scene;
  /** Whether it shows something, and what its split is there to show. */
  readonly valid: boolean;
  /** Whether it has the minimum number of objects that were wanted. */
  readonly enough: boolean;
}

const attempt = (
  config: DataConfig,
  world: WorldConfig,
  split: Split,
  index: number,
  tries: number,
): Attempt => {
  const rng = rngOf(config.seed, split, index, "world", tries), tables = tablesOf(config, split);
  const side = config.master, large = split === "large-objects";
  const [least, largest] = (large ? world.large.size : config.size).map((v) =>
    Math.max(1, Math.round(v * side))
  ) as [
    number,
    number,
  ];
  const bare = tries > ATTEMPTS;
  const most = bare ? least : Math.max(least, Math.round(largest - (largest - least) * tries / ATTEMPTS));
  const first = firstConcepts(config, tables, rng, split);
  const theme = first.length > 0 || tables.themes.length === 0
    ? concepts[first[0] ?? tables.all.items[0]!]!.theme
    : rng.pick(tables.themes)[0];
  const groups = groupsOf(config, world, tables, rng, split, theme, first);
  const plates: Plate[] = [], barred: PixelBox[] = [];
  for (let i = bare ? 0 : rng.between(0, config.plates); i > 0; i--) {
    const made = plateOf(config, world, rng, barred);
    if (made !== undefined) plates.push(made.plate), barred.push(made.at);
  }
  const wanted = groups.flatMap(({ concept, count }) =>
    Array.from({ length: count }, (): Wanted => {
      const style = styleOf(rng, tables.styles[concept]!);
      return { concept, style, aspect: shapeOf(world, concept, style), size: logUniform(rng, least, most) };
    })
  );
  const background = backgroundOf(world, rng, split);
  const free = config.world!.cover * side * side - barred.reduce((sum, b) => sum + b.w * b.h / 2, 0);
  const kept = showsHeldOutCounts(config, world, split) ? groups[0]?.concept : undefined;
  const found = placed(config, rng, shrunk(wanted, free, least), barred, least);
  const objects = withoutHeldOutCounts(config, world, found, kept).toSorted((a, b) => b.size - a.size);
  const present = [...new Set(objects.map((o) => o.concept))];
  const composition = showsHeldOut(present, config.heldOut) ? "held-out" as const : "seen" as const;
  const counted = objects.filter((o) => o.concept === kept).length;
  const keepsRule = first.every((c) => present.includes(c)) &&
    (kept === undefined || isHeldOutCount(kept, counted, config.sameConcept, world.heldOutCounts));
  const enough = objects.length >= (large ? world.large.objects : config.objects)[0];
  const scene: Scene = {
    id: `${split}-${index}`,
    split,
    index,
    theme,
    composition,
    background,
    objects,
    plates,
  };
  return { scene, valid: keepsRule && objects.length > 0, enough };
};

/**
 * The scene of an index in a split of a world at full strength. A draw that breaks its split's rule, or has too few
 * objects, is drawn again with smaller objects. In configurations that leave no room for so many, a scene has fewer;
 * where plates leave none at all, it has no plate. The first object always finds room.
 */
export const sampleWorld = (config: DataConfig, world: WorldConfig, split: Split, index: number): Scene => {
  for (let tries = 0;; tries++) {
    const { scene, valid, enough } = attempt(config, world, split, index, tries);
    if (valid && (enough || tries >= ATTEMPTS) || tries === ATTEMPTS + BARE_ATTEMPTS) return scene;
  }
};

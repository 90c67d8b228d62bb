/** The sizes of ablations: everything but the arms. */
import type { DeviceName } from "@chain-of-sight/kernels";
import { type DataConfig, defaultData } from "../scenes/config.ts";
import { presets as quickstarts } from "./quickstart_presets.ts";
import type { AblationConfig, FamilyName, PresetName } from "./config.ts";
import { baseOf, type StudyBase } from "./base.ts";
import { families } from "./families.ts";

/** A size. */
export interface Preset {
  /** What it is for, and how long the main family takes. */
  readonly about: string;
  /** What all runs share. */
  readonly base: StudyBase;
  /** Seeds unless others are asked for. */
  readonly seeds: number;
  /** What computes unless something is asked for: two cores are several times faster than a software adapter on them. */
  readonly device: DeviceName;
  /** Which arms of a family: all, those that are enough for its points, or only the first three of those. */
  readonly arms: "all" | "few" | "three";
}

/** Learns nothing much, but goes through every stage in seconds. */
const smoke: StudyBase = {
  ...baseOf(quickstarts.micro),
  scenes: { pretrain: 8, finetune: 6, eval: 4 },
  vision: { steps: 0, batch: [4, 2], scenes: 16 },
  pretrain: { ...quickstarts.micro.pretrain, steps: 6, every: 2 },
  finetune: { ...quickstarts.micro.finetune, steps: 4, every: 2 },
  evaluate: { ...quickstarts.micro.evaluate, samples: 4 },
};

/** The quickstart's size for two cores, every arm with three seeds. */
const micro: StudyBase = baseOf(quickstarts.software);

/**
 * The quickstart's concepts and styles, which the shipped encoder knows, in a world with signs, colours and relations:
 * letters are 4 to 10 pixels high in pre-training and twice that in fine-tuning.
 */
const signs: DataConfig = {
  ...defaultData,
  plates: 2,
  heldOut: 0.05,
  evalHeldOut: 0,
  world: {
    heldOutStyles: ["twemoji"],
    patterns: { train: ["solid", "gradient"], heldOut: ["stripes"] },
    heldOutCounts: 0,
    large: { objects: [2, 4], size: [0.24, 0.34] },
    letters: [9 / 224, 20 / 224],
    cover: 0.6,
  },
};

/** One GPU: as the quickstart there, with signs to read and more kinds of questions. */
const lab: StudyBase = {
  ...baseOf(quickstarts.gpu),
  data: signs,
  vocabulary: 1024,
  text: {
    pretrain: { length: 96, turns: { presence: 5, count: 1, attribute: 1, relation: 1, reading: 1 } },
    finetune: {
      length: 116,
      turns: { presence: 4, count: 1, refer: 2, attribute: 1, relation: 1, reading: 2, name: 1 },
    },
  },
};

/** One GPU for a day: a wider and deeper decoder, and ten times as long. */
const base: StudyBase = {
  ...lab,
  scenes: { pretrain: 32768, finetune: 8192, eval: 1024 },
  model: { width: 384, layers: 6, heads: 6, ff: 1024, bridgeHeads: 4, init: 0.05 },
  pretrain: { ...lab.pretrain, steps: 12_000, batch: 64, learningRate: 6e-4, warmup: 600, every: 2000 },
  finetune: { ...lab.finetune, steps: 3000, batch: 64, learningRate: 3e-4, warmup: 150, every: 1000 },
};

/** All presets by name. */
export const ablationPresets: Readonly<Record<PresetName, Preset>> = {
  smoke: { about: "seconds, for tests of the whole", base: smoke, seeds: 2, device: "cpu", arms: "three" },
  micro: { about: "two cores, about eight minutes", base: micro, seeds: 3, device: "cpu", arms: "few" },
  lab: { about: "one GPU, under an hour", base: lab, seeds: 3, device: "auto", arms: "all" },
  base: { about: "one GPU, a day", base, seeds: 3, device: "auto", arms: "all" },
};

/** The configuration of a family at the size of a preset, with as many seeds as are asked for. */
export const ablationOf = (
  family: FamilyName,
  preset: PresetName,
  seeds: number = ablationPresets[preset].seeds,
): AblationConfig => {
  const { arms, baseline, few, base = (plain: StudyBase) => plain } = families[family];
  const size = ablationPresets[preset];
  const wanted = size.arms === "all" ? undefined : size.arms === "few" ? few : few.slice(0, 3);
  const chosen = wanted === undefined ? arms : arms.filter(({ name }) => wanted.includes(name));
  return {
    ...base(size.base, preset),
    family,
    preset,
    seeds: Array.from({ length: seeds }, (_, i) => i + 1),
    arms: chosen,
    baseline,
  };
};

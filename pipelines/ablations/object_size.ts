/**
 * The experiment on sizes: the same scenes at 224 and at 448 px, read with few and with many tokens, and asked what is
 * there. Objects are 10 to 160 px of a master of 448 px, each concept once in a scene, so that a question about a concept
 * is about one size. The concepts and styles are those that the shipped encoder knows; it was trained on objects of 16 to
 * 76 px, which here are 32 to 152 px of the master in pictures of 224 px and 16 to 76 px in pictures of 448 px.
 */
import type { Expansion } from "@chain-of-sight/core";
import { by, cos } from "../configs/entry.ts";
import { type DataConfig, defaultData } from "../scenes/config.ts";
import type { AblationArm, PresetName } from "./config.ts";
import type { StudyBase, StudySetting } from "./base.ts";

/** Scenes whose objects have every size from 10 to 160 px of 448; all are large in the split `large-objects`. */
export const sizesWorld: DataConfig = {
  ...defaultData,
  master: 448,
  concepts: 12,
  objects: [3, 6],
  sameConcept: 1,
  size: [10 / 448, 160 / 448],
  overlap: 0.05,
  plates: 0,
  heldOut: 0,
  evalHeldOut: 0,
  world: {
    heldOutStyles: ["twemoji"],
    patterns: { train: ["solid", "gradient"], heldOut: ["stripes"] },
    heldOutCounts: 0,
    large: { objects: [3, 6], size: [100 / 448, 160 / 448] },
    letters: [11 / 448, 36 / 448],
    cover: 0.5,
    questions: ["presence"],
    wording: "plain",
  },
};

/** Few and large objects of the same concepts, on which the models learn to look before they meet small ones. */
const firstWorld: DataConfig = {
  ...defaultData,
  concepts: sizesWorld.concepts,
  objects: [2, 4],
  size: [0.18, 0.36],
  plates: 0,
};

/** Pre-training for all arms: 20 tokens at 112 px. */
const bridge = cos([8, 2], [4, 1]);

/** Twice or four times the resolution, and tokens by a factor per side. */
const grown = (resolution: 2 | 4, tokens: 1 | 2): Expansion =>
  by({ resolution, global: tokens, local: tokens });

/** Arms by tokens and resolution of fine-tuning; all have one pre-training. */
export const sizeArms: readonly AblationArm[] = [
  { name: "few-224", bridge, expansion: grown(2, 1) },
  { name: "many-224", bridge, expansion: grown(2, 2) },
  { name: "few-448", bridge, expansion: grown(4, 1) },
  { name: "many-448", bridge, expansion: grown(4, 2) },
];

const text = {
  pretrain: { length: 46, turns: { presence: 6, count: 1 } },
  finetune: { length: 48, turns: { presence: 6 } },
};

/** Features of a scene at 448 px are a megabyte: no more scenes than these. */
const MOST = { pretrain: 8192, finetune: 2048 };

/** What the sizes of a preset become for this experiment: its world, its questions and its resolutions. */
export const sizesBase = (base: StudyBase, preset: PresetName): StudyBase & StudySetting => {
  const { scenes, finetune } = base;
  const common = {
    ...base,
    data: sizesWorld,
    pretrainData: firstWorld,
    text,
  };
  return preset === "micro"
    ? {
      ...common,
      scenes: { pretrain: 1024, finetune: 384, eval: 160 },
      largeObjects: 80,
      finetune: { ...finetune, steps: 150, batch: 16, warmup: 10 },
    }
    : {
      ...common,
      scenes: {
        ...scenes,
        pretrain: Math.min(MOST.pretrain, scenes.pretrain),
        finetune: Math.min(MOST.finetune, scenes.finetune),
      },
      largeObjects: scenes.eval,
    };
};

/**
 * The experiment on sizes: the same scenes at 224 and at 448 px, read with few and with many tokens, and asked what is
 * there. Objects are 10 to 160 px of a master of 448 px, each concept once in a scene, so that a question about a concept
 * is about one size. The concepts and styles are those that the shipped encoder knows; it was trained on objects of 16 to
 * 76 px, which here are 32 to 152 px of the master in images of 224 px and 16 to 76 px in images of 448 px.
 */
import { by, cos } from "../configs/entry.ts";
import type { PresetName } from "../configs/preset.ts";
import { type Experiment, type SceneRows, trainsOf } from "../engine/experiment.ts";
import { type DataConfig, defaultData } from "../scenes/config.ts";
import { type Arm, setting } from "./config.ts";

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

/** Twice or four times the resolution, and tokens by a factor per side. */
const armOf = (name: string, resolution: 2 | 4, tokens: 1 | 2): Arm => ({
  name,
  settings: [
    setting("model.bridge", cos([8, 2], [4, 1])),
    setting("expand.by", by({ resolution, global: tokens, local: tokens })),
  ],
});

/** Arms by tokens and resolution of fine-tuning; all have one pre-training, with 20 tokens at 112 px. */
export const sizeArms: readonly Arm[] = [
  armOf("cos-20-20-at-224", 2, 1),
  armOf("cos-20-84-at-224", 2, 2),
  armOf("cos-20-20-at-448", 4, 1),
  armOf("cos-20-84-at-448", 4, 2),
];

/** Features of a scene at 448 px are a megabyte: no more scenes than these. */
const LIMIT = { pretrain: 8192, finetune: 2048 };

const countOf = ({ stages }: Experiment, name: "pretrain" | "finetune"): number =>
  (trainsOf({ stages }).find((train) => train.name === name)!.data as SceneRows).count;

/** What a preset becomes for this experiment: its world, its questions and its scenes. */
export const sizeSettings = (preset: PresetName, base: Experiment): readonly string[] => {
  const asked = base.stages.flatMap((spec) =>
    "evaluate" in spec && typeof spec.evaluate.data !== "string" ? [spec.evaluate.data.count] : []
  )[0]!;
  const few = preset === "small";
  const pretrain = few ? 1024 : Math.min(LIMIT.pretrain, countOf(base, "pretrain"));
  const finetune = few ? 384 : Math.min(LIMIT.finetune, countOf(base, "finetune"));
  const controls = [{ scenes: "large-objects", count: few ? 80 : asked }];
  return [
    setting("world.data", sizesWorld),
    setting("pretrain.data", {
      scenes: "pretrain",
      count: pretrain,
      length: 46,
      turns: { presence: 6, count: 1 },
      data: firstWorld,
    }),
    setting("finetune.data", { scenes: "finetune", count: finetune, length: 48, turns: { presence: 6 } }),
    setting("evaluate.controls", controls),
    ...(few
      ? [
        setting("evaluate.data.count", 160),
        setting("finetune.steps", 150),
        setting("finetune.batch", 16),
        setting("finetune.warmup", 10),
      ]
      : []),
  ];
};

/**
 * Where things are (section 4.2 of arXiv 2407.15819): the models of the main table, trained on places alone. Four
 * coordinates come much later than a yes or a no: among other questions a small model says them blindly for as long as
 * two cores have time.
 */
import type { PresetName } from "../configs/preset.ts";
import { setting } from "./config.ts";

/** What a preset becomes: one question of a row, after the place of a thing that is there once. */
export const referringSettings = (preset: PresetName): readonly string[] => [
  setting("world.data.sameConcept", 1),
  ...["pretrain", "finetune"].flatMap((stage) => [
    setting(`${stage}.data.length`, 16),
    setting(`${stage}.data.turns`, { refer: 1 }),
  ]),
  ...(preset !== "small" ? [] : [
    setting("pretrain.data.count", 8192),
    setting("pretrain.steps", 1500),
    setting("pretrain.batch", 32),
    setting("pretrain.warmup", 60),
    setting("pretrain.every", 500),
    setting("finetune.data.count", 1024),
    setting("finetune.steps", 200),
    setting("finetune.batch", 16),
    setting("evaluate.data.count", 128),
  ]),
];

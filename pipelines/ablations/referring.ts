/**
 * Where things are (section 4.2 of arXiv 2407.15819): the models of the main table, trained on places alone. Four
 * coordinates come much later than a yes or a no: among other questions a small model says them blindly for as long as
 * two cores have time.
 */
import type { PresetName } from "./config.ts";
import type { StudyBase } from "./base.ts";

const places = { length: 16, turns: { refer: 1 } };

/** What the sizes of a preset become: one question of a row, after the place of a thing that is there once. */
export const referringBase = (base: StudyBase, preset: PresetName): StudyBase => {
  const common = {
    ...base,
    data: { ...base.data, sameConcept: 1 },
    text: { pretrain: places, finetune: places },
  };
  return preset !== "micro" ? common : {
    ...common,
    scenes: { pretrain: 8192, finetune: 1024, eval: 128 },
    pretrain: { ...base.pretrain, steps: 1500, batch: 32, warmup: 60, every: 500 },
    finetune: { ...base.finetune, steps: 200, batch: 16 },
  };
};

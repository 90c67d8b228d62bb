/** A quickstart of one arm that is done in seconds on the CPU. */
import { by, cos } from "../../pipelines/configs/entry.ts";
import type { QuickstartConfig } from "../../pipelines/ablations/quickstart_config.ts";
import { presets } from "../../pipelines/ablations/quickstart_presets.ts";

/** One arm, `tiny`, with two steps of each training and the shipped encoder. */
export const tinyQuickstart: QuickstartConfig = {
  ...presets.micro,
  scenes: { pretrain: 6, finetune: 4, eval: 2 },
  vision: { ...presets.micro.vision, steps: 0 },
  pretrain: { ...presets.micro.pretrain, steps: 2, every: 2 },
  finetune: { ...presets.micro.finetune, steps: 2 },
  arms: [{
    name: "tiny",
    bridge: cos([8, 4], [2, 1]),
    expansion: by({ resolution: 2, global: 2, local: 1 }),
  }],
};

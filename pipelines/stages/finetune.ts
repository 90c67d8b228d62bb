/** Fine-tuning: the expanded model learns on with many visual tokens at twice the resolution. */
import { languageStage } from "./pretrain.ts";

/** Fine-tuning as a stage: the same training as pre-training, on the grown bridge and its features. */
export const finetune: typeof languageStage = languageStage;

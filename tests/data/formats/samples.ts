/** Small files of every annotation format, written by hand in the official layouts, and the records that they hold. */
import type { Sample } from "./sample_form.ts";
import { boxesSamples } from "./samples_boxes.ts";
import { captionsSamples } from "./samples_captions.ts";
import { choicesSamples } from "./samples_choices.ts";
import { openSamples } from "./samples_open.ts";
import { questionsSamples } from "./samples_questions.ts";
import { trainingSamples } from "./samples_training.ts";

export { formatNamed, type Sample, type SampleFile } from "./sample_form.ts";
export { pythonTwoPickle } from "./samples_boxes.ts";

/** Every sample. */
export const loadSamples = async (): Promise<readonly Sample[]> => [
  ...captionsSamples,
  ...openSamples,
  ...questionsSamples,
  ...choicesSamples,
  ...boxesSamples,
  ...await trainingSamples(),
];

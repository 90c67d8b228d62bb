/** Every annotation format by its name. */
import type { BenchmarkRecord } from "../records/records.ts";
import { aokVqa, aokVqaDirect, scienceQa, seedBench } from "./choices.ts";
import { cocoCaptions, flickr30k, karpathy, noCaps, textCaps } from "./captions.ts";
import type { Format } from "./format.ts";
import { gqa, ocrVqa, okVqa, textVqa, vizWiz, vqaV2 } from "./open_questions.ts";
import { llava } from "./llava.ts";
import { mmBench } from "./mmbench.ts";
import { mme, pope } from "./yes_no.ts";
import { parquetPairs } from "./parquet.ts";
import { refCoco, refCocoLines } from "./refcoco.ts";
import type { TrainingRecord } from "./training.ts";
import { webDataset } from "./webdataset.ts";

/** Formats of benchmarks: questions, captions and boxes. */
export const benchmarkFormats: readonly Format<BenchmarkRecord>[] = [
  cocoCaptions,
  karpathy,
  flickr30k,
  noCaps,
  textCaps,
  vqaV2,
  okVqa,
  aokVqa,
  aokVqaDirect,
  gqa,
  textVqa,
  ocrVqa,
  vizWiz,
  scienceQa,
  pope,
  mme,
  mmBench,
  seedBench,
  refCoco,
  refCocoLines,
];

/** Formats of what is trained on: conversations and pairs. */
export const trainingFormats: readonly Format<TrainingRecord>[] = [llava, webDataset, parquetPairs];

/** Every format. */
export const formats: readonly Format<BenchmarkRecord | TrainingRecord>[] = [
  ...benchmarkFormats,
  ...trainingFormats,
];

/** Every annotation format by its name. */
import type { BenchmarkRecord } from "../records/records.ts";
import { aokVqa, aokVqaDirect } from "./aokvqa.ts";
import { cocoCaptions, noCaps } from "./coco_captions.ts";
import { flickr30k } from "./flickr30k.ts";
import type { Format } from "./format.ts";
import { gqa } from "./gqa.ts";
import { karpathy } from "./karpathy.ts";
import { llava } from "./llava.ts";
import { mmBench } from "./mmbench.ts";
import { mme } from "./mme.ts";
import { ocrVqa } from "./ocrvqa.ts";
import { parquetPairs } from "./parquet.ts";
import { pope } from "./pope.ts";
import { refCoco, refCocoLines } from "./refcoco.ts";
import { scienceQa } from "./scienceqa.ts";
import { seedBench } from "./seed.ts";
import { textCaps } from "./textcaps.ts";
import { textVqa } from "./textvqa.ts";
import type { TrainingRecord } from "./training.ts";
import { vizWiz } from "./vizwiz.ts";
import { okVqa, vqaV2 } from "./vqa.ts";
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

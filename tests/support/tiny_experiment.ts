/** An experiment that is done in seconds on the CPU. */
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { setting } from "../../pipelines/ablations/config.ts";
import { presets } from "../../pipelines/ablations/presets.ts";
import { by, cos } from "../../pipelines/configs/entry.ts";
import type { Experiment } from "../../pipelines/engine/experiment.ts";
import { changedBy } from "../../pipelines/engine/load.ts";
import { resolve } from "../../pipelines/engine/resolve.ts";
import { runExperiment } from "../../pipelines/engine/run.ts";
import { type RunSummary, runSummaryCodec, summariseRun } from "../../pipelines/engine/summary.ts";
import { right } from "./either.ts";

/** What makes it of the smallest preset: two steps of each training, and few scenes. */
export const tinySettings: readonly string[] = [
  setting("name", "tiny"),
  setting("model.bridge", cos([8, 4], [2, 1])),
  setting("expand.by", by({ resolution: 2, global: 2, local: 1 })),
  setting("pretrain.data.count", 6),
  setting("pretrain.steps", 2),
  setting("pretrain.every", 2),
  setting("finetune.data.count", 4),
  setting("finetune.steps", 2),
  setting("evaluate.data.count", 2),
];

/** The experiment. */
export const tinyExperiment: Experiment = right(changedBy(presets.smoke.base, tinySettings));

/** Runs an experiment into a directory; its store is next to it unless said. */
export const runInto = (
  experiment: Experiment,
  out: string,
  store = `${out}-store`,
): Effect.Effect<RunSummary, unknown, Device> =>
  Effect.flatMap(resolve(experiment, `${store}/cache`), (resolved) =>
    runExperiment(resolved, {
      out,
      store,
      cache: `${store}/cache`,
      version: "test",
      summary: runSummaryCodec(),
      summarise: (found) => summariseRun(experiment, found),
    }));

/** The quickstart: every arm as an experiment with one seed, run by the engine; files are named by the arms. */
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { resolvedOn } from "../ablations/base.ts";
import type { QuickstartConfig } from "../ablations/quickstart_config.ts";
import { tried } from "../base/bridge.ts";
import type { Json } from "../base/hash.ts";
import { tokenizerOf } from "../engine/inputs.ts";
import type { MakeError } from "../engine/make.ts";
import { type NamedExperiment, runExperiments, type RunPlaces } from "../engine/run.ts";
import { vocabularyOf } from "../stages/scene_source.ts";
import { writeReport } from "./report.ts";
import { armResult, type Summary, summaryCodec, summaryOf } from "./summary.ts";

/** The experiments of a configuration, one an arm. Throws ConfigError for an arm that does not fit. */
export const quickstartExperiments = (config: QuickstartConfig): readonly NamedExperiment[] =>
  config.arms.map((arm) => ({ prefix: arm.name, resolved: resolvedOn(config, arm, config.seed) }));

/** The whole quickstart. Finished stages are not made again; an interrupted one goes on from its checkpoint. */
export const quickstart = (
  config: QuickstartConfig,
  places: RunPlaces,
): Effect.Effect<Summary, MakeError, Device> =>
  Effect.gen(function* () {
    const experiments = yield* tried(() => quickstartExperiments(config));
    return yield* runExperiments(experiments, {
      ...places,
      name: `quickstart-${config.scale}`,
      config: config as unknown as Json,
      seeds: { data: config.data.seed, model: config.seed, evaluation: config.evaluate.seed },
      summary: summaryCodec(),
      summarise: ({ directory, context, dataHash, wallSeconds }) =>
        Effect.gen(function* () {
          const results = yield* Effect.forEach(config.arms, (arm) => armResult(directory, arm));
          const { experiment } = experiments[0]!.resolved;
          const summary = summaryOf(config, experiments.map(({ resolved }) => resolved), results, {
            dataHash,
            device: context.device,
            vocabulary: vocabularyOf(yield* tokenizerOf(context, experiment)),
            wallSeconds,
          });
          yield* writeReport(directory, summary);
          return summary;
        }),
    });
  });

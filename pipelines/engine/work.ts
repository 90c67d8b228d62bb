/** Operations of the trainings of an experiment, from their descriptions alone. Pure. */
import {
  costOf,
  type ParameterSpec,
  placeholders,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  warmupCosine,
} from "@chain-of-sight/core";
import { hashOf } from "../base/hash.ts";
import { optimiserOf, trainedBy } from "../stages/language_config.ts";
import { modelOf, seeingModelOf, viewsRead } from "../stages/model.ts";
import { sourceInputs } from "../stages/source.ts";
import { type StepBatch, type StepKind, stepKinds } from "../stages/step_kinds.ts";
import { cellsOf } from "../vision/tower.ts";
import { stageName, type TrainSpec } from "./experiment.ts";
import { bridgeAfter } from "./jobs.ts";
import { seesAt } from "./models.ts";
import type { Resolved } from "./resolve.ts";

/** Work of one training. */
export interface Work {
  /** Visual tokens of an image that its decoder is given, in the steps that see most. */
  readonly visualTokens: number;
  /** Operations of a step, on average over fast and slow ones: forward, backward and update; a multiplication with an addition is two. */
  readonly flops: number;
}

const known = new Map<string, Work>();

/** Tokens of a row of a training. */
const lengthOf = ({ lengths }: Resolved, { data }: TrainSpec): number =>
  typeof data === "string" ? lengths[data]! : data.length;

/** Work of a step of a training, by its name. Throws ConfigError for a bridge that does not fit. */
export const workOf = (resolved: Resolved, name: string): Work => {
  const { experiment: { stages }, parts } = resolved,
    stage = stages.findIndex((spec) => stageName(spec) === name);
  const spec = (stages[stage] as { readonly train: TrainSpec }).train, length = lengthOf(resolved, spec);
  const bridge = bridgeAfter(resolved, stage), sees = seesAt(resolved.experiment, stage);
  const { name: _, data: _data, ...config } = spec, { batch, maxNorm } = config;
  const key = hashOf({ config, length, bridge, parts, sees }), before = known.get(key);
  if (before !== undefined) return before;
  const make = (): Work => {
    const { kinds, loss, whole } = stepKinds(
      config,
      (keep) => (sees ? seeingModelOf : modelOf)(parts, bridge, keep),
    );
    const { optimiser } = optimiserOf(config, whole.specs as Tree<ParameterSpec>);
    const views = viewsRead(bridge), cells = cellsOf(parts.tower, views), { width } = parts.tower.config;
    const visionInput = sees
      ? { kind: "images", side: views.side } as const
      : { kind: "features", levels: parts.tower.levels.length, cells, width } as const;
    const inputs = sourceInputs({ visionInput, length, separate: typeof spec.data !== "string" }, batch);
    const trainable = trainedBy(config);
    const state = placeholders("work", trainStateSpecs(optimiser, whole.specs, trainable));
    const flopsOf = (kind: StepKind): number => {
      const step = trainStep<StepBatch>({
        loss,
        optimiser,
        schedule: warmupCosine({ peak: 1, warmup: 1, total: 2 }),
        maxNorm,
        trainable,
      })(state as TrainState<Tensor>, kind.batch(inputs));
      const results = tensors.leaves({ state: step.state, loss: step.metrics.loss } as Tree<Tensor>);
      return costOf(results).flops;
    };
    return {
      visualTokens: Math.max(...kinds.map(({ model }) => model.visualTokens)),
      flops: kinds.reduce((sum, kind) => sum + kind.share * flopsOf(kind), 0),
    };
  };
  const work = make();
  known.set(key, work);
  return work;
};

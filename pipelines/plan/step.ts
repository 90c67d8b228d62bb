/**
 * The training step of a stage as a source for the compiler, from its description alone: no numbers, no device. The
 * decoder is a loop over its blocks, so that 32 of them are described and compiled as fast as two.
 */
import {
  type PathPredicate,
  placeholders,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  under,
  type VisionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import type { Source } from "@chain-of-sight/kernels";
import type { NamedConfig, StageName } from "../configs/config.ts";
import { decoderOfConfig, modelOfStage } from "../configs/model.ts";
import { batchOfStage, stepOfStage } from "../configs/training.ts";

/** Regions whose inside the backward pass computes again: every block of the encoder and of the decoder. */
export const blocksAgain: PathPredicate = under("encoder.layers", "model.layers");

/** The model of a stage whose decoder is a loop. Throws ConfigError. */
export const loopedModel = (config: NamedConfig, stage: StageName): VisionLanguage =>
  modelOfStage(config, stage, { ...decoderOfConfig(config), scan: true });

/** A step and what it is made of. */
export interface PlannedStep {
  /** For the compiler: new state in place of the old, and scalars. */
  readonly source: Source;
  /** The model. */
  readonly model: VisionLanguage;
  /** The model's parameters as the step's inputs. */
  readonly params: Tree<Tensor>;
  /** What the paths of inputs begin with: parameters, and the optimiser's memory. */
  readonly prefixes: { readonly params: string; readonly optimiser: string };
}

/**
 * What the inputs of a step's state begin with. Kernels run in the order in which their descriptions came to be, and
 * equal descriptions are one: with names of its own, a plan hardly depends on what was described before it.
 */
const stateName = ({ name, geometry, ...stages }: NamedConfig, stage: StageName, remat: boolean): string =>
  [name, geometry, stage, stages[stage].batch, remat ? "again" : "kept"].join(" ");

/** The step of a stage, with recomputation of blocks or without. Throws ConfigError where the parts do not fit. */
export const plannedStep = (config: NamedConfig, stage: StageName, remat: boolean): PlannedStep => {
  const model = loopedModel(config, stage);
  const { loss: _, ...settings } = stepOfStage(config, stage), { optimiser, trainable } = settings;
  const name = stateName(config, stage, remat);
  const state = placeholders(name, trainStateSpecs(optimiser, model.specs, trainable)) as TrainState<Tensor>;
  const batch = batchOfStage(config, stage);
  const step = trainStep<VisionLanguageBatch>({
    ...settings,
    loss: model.loss,
    ...(remat ? { remat: blocksAgain } : {}),
  });
  const after = step(state, batch);
  const old = tensors.flatten({ [name]: state } as Tree<Tensor>);
  const next = Object.fromEntries(
    tensors.entries({ [name]: after.state } as Tree<Tensor>).filter(([path, t]) => t !== old[path]),
  );
  return {
    model,
    params: state.params,
    prefixes: { params: `${name}.params.`, optimiser: `${name}.opt.` },
    source: {
      outputs: { ...next, ...after.metrics },
      donate: Object.fromEntries(Object.keys(next).map((path) => [path, path])),
      inputs: [...Object.values(old), ...tensors.leaves(batch as Tree<Tensor>)],
    },
  };
};

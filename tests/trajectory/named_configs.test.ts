/**
 * Named configurations at the small size, through their stages on the CPU: a pre-training of some steps, the
 * expansion, and a fine-tuning of some. Four images of one colour each, four answers: a model that does not look
 * cannot get below ln 4. Configurations that differ in numbers alone take the same path: the first of each form is
 * trained, of the others the expansion is made.
 */
import {
  arrayTrees,
  bindingsOf,
  i32,
  type NdArray,
  ndarray,
  type ParameterSpec,
  placeholders,
  type Shape,
  specTrees,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  unflatten,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedConfig, StageName } from "../../pipelines/configs/config.ts";
import { expandedParameters, freshParameters, modelOfStage } from "../../pipelines/configs/model.ts";
import { configsOf } from "../../pipelines/configs/named.ts";
import { batchOfStage, stepOfStage } from "../../pipelines/configs/training.ts";
import { closeCpu, stepOnCpu } from "../support/cpu.ts";
import type { StepProgram } from "./suite.ts";

const BLIND = Math.log(4);
const COLOURS = [[1, -1, -1], [-1, 1, -1], [-1, -1, 1], [1, 1, -1]] as const;

/** An image of each colour, with some texture. */
const randomImages = (side: number): NdArray => {
  const data = new Float32Array(COLOURS.length * side * side * 3);
  COLOURS.forEach((colour, b) => {
    for (let i = 0; i < side * side; i++) {
      colour.forEach((c, k) => data[(b * side * side + i) * 3 + k] = c * (0.6 + 0.4 * Math.sin(i * 0.7 + k)));
    }
  });
  return ndarray("f32", [COLOURS.length, side, side, 3], data);
};

/** A question, then its answer for each image, which alone counts. */
const texts = (question: number, answers: readonly number[]) => ({
  ids: i32([4, 2], answers.flatMap((answer) => [question, answer])),
  labels: i32([4, 2], answers.flatMap((answer) => [-100, answer])),
});

/** Asked in pre-training. */
const OLD = texts(7, [20, 21, 22, 23]);

/** Asked in fine-tuning: other answers about the same. */
const NEW = texts(8, [21, 22, 23, 20]);

/** A few steps on all four images at once. */
const brief = (config: NamedConfig): NamedConfig => {
  const few = { batch: 4, textTokens: 2, warmup: 1 } as const;
  return {
    ...config,
    pretrain: { ...config.pretrain, ...few, steps: 12, rate: 4e-3, floor: 2e-3 },
    finetune: { ...config.finetune, ...few, steps: 7, rate: 3e-3, floor: 3e-3 },
  };
};

const programOf = (config: NamedConfig, stage: StageName, params: Tree<NdArray>): StepProgram => {
  const step = stepOfStage(config, stage),
    { optimiser, trainable } = step,
    { specs } = modelOfStage(config, stage);
  const state = placeholders("state", trainStateSpecs(optimiser, specs, trainable)) as TrainState<Tensor>;
  const result = trainStep(step)(state, batchOfStage(config, stage));
  const before = tensors.flatten({ state } as Tree<Tensor>);
  const after = tensors.entries({ state: result.state } as Tree<Tensor>);
  return {
    next: Object.fromEntries(after.filter(([path, t]) => t !== before[path])),
    metrics: { loss: result.metrics.loss },
    initial: bindingsOf("state", startTraining(optimiser, params, trainable) as Tree<NdArray>),
  };
};

interface Trained {
  readonly losses: readonly number[];
  readonly params: Tree<NdArray>;
}

const make = stepOnCpu();

/** A stage from its start; the rate of the first step is 0, so that its loss is that of the start. */
const train = async (
  config: NamedConfig,
  stage: StageName,
  params: Tree<NdArray>,
  textAt: (step: number) => typeof OLD,
): Promise<Trained> => {
  const stepper = await make(programOf(config, stage, params)), losses: number[] = [];
  const images = randomImages(config[stage].resolution);
  for (let i = 0; i < config[stage].steps; i++) {
    losses.push((await stepper.step({ images, ...textAt(i) })).loss!);
  }
  const prefix = "state.params.", learned = Object.entries(await stepper.state());
  const flat = {
    ...arrayTrees.flatten(params),
    ...Object.fromEntries(
      learned.filter(([path]) => path.startsWith(prefix)).map(([path, a]) => [path.slice(prefix.length), a]),
    ),
  };
  return { losses, params: unflatten(arrayTrees, params, flat) as Tree<NdArray> };
};

// configurations that differ in their growth alone share a pre-training, as in the paper
const pretrainings = new Map<string, Promise<Trained>>();
const pretrained = (config: NamedConfig): Promise<Trained> => {
  const key = JSON.stringify([config.bridge, config.pretrain]);
  const known = pretrainings.get(key) ??
    train(config, "pretrain", freshParameters(config, "pretrain", [1, 2]), () => OLD);
  pretrainings.set(key, known);
  return known;
};

const test = suite("named configurations, trained");

/** The form of a configuration: its bridge and its expansion without their numbers. */
const formOf = ({ bridge, expansion }: NamedConfig): string =>
  JSON.stringify([bridge, expansion]).replaceAll(/-?\d+(?:\.\d+)?/g, "0");

const forms = new Map(configsOf("small").toReversed().map((config) => [formOf(config), config]));

for (const config of [...forms.values()].reverse().map(brief)) {
  test(config.name, async () => {
    const first = await pretrained(config), learned = first.losses.at(-1)!;
    assert.ok(first.losses[0]! > 5, `starts at ${first.losses[0]}`);
    assert.ok(learned < 0.7 * BLIND, `pre-training ends at ${learned}`);
    const params = expandedParameters(config, first.params, [3, 4]);
    const { losses } = await train(config, "finetune", params, (step) => step === 0 ? OLD : NEW);
    const [inherited, start, end] = [losses[0]!, losses[1]!, losses.at(-1)!];
    const fresh = config.expansion?.kind === "grow" && config.expansion.start === "fresh";
    assert.ok(
      fresh ? inherited > BLIND : inherited < 0.7 * BLIND,
      `after ${learned}, expanded: ${inherited}`,
    );
    assert.ok(end < 0.7 * start, `fine-tuning goes from ${start} to ${end}`);
  });
}

test("every other configuration expands to the parameters of its fine-tuning", () => {
  for (const config of configsOf("small").filter((config) => forms.get(formOf(config)) !== config)) {
    const params = expandedParameters(config, freshParameters(config, "pretrain", [1, 2]), [3, 4]);
    const shapes = (entries: readonly (readonly [path: string, leaf: { readonly shape: Shape }])[]) =>
      entries.map(([path, { shape }]) => `${path} [${shape}]`).toSorted();
    const { specs } = modelOfStage(config, "finetune");
    assert.equal(
      shapes(arrayTrees.entries(params)),
      shapes(specTrees.entries(specs as Tree<ParameterSpec>)),
      config.name,
    );
  }
});

test.after(closeCpu);
test.run();

/** A whole training against PyTorch: 30 steps of a tiny vision-language model. */
import {
  adamw,
  bindingsOf,
  chainOfSight,
  input,
  layoutOf,
  type MixedPrecision,
  type NdArray,
  ndarray,
  type PathPredicate,
  placeholders,
  specTrees,
  stackLayers,
  startTraining,
  type StepMetrics,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  unflatten,
  unstackLayers,
  type VisionLanguage,
  visionLanguage,
  type VisionLanguageBatch,
  warmupCosine,
} from "@chain-of-sight/core";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Golden, golden } from "../support/fixtures.ts";
import { near } from "../support/near.ts";

/** A training step as a graph, with everything that an evaluator needs to run it again and again. */
export interface StepProgram {
  /** For every state input, by its path, the description of its value after the step. */
  readonly next: Readonly<Record<string, Tensor>>;
  /** Scalars of the step, by name. */
  readonly metrics: Readonly<Record<string, Tensor>>;
  /** Value of every state input, by its path, before the first step. */
  readonly initial: Readonly<Record<string, NdArray>>;
}

/** Runs a step program. */
export interface Stepper {
  /** Runs one step on the batch inputs by path, and gives the metrics by name. */
  readonly step: (batch: Readonly<Record<string, NdArray>>) => Promise<Readonly<Record<string, number>>>;
  /** The state after the steps so far, by input path. */
  readonly state: () => Promise<Readonly<Record<string, NdArray>>>;
}

/** Prepares a program on an evaluator. */
export type MakeStepper = (program: StepProgram) => Promise<Stepper>;

/** What the fixture says of itself. */
export interface Meta {
  readonly training: { readonly steps: number; readonly decayed: readonly string[] };
}

const LAYERS = "model.layers", layers = 2;

const modelOf = (scan: boolean): VisionLanguage =>
  visionLanguage({
    bridge: chainOfSight({ layout: layoutOf(112, 14, [8, 2], [4, 1]), width: 32, to: 64, heads: 2 }),
    decoder: { vocabulary: 96, width: 64, layers, heads: 4, ff: 172, scan },
  });

/** The step of the fixture as a program. */
export const trajectoryProgram = (
  file: Golden<Meta>,
  { remat, scan = false, mixed }: Omit<TrajectoryOptions, "factor"> = {},
): StepProgram => {
  const model = modelOf(scan);
  const inFile = (path: string) => scan ? path.replace(`${LAYERS}.`, `${LAYERS}.0.`) : path;
  const optimiser = adamw({
    weightDecay: 0.01,
    decay: (path) => file.meta.training.decayed.includes(inFile(path)),
  });
  const step = trainStep<VisionLanguageBatch>({
    loss: model.loss,
    optimiser,
    schedule: warmupCosine({ peak: 3e-3, warmup: 5, total: 30 }),
    maxNorm: 1,
    ...(remat === undefined ? {} : { remat }),
    ...(mixed === undefined ? {} : { mixed }),
  });
  const state = placeholders(
    "state",
    trainStateSpecs(optimiser, model.specs, undefined, mixed),
  ) as TrainState<Tensor>;
  const batch: VisionLanguageBatch = {
    features: [0, 1].map((l) => input(`batch.features.${l}`, [4, 64, 32])),
    ids: input("batch.ids", [4, 12], "i32"),
    labels: input("batch.labels", [4, 12], "i32"),
  };
  const result = step(state, batch);
  const before = tensors.entries(state as Tree<Tensor>),
    after = tensors.entries(result.state as Tree<Tensor>);
  assert.equal(before.map(([path]) => path), after.map(([path]) => path), "the state keeps its paths");
  const init = file.under("init/"), given = scan ? stackLayers(LAYERS)(init) : init;
  const params = unflatten(specTrees, model.specs, given) as Tree<NdArray>;
  return {
    next: Object.fromEntries(after.map(([path, t]) => [`state.${path}`, t])),
    metrics: result.metrics satisfies StepMetrics,
    initial: bindingsOf("state", startTraining(optimiser, params, undefined, mixed) as Tree<NdArray>),
  };
};

/** The rows `[4, 64, 32]` of one feature level for the images of one step. */
const chosen = (features: NdArray, images: ArrayLike<number>): NdArray => {
  const row = 64 * 32, data = new Float32Array(4 * row);
  for (let b = 0; b < 4; b++) {
    data.set(features.data.subarray(images[b]! * row, (images[b]! + 1) * row), b * row);
  }
  return ndarray("f32", [4, 64, 32], data);
};

/** The batch of a step of the fixture. */
export const batchOf = (file: Golden<Meta>, t: number): Record<string, NdArray> => {
  const at = (name: string, n: number) =>
    file.get(`batch/${name}`).data.slice(t * n, (t + 1) * n) as Int32Array;
  const images = at("image_index", 4);
  return {
    "batch.features.0": chosen(file.get("features/level0"), images),
    "batch.features.1": chosen(file.get("features/level1"), images),
    "batch.ids": ndarray("i32", [4, 12], at("input_ids", 48)),
    "batch.labels": ndarray("i32", [4, 12], at("labels", 48)),
  };
};

/** How much wider than the fixture's tolerances an evaluator may be. */
export interface TrajectoryOptions {
  /** Factor of every tolerance; 1 by default. */
  readonly factor?: number;
  /** Regions that the backward pass computes again, by name; none by default. */
  readonly remat?: PathPredicate;
  /** Whether the blocks are a loop over stacked parameters; false by default. */
  readonly scan?: boolean;
  /** Products in f16; all f32 by default. */
  readonly mixed?: MixedPrecision;
}

/** The suite for one evaluator; it runs at once. */
export const trajectorySuite = (
  name: string,
  make: MakeStepper,
  { factor = 1, ...options }: TrajectoryOptions = {},
): void => {
  const test = suite(`trajectory, ${name}`);
  test("30 steps: loss and gradient norm at each, weights at the end", async () => {
    const file = golden<Meta>("trajectory"), program = trajectoryProgram(file, options);
    const stepper = await make(program);
    const scalar = (x: number) => ({ shape: [], data: Float64Array.of(x) });
    for (let t = 0; t < file.meta.training.steps; t++) {
      const metrics = await stepper.step(batchOf(file, t));
      for (const [metric, column] of [["loss", "loss"], ["gradNorm", "grad_norm"], ["lr", "lr"]] as const) {
        const value: NdArray = { dtype: "f32", ...scalar(metrics[metric]!) };
        near(`step ${t} ${metric}`, value, scalar(file.get(column).data[t]!), {
          rtol: 2e-5 * factor,
          atol: metric === "lr" ? 1e-9 : 0,
        });
      }
    }
    const ended = await stepper.state(), state = options.scan ? unstackLayers(LAYERS, layers)(ended) : ended;
    for (const [path, expected] of Object.entries(file.under("final/"))) {
      const value = state[`state.params.${path}`];
      assert.ok(value !== undefined, `a value for ${path}`);
      near(path, value!, expected, { rtol: 3e-5 * factor, atol: 2e-5 * factor });
    }
    assert.is(state["state.step"]!.data[0], 30);
  });
  test.run();
};

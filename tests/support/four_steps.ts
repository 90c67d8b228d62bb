/** Training steps of a language model with one layer, in a page and in Deno. */
import {
  adamw,
  bindingsOf,
  crossEntropy,
  i32,
  initialise,
  input,
  llamaEmbed,
  llamaLogits,
  type LlamaParams,
  llamaSpecs,
  llamaStates,
  type NdArray,
  type ParameterSpec,
  placeholders,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  warmupCosine,
} from "@chain-of-sight/core";
import { browserGpu, compileFor, type Device, theDevice } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";

const config = { vocabulary: 32, width: 16, layers: 1, heads: 2, kvHeads: 2, ff: 32 };
const optimiser = adamw({ weightDecay: 0.01 }), STEPS = 4, ROWS = 2, LENGTH = 8;

/** The losses of the steps. */
export const fourSteps: Effect.Effect<readonly number[], unknown, Device> = Effect.scoped(
  Effect.gen(function* () {
    const specs = llamaSpecs(config) as unknown as Tree<ParameterSpec>;
    const state = placeholders("state", trainStateSpecs(optimiser, specs)) as unknown as TrainState<Tensor>;
    const batch = {
      ids: input("ids", [ROWS, LENGTH], "i32"),
      labels: input("labels", [ROWS, LENGTH], "i32"),
    };
    const { state: next, metrics } = trainStep<typeof batch>({
      loss: (params, { ids, labels }) => {
        const p = params as unknown as LlamaParams<Tensor>;
        const states = llamaStates(config)(p, llamaEmbed(p, ids));
        return [crossEntropy(llamaLogits(p, states), labels).mean, {}];
      },
      optimiser,
      schedule: warmupCosine({ peak: 1e-2, warmup: 1, total: STEPS }),
      maxNorm: 1,
    })(state, batch);
    const outputs = tensors.flatten({ state: next } as unknown as Tree<Tensor>);
    const device = yield* theDevice();
    const program = yield* device.load(compileFor(device, {
      outputs: { ...outputs, loss: metrics.loss },
      donate: Object.fromEntries(Object.keys(outputs).map((path) => [path, path])),
      inputs: tensors.leaves({ state, batch } as unknown as Tree<Tensor>),
    }));
    const start = startTraining(optimiser, initialise([1, 2], specs) as unknown as Tree<NdArray>);
    yield* program.write(bindingsOf("state", start as unknown as Tree<NdArray>));
    const losses: number[] = [],
      numbers = (seed: number) =>
        i32(
          [ROWS, LENGTH],
          Array.from({ length: ROWS * LENGTH }, (_, i) => (seed + 7 * i) % config.vocabulary),
        );
    for (let step = 0; step < STEPS; step++) {
      yield* program.write({ ids: numbers(step), labels: numbers(step + 7) });
      yield* program.run;
      losses.push((yield* program.read(["loss"])).loss!.data[0]!);
    }
    return losses;
  }),
);

/** The losses on the WebGPU of a page. */
export const onWebGpu = (): Promise<readonly number[]> =>
  Effect.runPromise(
    fourSteps.pipe(Effect.provide(browserGpu())) as Effect.Effect<readonly number[], unknown>,
  );

/**
 * The training page's experiment: several bridges before decoders of one size, each trained on the same batches of questions
 * about drawn scenes, one step of each in turn. What a step computes is a function of the state and its number, so that a
 * training that went on from a checkpoint is the uninterrupted one, bit for bit.
 */
import {
  adamw,
  bindingsOf,
  i32,
  initialise,
  input,
  type NdArray,
  ndarray,
  type ParameterSpec,
  placeholders,
  startTraining,
  type Tensor,
  tensors,
  type TrainState,
  trainStateSpecs,
  trainStep,
  type Tree,
  type VisionLanguageBatch,
  warmupCosine,
} from "@chain-of-sight/core";
import { compile, theDevice } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import { fromEither } from "../base/bridge.ts";
import { generateTexts, openGenerator } from "../generate/generator.ts";
import { stackedPixels } from "../images/pixels.ts";
import { modelOf, type ModelParts, type PlacedBridge } from "../stages/model.ts";
import { causalLMOf, featureInputs } from "../stages/causal_lm.ts";
import { IMAGE_ID } from "../text/image_mark.ts";
import { questionIds, rowOf } from "../text/prompt.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import { openEncoder } from "../train/encoder.ts";
import { cellsOf } from "../vision/tower.ts";
import { lazyArrays } from "../weights/lazy.ts";
import { paramsIn } from "./params.ts";
import { decode, encode } from "../weights/safetensors.ts";
import type { CheckpointStorage } from "./storage.ts";

/** A question about an image, by number, and its answer. */
export type TrainingTurn = readonly [image: number, prompt: string, answer: string];

/** `training.json` of a site. */
export interface WebTraining {
  /** The model around the bridges. */
  readonly parts: ModelParts;
  /** Bridges by name. */
  readonly arms: readonly { readonly name: string; readonly bridge: PlacedBridge }[];
  /** An image of all images, side by side in rows. */
  readonly sheet: {
    readonly file: string;
    readonly columns: number;
    readonly count: number;
    readonly side: number;
  };
  /** Questions to learn from, in the order of the batches. */
  readonly turns: readonly TrainingTurn[];
  /** Questions about images that are not learned from. */
  readonly held: readonly TrainingTurn[];
  /** Questions of a batch. */
  readonly rows: number;
  /** Tokens of a row. */
  readonly length: number;
  /** Steps. */
  readonly steps: number;
  /** Largest learning rate. */
  readonly learningRate: number;
  /** Steps between checkpoints. */
  readonly every: number;
}

/** What a training reports. */
export type TrainingEvent =
  | { readonly kind: "features"; readonly done: number; readonly total: number }
  | { readonly kind: "arm"; readonly arm: number; readonly tokens: number; readonly from: number }
  | {
    readonly kind: "step";
    readonly arm: number;
    readonly step: number;
    readonly loss: number;
    /** Seconds that this step took. */
    readonly seconds: number;
  }
  | { readonly kind: "score"; readonly arm: number; readonly right: number; readonly of: number };

/** What a training is made from. */
export interface TrainingInputs {
  /** The experiment. */
  readonly training: WebTraining;
  /** Its images, `side * side * 3` bytes of RGB each. */
  readonly images: readonly Uint8Array[];
  /** The tokenizer. */
  readonly tokenizer: Tokenizer;
  /** Parameters of the encoder. */
  readonly encoder: Tree<NdArray>;
  /** Where checkpoints are kept. */
  readonly storage: CheckpointStorage;
  /** Called with each event. */
  readonly onEvent: (event: TrainingEvent) => void;
  /** Whether to stop, asked after every step. */
  readonly stopped: () => boolean;
}

/** File of an arm's checkpoint. */
export const checkpointName = (arm: string): string => `training-${arm}.safetensors`;

/** Images of a batch of the encoder. */
const ENCODED = 8;

/** Maximum number of tokens of a question and of an answer that is scored. */
const PROMPT = 24, ANSWER = 8;

const STATE = "state", PARAMS = `${STATE}.params.`;
const optimiser = adamw({ weightDecay: 0.01 });

/** Feature levels of every image, one `[cells, width]` after the other. */
const featuresOf = ({ training: { parts, sheet }, images, encoder, onEvent }: TrainingInputs) =>
  Effect.scoped(Effect.gen(function* () {
    const weights = { tower: parts.tower, params: lazyArrays(encoder), hash: "" }, { side, count } = sheet;
    const encodeImages = yield* openEncoder(weights, { side, tiles: 1 }, Math.min(ENCODED, count));
    const size = cellsOf(parts.tower, { side, tiles: 1 }) * parts.tower.config.width;
    const levels = parts.tower.levels.map(() => new Float32Array(count * size));
    for (let from = 0; from < count; from += ENCODED) {
      const first = Math.max(0, Math.min(from, count - ENCODED)); // the last batch reaches back so that it is full
      const got = yield* encodeImages(
        stackedPixels(images.slice(first, first + Math.min(ENCODED, count)), side),
      );
      levels.forEach((level, i) => level.set(got[i]!.data as Float32Array, first * size));
      onEvent({ kind: "features", done: Math.min(count, from + ENCODED), total: count });
      yield* Effect.sleep(0);
    }
    return levels;
  }));

type Levels = readonly Float32Array[];

const gathered = (
  { parts, sheet: { side } }: WebTraining,
  levels: Levels,
  images: readonly number[],
): readonly NdArray[] => {
  const cells = cellsOf(parts.tower, { side, tiles: 1 }),
    { width } = parts.tower.config,
    size = cells * width;
  return levels.map((level) => {
    const out = new Float32Array(images.length * size);
    images.forEach((image, i) => out.set(level.subarray(image * size, (image + 1) * size), i * size));
    return ndarray("f32", [images.length, cells, width], out);
  });
};

/** The arrays of the batch of a step. */
const batchAt = ({ training, tokenizer }: TrainingInputs, levels: Levels, step: number) => {
  const { turns, rows, length } = training;
  const turn = Array.from({ length: rows }, (_, i) => turns[(step * rows + i) % turns.length]!);
  const made = turn.map(([image, prompt, answer]) =>
    rowOf(tokenizer, String(image), [{ prompt, answer }], length)
  );
  const features = gathered(training, levels, turn.map(([image]) => image));
  return {
    ...Object.fromEntries(features.map((value, i) => [`features.${i}`, value])),
    ids: i32([rows, length], made.flatMap(({ ids }) => [...ids])),
    labels: i32([rows, length], made.flatMap(({ labels }) => [...labels])),
  };
};

/** The step of an arm as a source, and its state before the first step. */
const stepOf = (
  { parts, rows, length, steps, learningRate, sheet: { side } }: WebTraining,
  bridge: PlacedBridge,
) => {
  const model = modelOf(parts, bridge), cells = cellsOf(parts.tower, { side, tiles: 1 });
  const batch: VisionLanguageBatch = {
    features: parts.tower.levels.map((_, i) =>
      input(`features.${i}`, [rows, cells, parts.tower.config.width])
    ),
    ids: input("ids", [rows, length], "i32"),
    labels: input("labels", [rows, length], "i32"),
  };
  const state = placeholders(STATE, trainStateSpecs(optimiser, model.specs)) as unknown as TrainState<Tensor>;
  const schedule = warmupCosine({
    peak: learningRate,
    warmup: Math.min(10, Math.floor(steps / 4)),
    total: steps,
  });
  const next = trainStep<VisionLanguageBatch>({ loss: model.loss, optimiser, schedule, maxNorm: 1 })(
    state,
    batch,
  );
  const outputs = tensors.flatten({ [STATE]: next.state } as unknown as Tree<Tensor>);
  const source = {
    outputs: { ...outputs, loss: next.metrics.loss },
    donate: Object.fromEntries(Object.keys(outputs).map((path) => [path, path])),
    inputs: tensors.leaves({ state, batch } as unknown as Tree<Tensor>),
  };
  const first = () => {
    const params = initialise([1, 2], model.specs as Tree<ParameterSpec>) as unknown as Tree<NdArray>;
    return bindingsOf(STATE, startTraining(optimiser, params) as unknown as Tree<NdArray>);
  };
  return { model, source, paths: Object.keys(outputs), first };
};

/** Loads the checkpoint of an arm: its state and the steps that were done. */
const savedState = ({ storage }: TrainingInputs, name: string) =>
  Effect.gen(function* () {
    const bytes = yield* Effect.promise(() => storage.load(checkpointName(name)));
    if (bytes === undefined) return undefined;
    const { tensors: state, metadata } = yield* fromEither(decode(bytes));
    return { state, step: Number(metadata.step) };
  });

const openArm = (inputs: TrainingInputs, levels: Levels, number: number) =>
  Effect.gen(function* () {
    const { training, storage, onEvent } = inputs, { name, bridge } = training.arms[number]!;
    const device = yield* theDevice(), { model, source, paths, first } = stepOf(training, bridge);
    const program = yield* device.load(compile(source, device.profile));
    const saved = yield* savedState(inputs, name), state = saved?.state ?? first();
    yield* program.write(Object.fromEntries(paths.map((path) => [path, state[path]!])));
    let at = saved?.step ?? 0;
    onEvent({ kind: "arm", arm: number, tokens: model.visualTokens, from: at });
    const step = Effect.gen(function* () {
      yield* program.write(batchAt(inputs, levels, at));
      const began = performance.now();
      yield* program.run;
      const loss = (yield* program.read(["loss"])).loss!.data[0]!;
      onEvent({ kind: "step", arm: number, step: ++at, loss, seconds: (performance.now() - began) / 1000 });
    });
    const save = Effect.gen(function* () {
      const bytes = yield* fromEither(encode(yield* program.read(paths), { step: String(at) }));
      yield* Effect.promise(() => storage.save(checkpointName(name), bytes));
    });
    const trained = paths.filter((path) => path.startsWith(PARAMS));
    const params = Effect.flatMap(
      program.read(trained),
      (read) => paramsIn(read, model.specs as Tree<ParameterSpec>, PARAMS),
    );
    return { number, bridge, step, save, params, at: () => at };
  });

type Arm = Effect.Success<ReturnType<typeof openArm>>;

/** The share of questions about images that were not learned from that an arm answers word by word as expected. */
const score = (
  { training, tokenizer, onEvent }: TrainingInputs,
  levels: Levels,
  { number, bridge, params }: Arm,
) =>
  Effect.scoped(Effect.gen(function* () {
    const { parts, held, rows } = training,
      causalLM = causalLMOf({ model: parts, bridge, params: lazyArrays(yield* params) });
    const marks = { ends: [tokenizer.eos], pad: tokenizer.pad };
    const generator = yield* openGenerator(causalLM, { rows, prompt: PROMPT, tokens: ANSWER }, marks);
    let right = 0;
    for (let from = 0; from < held.length; from += rows) {
      const some = Array.from({ length: rows }, (_, i) => held[Math.min(from + i, held.length - 1)]!);
      const asked = held.slice(from, from + rows);
      const prompts = asked.map(([, prompt]) => [IMAGE_ID, ...questionIds(tokenizer, prompt)]);
      const given = featureInputs(
        gathered(training, levels, some.map(([image]) => image)),
        parts.tower.levels.map((_, i) => i),
      );
      const answers = yield* generateTexts(generator, { prompts, given, stride: ANSWER });
      right += answers.filter((ids, i) => tokenizer.decode(ids) === asked[i]![2]).length;
    }
    onEvent({ kind: "score", arm: number, right, of: held.length });
  }));

/** A finished arm: its bridge, and its parameters without the encoder's. */
export interface TrainedArm {
  /** The bridge. */
  readonly bridge: PlacedBridge;
  /** Parameters of bridge and decoder. */
  readonly params: Tree<NdArray>;
}

/**
 * Trains all arms to the last step, from their checkpoints where there are some, and scores them. Gives nothing where it was
 * stopped; every arm has its checkpoint then.
 */
export const trainArms = (inputs: TrainingInputs) =>
  Effect.scoped(Effect.gen(function* () {
    const { training: { arms: named, steps, every }, stopped } = inputs, levels = yield* featuresOf(inputs);
    const arms = yield* Effect.forEach(named, (_, number) => openArm(inputs, levels, number));
    for (;;) {
      const least = Math.min(...arms.map(({ at }) => at()));
      if (least === steps) break;
      for (const arm of arms) {
        if (arm.at() > least) continue;
        yield* arm.step;
        yield* Effect.sleep(0); // messages are handled here
      }
      if (stopped() || arms[0]!.at() % every === 0 || least + 1 === steps) {
        yield* Effect.forEach(arms, ({ save }) => save);
      }
      if (stopped()) return undefined;
    }
    yield* Effect.forEach(arms, (arm) => score(inputs, levels, arm));
    return yield* Effect.forEach(arms, ({ bridge, params }) =>
      Effect.map(params, (read): TrainedArm => ({ bridge, params: read })));
  }));

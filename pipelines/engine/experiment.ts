/**
 * An experiment as a value: a model, and the stages that it goes through. Quickstarts, arms of ablations, `cos train` and
 * notebooks are such values. It holds everything that decides the numbers of a run, alongside the files that it names.
 */
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";
import { about, checked, closed, object, oneOf } from "../base/codecs.ts";
import { batchSize, fraction, natural, rowLength, seed, whole } from "../base/numbers.ts";
import { bridgeCodec, expansionCodec } from "../configs/bridge_codec.ts";
import { benchmarks } from "../eval/registry.ts";
import { type DataConfig, dataConfigCodec, splitCodec } from "../scenes/config.ts";
import { languageCodec } from "../stages/language_config.ts";
import { adapterCodec } from "../stages/model.ts";
import { turnsCodec } from "../train/rows.ts";

const words = t.refinement(t.string, (s) => s.trim() !== "", "a text that is not empty");
const named = t.refinement(
  t.string,
  (s) => /^[\w.-]+$/.test(s),
  "a name of letters, digits, dots and dashes",
);
/** Codec of names that files are named by. */
export const nameCodec = (): t.Type<string, unknown, unknown> => named;
const some = <A>(of: t.Type<A, unknown, unknown>) =>
  t.refinement(t.readonlyArray(of), (list) => list.length > 0, `a list of one or more: ${of.name}`);
// a control asks each question about another scene
const several = t.refinement(natural, (n) => n > 1, "an integer above 1");

const vision = t.union([
  object({ from: about("the encoder of this repository", t.literal("shipped")) }),
  object({
    from: about("the encoder of this repository, trained on the drawn world first", t.literal("fresh")),
    steps: about("optimiser steps", natural),
    batch: about("images per step at 112 px and at 224 px", t.readonly(t.tuple([natural, natural]))),
    scenes: about("training scenes", natural),
  }),
  object({
    from: about("a vision encoder in a Hugging Face layout", t.literal("huggingface")),
    folder: about("folder of config.json and safetensors", words),
    levels: about("blocks whose features the bridge reads, counted from 0, shallow first", some(whole)),
  }, { blocks: about("blocks that are loaded, from the first on; all by default", natural) }),
]);

/** @internal */
export const runDecoder = object({
  from: about("the decoder of an earlier run, its adapters merged", t.literal("run")),
  folder: about("folder of a run, an ablation or an artefact, or a checkpoint in one", words),
}, { arm: about("arm of an ablation; one with several scales by default", words) });

const decoder = t.union([
  object({
    from: about("a decoder that starts random", t.literal("fresh")),
    width: natural,
    layers: natural,
    heads: natural,
    ff: about("channels inside the perceptron", natural),
  }),
  object({
    from: about("the decoder of this repository, which has learned to read", t.literal("shipped")),
  }),
  object({
    from: about("a decoder in a Hugging Face layout", t.literal("huggingface")),
    folder: about("folder of config.json and safetensors", words),
  }),
  runDecoder,
]);

const model = object({
  vision: about("the vision encoder", vision),
  bridge: about("from features to visual tokens", bridgeCodec()),
  bridgeHeads: about("attention heads of the bridge", natural),
  decoder: about("the language model", decoder),
}, {
  init: about("standard deviation of weights that start random; 0.02 by default", fraction),
  resolution: about("side of the images of the first stage, pixels; that of the encoder by default", natural),
  adapter: about("low-rank adapters (LoRA); none by default", adapterCodec()),
  pyramid: about(
    "where the decoder drops visual tokens (PyramidDrop), in training and in answers; nowhere by default",
    some(object({
      after: about("blocks before the stage", natural),
      keep: about("share of the first number of visual tokens that is kept, rounded down", fraction),
    })),
  ),
  isolator: about(
    "vectors before visual tokens that a training step has chosen of all (DualSpeed), parameters isolator; none by default",
    natural,
  ),
});

const world = object({
  data: about("how scenes are drawn", dataConfigCodec()),
  vocabulary: about(
    "most tokens of the vocabulary that is made for them, or that of the shipped decoder",
    t.union([natural, t.literal("shipped")]),
  ),
});

/** @internal */
export const trainScenes = object({
  scenes: about("split of the drawn world", splitCodec),
  count: about("number of scenes", natural),
  length: about("tokens of a row", rowLength),
  turns: about("questions of a row, by kind", turnsCodec),
}, { data: about("how these scenes are drawn; as the world by default", dataConfigCodec()) });

/** @internal */
export const askScenes = object({ scenes: splitCodec, count: several });

/** @internal */
export const trainFields = closed(t.intersection([
  t.type({
    name: about("name of the stage; its files are named by it", named),
    data: about(
      "file of a mixture, relative to this file, or scenes of the drawn world",
      t.union([words, trainScenes]),
    ),
  }),
  t.partial({
    heldOut: about(
      "file of a mixture, or scenes, that validation asks for losses and scores of; of the kind of the data",
      t.union([words, askScenes]),
    ),
  }),
  languageCodec(),
]));

/** @internal */
export const expandFields = object({
  by: about("how the bridge grows; null where it stays", t.union([expansionCodec(), t.null])),
}, { name: named });

/** @internal */
export const askMixture = object({
  data: about("file of a mixture, relative to this file; its parts hold the questions", words),
  benchmarks: about(
    "benchmark by whose rules the answers to a part are scored, by name of the part",
    t.readonly(t.record(t.string, oneOf(benchmarks.map(({ name }) => name)))),
  ),
  batch: about("questions per submit", batchSize),
  tokens: about("most tokens of an answer", rowLength),
}, { name: named });

/** @internal */
export const askWorld = object({
  data: about("held-out scenes", askScenes),
  batch: about("questions per submit", natural),
  resamples: about("bootstrap resamples of intervals", natural),
  seed: about("seed of the resamples", seed),
  samples: about("scenes that the image grid shows", natural),
}, { name: named, controls: about("further scenes that are asked about", t.readonlyArray(askScenes)) });

/** @internal */
export const stageFields = t.union([
  object({ train: about("training", trainFields) }),
  object({ expand: about("expansion of the bridge", expandFields) }),
  object({ evaluate: about("evaluation", t.union([askMixture, askWorld])) }),
]);

/** @internal */
export const experimentFields = object({
  name: about("name of the run", named),
  seed: about("random seed of the initial weights and the data order", seed),
  model: about("vision encoder, bridge, decoder and adapter", model),
  stages: about("what the model goes through, in order", some(stageFields)),
}, {
  $schema: t.string,
  world: about("the drawn world, for stages on scenes", world),
  featureBatch: about("images per submit when features are computed; 32 by default", batchSize),
});

/** A decoder that an earlier run trained. */
export interface RunDecoder extends TypeOf<typeof runDecoder> {}
/** A stage on the drawn world's training scenes. */
export interface SceneRows extends TypeOf<typeof trainScenes> {}
/** Held-out scenes that are asked about. */
export interface AskedScenes extends TypeOf<typeof askScenes> {}
/** A training stage. */
export interface TrainSpec extends TypeOf<typeof trainFields> {}
/** An evaluation on the parts of a mixture. */
export interface MixtureQuestions extends TypeOf<typeof askMixture> {}
/** An evaluation on scenes. */
export interface SceneQuestions extends TypeOf<typeof askWorld> {}
/** A stage. */
export type StageSpec = TypeOf<typeof stageFields>;
/** Everything that decides a run, alongside the files that it names. */
export interface Experiment extends TypeOf<typeof experimentFields> {}

/** What the stages of an experiment do. */
export type StageKind = "train" | "expand" | "evaluate";

/** Actions of a stage. */
export const stageKind = (spec: StageSpec): StageKind =>
  "train" in spec ? "train" : "expand" in spec ? "expand" : "evaluate";

/** Name of a stage: its own, or what it does. */
export const stageName = (spec: StageSpec): string =>
  "train" in spec
    ? spec.train.name
    : "expand" in spec
    ? spec.expand.name ?? "expand"
    : spec.evaluate.name ?? "evaluate";

/** The last stage up to a number that leaves a model: a training or an expansion. */
export const modelStage = ({ stages }: Pick<Experiment, "stages">, stage: number): number =>
  stages.slice(0, stage + 1).findLastIndex((spec) => !("evaluate" in spec));

/** Names of artefacts that are no stages of an experiment. */
const RESERVED = ["scenes", "vision", "features"];

const wrong = ({ stages, world, model }: Experiment): string | undefined => {
  const names = stages.map(stageName), twice = names.find((name, i) => names.indexOf(name) < i);
  const reserved = names.find((name) => RESERVED.includes(name));
  const drawn = stages.some((spec) =>
    ("train" in spec && typeof spec.train.data !== "string") ||
    ("evaluate" in spec && typeof spec.evaluate.data !== "string")
  );
  if (twice !== undefined) return `stages with different names; ${twice} is there twice`;
  if (reserved !== undefined) return `stages with other names than ${RESERVED.join(", ")}`;
  if (!("train" in stages[0]!)) return "a train stage first";
  for (const { name, data, heldOut, validation } of stages.flatMap((s) => "train" in s ? [s.train] : [])) {
    if ((heldOut === undefined) !== (validation === undefined)) {
      return `heldOut and validation together in ${name}: what it is validated on, and how often`;
    }
    if (heldOut !== undefined && typeof heldOut !== typeof data) {
      return `${typeof data === "string" ? "a mixture" : "scenes"} as heldOut of ${name}, as its data`;
    }
  }
  if (world === undefined && drawn) return "a world, as a stage is on scenes";
  if (model.decoder.from === "shipped" && world?.vocabulary !== "shipped") {
    return 'a world with the vocabulary "shipped", which the shipped decoder has';
  }
  return world === undefined && model.vision.from === "fresh"
    ? "a world, as the vision encoder is trained on scenes"
    : undefined;
};

const experimentType: t.Type<Experiment, unknown, unknown> = checked(experimentFields, wrong);

/** Codec of {@link Experiment}. */
export const experimentCodec = (): t.Type<Experiment, unknown, unknown> => experimentType;

/** The trainings of an experiment, in order. */
export const trainsOf = ({ stages }: Pick<Experiment, "stages">): readonly TrainSpec[] =>
  stages.flatMap((spec) => "train" in spec ? [spec.train] : []);

/** How the scenes of a training are drawn. */
export const dataOf = ({ world }: Pick<Experiment, "world">, { data }: SceneRows): DataConfig =>
  data ?? world!.data;

/** The files of mixtures that an experiment names, each once. */
export const mixturesOf = ({ stages }: Pick<Experiment, "stages">): readonly string[] => [
  ...new Set(stages.flatMap((spec) => {
    const data = "train" in spec
      ? [spec.train.data, spec.train.heldOut]
      : "evaluate" in spec
      ? [spec.evaluate.data]
      : [];
    return data.filter((file) => typeof file === "string");
  })),
];

/**
 * The arena: other methods whose training has fewer visual tokens, on the same scenes and decoder. Those that drop tokens
 * start from `average-pool-64-64`, which is a perceptron for every patch in pre-training (LLaVA-1.5) and the projector that
 * their papers have; it pools in fine-tuning, so that all of them answer with 64 tokens. M3 and MQT are bridges of their own
 * (`core/bridges/nested_pool.ts`, `nested_queries.ts`).
 */
import { type Experiment, trainsOf } from "../engine/experiment.ts";
import { shippedSizes } from "../decoder/shipped.ts";
import { type Arm, setting } from "./config.ts";

/** Depths at which PyramidDrop drops tokens, as shares of the blocks, and what it keeps of them: after 8, 16 and 24 of 32. */
const PYRAMID = [[0.25, 0.5], [0.5, 0.25], [0.75, 0.125]] as const;

/**
 * The stages of PyramidDrop (arXiv 2410.17247, section 4.1; `scripts/v1_5/pdrop_train` of Cooperx521/PyramidDrop, 6444f30)
 * that fit between the blocks of a decoder: of one with two blocks that in the middle, which keeps a quarter.
 */
export const pyramidStages = (layers: number): readonly { readonly after: number; readonly keep: number }[] =>
  PYRAMID.flatMap(([depth, keep], i) => {
    const after = Math.floor(depth * layers), next = Math.floor((PYRAMID[i - 1]?.[0] ?? 0) * layers);
    return after > next ? [{ after, keep }] : [];
  });

const layersOf = ({ model: { decoder } }: Experiment): number =>
  decoder.from === "fresh" ? decoder.layers : shippedSizes.layers;

/** What the family changes of a preset: a decoder with one block has no place for a stage of PyramidDrop. */
export const arenaSettings = (_preset: string, base: Experiment): readonly string[] =>
  layersOf(base) > 1 ? [] : [setting("model.decoder.layers", 2)];

/** The vectors of the mode isolator as parameters that all trainings learn, at the rate of the bridge. */
const isolated = (base: Experiment): readonly string[] => [
  setting("model.isolator", 4),
  ...trainsOf(base).flatMap(({ name, trainable, learningRate }) => [
    setting(`${name}.trainable`, [...trainable, "isolator"]),
    ...(typeof learningRate === "number"
      ? []
      : [setting(`${name}.learningRate`, { ...learningRate, isolator: learningRate.bridge })]),
  ]),
];

/**
 * The arms that drop tokens, as changes of the arm whose tokens they drop:
 *
 * - Random dropping: a quarter of the tokens in pre-training, another in every step, and all in fine-tuning.
 * - PyramidDrop: see `core/models/pyramid.ts`; in both trainings and in answers.
 * - DualSpeed: see `pipelines/stages/step_kinds.ts`; a tenth of the tokens in pre-training and in nine of ten steps of
 *   fine-tuning, all in the others, which learn from the same model with few.
 */
export const droppingArms = (base: Experiment, { settings }: Arm): readonly Arm[] => {
  const [pretrain, finetune] = trainsOf(base).map(({ name }) => name), few = { keep: 0.1, by: "diversity" };
  return [
    {
      name: "random-drop-16-64",
      settings: [...settings, setting(`${pretrain}.tokens`, { keep: 0.25, by: "random" })],
    },
    {
      name: "pyramid-drop-64-64",
      settings: [...settings, setting("model.pyramid", pyramidStages(layersOf(base)))],
    },
    {
      name: "dual-speed-10-64",
      settings: [
        ...settings,
        ...isolated(base),
        setting(`${pretrain}.tokens`, few),
        setting(`${finetune}.tokens`, { ...few, slow: 0.1 }),
      ],
    },
  ];
};

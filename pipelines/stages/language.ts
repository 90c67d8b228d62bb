/** Training a vision-language model: what pre-training and fine-tuning have in common. */
import {
  cast,
  ConfigError,
  constant,
  div,
  equal,
  maximum,
  or,
  type ParameterSpec,
  select,
  sum,
  type Tensor,
  type Tree,
  under,
  type VisionLanguage,
  type VisionLanguageBatch,
} from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { hashOf } from "../base/hash.ts";
import { blocksOf } from "../train/precision.ts";
import type { Training, TrainingPlaces } from "../train/training.ts";
import type { LazyArray } from "../weights/lazy.ts";
import { decidingFields, type LanguageConfig, optimiserOf, trainedBy } from "./language_config.ts";
import { modelOf, type ModelParts, type ModelState, type PlacedBridge, seeingModelOf } from "./model.ts";
import { type LanguageSource, sourceInputs } from "./source.ts";
import { type StepBatch, type StepKinds, stepKinds } from "./step_kinds.ts";

/**
 * Scores of a model after a step, by name.
 * @internal
 */
export type ModelScores<E, R> = (
  model: ModelState,
  step: number,
) => Effect.Effect<Readonly<Record<string, number>>, E, R>;

/** One stage of one arm. */
export interface LanguageStage<E = never, R = never> {
  /** Name of the stage in the run. */
  readonly name: string;
  /** How it trains. */
  readonly config: LanguageConfig;
  /** The model around the bridge. */
  readonly model: ModelParts;
  /** Training data of it. */
  readonly source: LanguageSource<E, R>;
  /** Key of the order of examples. */
  readonly seed: number;
  /** What it is validated on, where its configuration asks for validation; of the same rows as `source`. */
  readonly validation?: LanguageSource<E, R>;
  /** Scores of a model, for validations that ask for them. */
  readonly scores?: ModelScores<E, R>;
}

const identityOf = <E, R>(
  stage: LanguageStage<E, R>,
  given: ModelState,
  config: ReturnType<typeof decidingFields>,
): string =>
  hashOf({
    stage: stage.name,
    from: given.identity,
    bridge: given.bridge,
    model: stage.model,
    config,
    seed: stage.seed,
    ...(stage.validation === undefined ? {} : { validation: stage.validation.identity }),
    ...stage.source.identity,
  });

/** Hash of all that decides the numbers of a stage. */
export const languageIdentity = <E, R>(stage: LanguageStage<E, R>, given: ModelState): string =>
  identityOf(stage, given, decidingFields(stage.config));

const lacking = ({ name }: Pick<LanguageStage, "name">, got: string, hint: string): ConfigError =>
  new ConfigError({
    op: `${name}.validation`,
    got,
    expected: "what is validated, alongside how often",
    hint,
  });

const VALIDATION_LOSS = "validation/loss";

/** The order of the examples of validation, whatever the seed of the training: all trainings see the same. */
const VALIDATION_SEED = 0;

/** Validation as a stage asks for it. Throws a ConfigError where it has nothing to validate on. */
const validationOf = <E, R>(
  stage: LanguageStage<E, R>,
  { bridge }: ModelState,
  identity: string,
  rows: number,
): Pick<Training<StepBatch, E, R>, "validation"> => {
  const { config: { validation }, validation: source, scores } = stage;
  if (validation === undefined) return {};
  const { every, batches, metric = VALIDATION_LOSS, mode, patience } = validation;
  if (source === undefined) {
    throw lacking(
      stage,
      "no data to validate on",
      "name held-out scenes or a mixture, or leave validation out",
    );
  }
  if (validation.scores === true && scores === undefined) {
    throw lacking(stage, "scores, and no evaluation that gives them", "leave validation.scores out");
  }
  return {
    validation: {
      every,
      batches,
      batchAt: source.batches(VALIDATION_SEED, rows),
      weight: "tokens",
      metric,
      mode: mode ?? (metric === VALIDATION_LOSS ? "min" : "max"),
      ...(patience === undefined ? {} : { patience }),
      ...(validation.scores === true
        ? {
          scores: (params: Tree<LazyArray>, step: number) =>
            scores!({ bridge, params, identity: hashOf({ training: identity, step }) }, step),
        }
        : {}),
    },
  };
};

/**
 * Share of right answers among the labels `yes` and `no`, `[]`: whether a model looks at its images shows there long
 * before it shows in the loss. The answers are those of the loss; describing them again costs nothing.
 */
export const presenceAccuracy = (
  model: VisionLanguage,
  { yes, no }: LanguageSource["words"],
): (params: Tree<Tensor>, batch: VisionLanguageBatch) => Tensor =>
(params: Tree<Tensor>, batch: VisionLanguageBatch): Tensor => {
  const asked = or(equal(batch.labels, yes), equal(batch.labels, no));
  const { correct } = model.entropy(params, batch);
  return div(sum()(select(asked, correct, 0)), maximum(sum()(cast("f32")(asked)), 1));
};

/** The steps of a stage, whose model has the encoder where its source gives images. */
const stepsOf = <E, R>(
  { config, model, source }: Pick<LanguageStage<E, R>, "config" | "model" | "source">,
  bridge: PlacedBridge,
): StepKinds =>
  stepKinds(
    config,
    (keep) => (source.visionInput.kind === "images" ? seeingModelOf : modelOf)(model, bridge, keep),
  );

/** The training of a stage from a model's state. Throws a ConfigError for groups that do not fit. */
export const languageTraining = <E, R>(
  stage: LanguageStage<E, R>,
  given: ModelState,
  places: TrainingPlaces,
): Training<StepBatch, E, R> => {
  const { config, source } = stage, { kinds, ...steps } = stepsOf(stage, given.bridge);
  const { micro = 1 } = config, rows = config.batch / micro;
  const { steps: _steps, ...lineage } = decidingFields(config), identity = languageIdentity(stage, given);
  const { buckets = [] } = source, [{ model }] = kinds;
  const shapes = [source.length, ...buckets].flatMap((tokens) =>
    kinds.map((kind) => ({
      batch: kind.batch(sourceInputs(source, rows, tokens)),
      amount: config.batch * (kind.model.visualTokens * (source.rows?.images ?? 1) + tokens),
    }))
  );
  const [first, ...others] = shapes, plainAt = source.batches(stage.seed, config.batch);
  const reported =
    (whole: (batch: StepBatch) => VisionLanguage, loss: StepKinds["loss"]) =>
    (params: Tree<Tensor>, batch: StepBatch): ReturnType<Training<StepBatch>["loss"]> => {
      const [value, metrics] = loss(params, batch);
      const presence = presenceAccuracy(whole(batch), source.words)(params, batch);
      const length = buckets.length === 0 ? {} : { length: constant(batch.ids.shape[1]!) };
      return [value, { ...metrics, presence, ...length }];
    };
  return {
    stage: stage.name,
    identity,
    lineage: identityOf(stage, given, lineage),
    specs: model.specs as Tree<ParameterSpec>,
    initial: given.params,
    batch: first!.batch,
    ...(others.length === 0 ? {} : { others }),
    loss: reported(steps.modelOf, steps.loss),
    ...(config.tokens === undefined ? {} : {
      answers: {
        batches: [source.length, ...buckets].map((tokens) => sourceInputs(source, rows, tokens)),
        loss: reported(() => steps.whole, steps.whole.loss),
      },
    }),
    batchAt: (step, part) =>
      Effect.map(plainAt(step, part), (arrays) => steps.arrays(stage.seed, step, arrays, part)),
    trainable: trainedBy(config),
    ...optimiserOf(config, model.specs as Tree<ParameterSpec>),
    maxNorm: config.maxNorm,
    ...(config.precision === undefined ? {} : { precision: config.precision }),
    ...(config.storeF32 === undefined ? {} : { half: (path) => !under(...config.storeF32!)(path) }),
    ...(config.remat === undefined ? {} : { remat: blocksOf(config.remat) }),
    ...(config.onNonFinite === undefined ? {} : { onNonFinite: config.onNonFinite }),
    ...(micro === 1 ? {} : { micro: { count: micro, weight: "tokens" } }),
    ...(config.ema === undefined ? {} : { ema: config.ema }),
    ...validationOf(stage, given, identity, rows),
    keep: { ...config.keep, stable: config.schedule?.kind === "wsd" },
    ...(config.result === undefined ? {} : { result: config.result }),
    total: config.steps,
    work: { amount: first!.amount, unit: "tokens" },
    places,
  };
};

/** Validation of a training while it goes on: its held-out data, and scores by the evaluation that follows it. */
import type { Device } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { DataError } from "../base/data_error.ts";
import { evaluate } from "../stages/evaluate.ts";
import type { LanguageStage } from "../stages/language.ts";
import { type MixtureBatchError, openMixtureImages } from "../stages/mixture_source.ts";
import type { ModelState } from "../stages/model.ts";
import { sceneSource } from "../stages/scene_source.ts";
import type { LanguageSource } from "../stages/source.ts";
import type { StageRun } from "../stages/stage.ts";
import { meanFeatures } from "../train/features.ts";
import type { MixtureQuestions, SceneQuestions, TrainSpec } from "./experiment.ts";
import { encodedScenes, encoderOf, imageJob, mixtureFeatures, openedMixture, sceneData } from "./inputs.ts";
import { type Job, scenesRead, type SeenScenes } from "./jobs.ts";
import type { MakeError } from "./make.ts";
import { evaluatePart } from "./mixture_evaluate.ts";
import { seesAt } from "./models.ts";

/** What a training is validated on, and what scores its model. */
export type HeldOut = Pick<LanguageStage<MakeError, Device>, "validation" | "scores">;

type Opening = Effect.Effect<HeldOut, MakeError, Device | Scope.Scope>;

/** Held-out scenes; scores are those of an evaluation on them, whose predictions are kept by step. */
const onScenes = (
  context: Parameters<typeof encoderOf>[0],
  { resolved, stage }: Job,
  run: StageRun,
  { name }: TrainSpec,
  spec: SceneQuestions | undefined,
): Opening =>
  Effect.gen(function* () {
    const [rows, held] = scenesRead(resolved, stage) as [SeenScenes, SeenScenes];
    const data = yield* sceneData(context, resolved, stage, held), validation = sceneSource(data);
    if (spec === undefined) return { validation };
    const { features } = yield* encodedScenes(context, imageJob(context, resolved, "features", rows));
    const average = meanFeatures(features), { batch, resamples, seed } = spec;
    const scores = (model: ModelState, step: number) =>
      Effect.map(
        evaluate(run, {
          name: `${name}-${step}`,
          config: { batch, resamples, seed, samples: 0 },
          model: resolved.parts,
          data,
          average,
        })(model),
        ({ scores: { presenceF1, presenceAccuracy, countAccuracy, referAccuracy } }) =>
          Object.fromEntries(
            Object.entries({ presenceF1, presenceAccuracy, countAccuracy, referAccuracy }).flatMap((
              [score, { value }],
            ) => Number.isFinite(value) ? [[score, value]] : []),
          ),
      );
    return { validation, scores };
  });

/** A held-out mixture; scores are those of the parts that the evaluation's benchmarks name. */
const onMixture = (
  context: Parameters<typeof encoderOf>[0],
  { resolved, stage }: Job,
  run: StageRun,
  { name, heldOut }: TrainSpec,
  spec: MixtureQuestions | undefined,
  { bridge }: ModelState,
): Opening =>
  Effect.gen(function* () {
    const file = heldOut as string, label = `${name}, validation`;
    if (seesAt(resolved.experiment, stage)) {
      const opened = yield* openedMixture(context, file);
      const { source } = yield* openMixtureImages(opened, { side: bridge.resolution }, context.cache);
      return { validation: source };
    }
    const weights = yield* encoderOf(context, resolved);
    const { mixture, store, source } = yield* mixtureFeatures(
      context,
      resolved,
      file,
      weights,
      bridge,
      label,
    );
    const asked = Object.entries(spec?.benchmarks ?? {}).filter(([part]) =>
      mixture.parts.some((one) => one.name === part)
    );
    if (spec === undefined || asked.length === 0) return { validation: source };
    const { batch, tokens } = spec;
    const scores = (state: ModelState, step: number) =>
      Effect.map(
        Effect.forEach(asked, ([part, benchmark]) =>
          Effect.map(
            evaluatePart({
              directory: run.directory.path,
              title: `${name}-${step}-${part}`,
              model: resolved.parts,
              state,
              mixture,
              part,
              benchmark,
              store,
              batch,
              tokens,
              trained: new Set(),
            }),
            ({ scores: { main, values } }) => [part, values[main] ?? NaN] as const,
          )),
        (all) => Object.fromEntries(all),
      );
    return { validation: source, scores };
  });

const sameRows = (
  name: string,
  a: LanguageSource<unknown, unknown>,
  b: LanguageSource<unknown, unknown>,
): Effect.Effect<void, DataError> => {
  const rows = ({ visionInput, length, buckets = [] }: LanguageSource<unknown, unknown>): string =>
    JSON.stringify({ visionInput, length, buckets });
  return rows(a) === rows(b) ? Effect.void : Effect.fail(
    new DataError({
      op: `${name}.heldOut`,
      got: `rows of ${rows(b)}`,
      expected: `those of its data, ${rows(a)}`,
      hint: "give the mixtures the same length, buckets and number of images",
    }),
  );
};

/** What a training is validated on: nothing where it does not ask for validation. */
export const heldOutOf = (
  context: Parameters<typeof encoderOf>[0],
  job: Job,
  run: StageRun,
  spec: TrainSpec,
  given: ModelState,
  source: LanguageSource<MixtureBatchError>,
): Opening =>
  Effect.gen(function* () {
    const { heldOut, name } = spec, next = job.resolved.experiment.stages[job.stage + 1];
    if (heldOut === undefined) return {};
    const asks = next !== undefined && "evaluate" in next ? next.evaluate : undefined;
    const held = typeof heldOut === "string"
      ? yield* onMixture(context, job, run, spec, asks && "benchmarks" in asks ? asks : undefined, given)
      : yield* onScenes(context, job, run, spec, asks && !("benchmarks" in asks) ? asks : undefined);
    yield* sameRows(name, source, held.validation!);
    return held;
  });

/** The state of a training on disk: parameters, the optimiser's memory and the step in one checkpoint. */
import { arrayTrees, bindingsOf, type NdArray, type Tree, unflatten } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { sweepTemps } from "../base/disk.ts";
import { type Checkpoint, type CheckpointError, load, save } from "../weights/checkpoint.ts";
import { TrainingError } from "./fault.ts";
import { keptPath } from "./kept.ts";
import type { Bindings, Training, TrainingResult } from "./training.ts";

/** Prefix of a parameter's name in a checkpoint. */
export const PARAMS = "state.params.";

/** Prefix of the name of a parameter's moving average. */
export const EMA = "state.ema.";

/** A checkpoint, or nothing where there is no file. */
export const loadIfThere = (path: string): Effect.Effect<Checkpoint | undefined, CheckpointError> =>
  load(path).pipe(
    Effect.catch((error): Effect.Effect<undefined, CheckpointError> =>
      error.reason === "missing" ? Effect.succeed(undefined) : Effect.fail(error)
    ),
  );

/**
 * The checkpoint of a training, or nothing where there is none yet. One that is corrupt or of another training is an
 * error: it is never silently trained over.
 */
export const loadState = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<Checkpoint | undefined, CheckpointError | TrainingError> =>
  Effect.gen(function* () {
    const path = training.places.checkpoint;
    // what a killed process was writing: the checkpoint, or one that is kept beside it
    yield* Effect.ignore(sweepTemps(path.replace(/\.safetensors$/, "")));
    const found = yield* loadIfThere(path);
    if (found === undefined || found.metadata.identity === training.identity) return found;
    return yield* Effect.fail(
      new TrainingError({
        op: `resume ${training.stage} from ${path}`,
        got: `a checkpoint of the training ${found.metadata.identity ?? "without identity"}`,
        expected: training.identity,
        mend: "resume with the configuration and data of that run, or start in another directory",
        stage: training.stage,
        step: Number(found.metadata.step ?? 0),
      }),
    );
  });

/**
 * Saves the whole state after `step` steps: frozen parameters as they were given, not as a device stores them. Equal
 * states give equal files.
 */
export const saveState = <B, E, R>(
  { stage, identity, lineage, schedule, places, initial, result }: Training<B, E, R>,
  changed: Bindings,
  step: number,
): Effect.Effect<void, CheckpointError> =>
  Effect.asVoid(
    save(places.checkpoint, { ...bindingsOf("state.params", initial), ...changed }, {
      stage,
      identity,
      step: String(step),
      ...(lineage === undefined ? {} : { lineage, stableUntil: String(schedule.stableUntil) }),
      ...(result?.checkpoint === "best" ? { result: "best" } : {}),
      ...(result?.weights === "ema" ? { weights: "ema" } : {}),
    }),
  );

/** The tensors of a checkpoint by path of the parameter: as trained, or with their averages in place of those. */
const weightsIn = (
  tensors: Bindings,
  weights: TrainingResult["weights"],
): Readonly<Record<string, NdArray>> => {
  const under = (prefix: string) =>
    Object.entries(tensors).flatMap(([path, value]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), value] as const] : []
    );
  return Object.fromEntries([...under(PARAMS), ...(weights === "ema" ? under(EMA) : [])]);
};

/** The parameters in a saved state, as the tree that `like` is. Throws a TreeError for another model's. */
export const paramsOf = (
  state: Bindings,
  like: Tree<NdArray>,
  weights?: TrainingResult["weights"],
): Tree<NdArray> => unflatten(arrayTrees, like, weightsIn(state, weights)) as Tree<NdArray>;

/** What a training left for later stages. */
export interface LoadedWeights {
  /** Its parameters by path. */
  readonly weights: Readonly<Record<string, NdArray>>;
  /** Whether they are as trained, or averages. */
  readonly which: string;
  /** `stage`, `identity`, `step` and what else the checkpoint says. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The sha-256 of the checkpoint. */
  readonly hash: string;
}

/**
 * The parameters that a training left in its checkpoint: of the checkpoint and the weights that its configuration says,
 * unless `want` asks for others.
 */
export const trainedWeights = (
  path: string,
  want: TrainingResult = {},
): Effect.Effect<LoadedWeights, CheckpointError | TrainingError> =>
  Effect.gen(function* () {
    const last = yield* load(path), { checkpoint = last.metadata.result } = want;
    const { tensors, metadata, hash } = checkpoint === "best" ? yield* load(keptPath(path, "best")) : last;
    const which = want.weights ?? metadata.weights ?? "trained";
    const has = (prefix: string): boolean => Object.keys(tensors).some((name) => name.startsWith(prefix));
    if (!has(PARAMS) || (which === "ema" && !has(EMA))) {
      return yield* Effect.fail(
        new TrainingError({
          op: `read ${which === "ema" ? "moving averages" : "parameters"} from ${path}`,
          got: has(PARAMS) ? "a checkpoint without averages" : "a file that is no checkpoint of a training",
          expected: which === "ema"
            ? "the checkpoint of a training with ema"
            : "the checkpoint of a training",
          mend: has(PARAMS)
            ? "ask for the weights as trained, or train with ema"
            : "name the checkpoint of a training stage",
          stage: metadata.stage ?? "",
          step: Number(metadata.step ?? 0),
        }),
      );
    }
    return { weights: weightsIn(tensors, which as TrainingResult["weights"]), which, metadata, hash };
  });

/** The file beside a checkpoint that holds the batch at which its training stopped. */
export const badBatchPath = (checkpoint: string): string =>
  `${checkpoint.replace(/\.safetensors$/, "")}.not-finite.safetensors`;

/** Saves a batch whose step was not finite, with the number of the step, counted from 1. Gives the file. */
export const saveBadBatch = <B, E, R>(
  training: Training<B, E, R>,
  step: number,
): Effect.Effect<string, CheckpointError | E, R> =>
  Effect.gen(function* () {
    const path = badBatchPath(training.places.checkpoint), batch = yield* training.batchAt(step - 1);
    yield* save(path, batch, { stage: training.stage, identity: training.identity, step: String(step) });
    return path;
  });

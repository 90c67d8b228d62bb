/** The state of a training on disk: parameters, the optimiser's memory and the step in one checkpoint. */
import { arrayTrees, bindingsOf, type NdArray, type Tree, unflatten } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { type Checkpoint, type CheckpointError, load, save, sweep } from "../weights/checkpoint.ts";
import { TrainingError } from "./fault.ts";
import type { Bindings, Training } from "./training.ts";

/** Prefix of a parameter's name in a checkpoint. */
export const PARAMS = "state.params.";

const missing = (error: CheckpointError): boolean => error.reason === "missing";

/**
 * The checkpoint of a training, or nothing where there is none yet. One that is corrupt or of another training is an
 * error: it is never silently trained over.
 */
export const loadState = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<Checkpoint | undefined, CheckpointError | TrainingError> =>
  Effect.gen(function* () {
    const path = training.places.checkpoint;
    yield* sweep(path).pipe(Effect.catch(() => Effect.succeed([])));
    const found = yield* load(path).pipe(
      Effect.catch((error): Effect.Effect<undefined, CheckpointError> =>
        missing(error) ? Effect.succeed(undefined) : Effect.fail(error)
      ),
    );
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
  training: Training<B, E, R>,
  changed: Bindings,
  step: number,
): Effect.Effect<void, CheckpointError> =>
  Effect.asVoid(
    save(training.places.checkpoint, { ...bindingsOf("state.params", training.initial), ...changed }, {
      stage: training.stage,
      identity: training.identity,
      step: String(step),
    }),
  );

/** The parameters in a saved state, as the tree that `like` is. Throws a TreeError for another model's. */
export const paramsOf = (state: Bindings, like: Tree<NdArray>): Tree<NdArray> =>
  unflatten(
    arrayTrees,
    like,
    Object.fromEntries(
      Object.entries(state)
        .filter(([path]) => path.startsWith(PARAMS))
        .map(([path, value]) => [path.slice(PARAMS.length), value]),
    ),
  ) as Tree<NdArray>;

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

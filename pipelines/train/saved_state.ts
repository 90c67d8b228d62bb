/** The state of a training on disk: parameters, the optimiser's memory and the step in one checkpoint. */
import {
  arrayTrees,
  bindingsOf,
  type DType,
  type NdArray,
  type Tree,
  type TreeError,
  unflatten,
} from "@chain-of-sight/core";
import type { DeviceError, Program } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { sweepTemps } from "../base/disk.ts";
import { oneRank, type Ranks, theRanks } from "../ranks/ranks.ts";
import {
  type CheckpointError,
  inMemory,
  open,
  type OpenedCheckpoint,
  save,
  saveFrom,
} from "../weights/checkpoint.ts";
import type { StoredType } from "../weights/stored.ts";
import type { StoredArrays } from "../weights/write.ts";
import { TrainingError } from "./fault.ts";
import { keptPath } from "./kept.ts";
import { batchesHere } from "./together.ts";
import type { Bindings, Training, TrainingResult } from "./training.ts";

/** Prefix of a parameter's name in a checkpoint. */
export const PARAMS = "state.params.";

/** Prefix of the name of a parameter's moving average. */
export const EMA = "state.ema.";

/** A checkpoint, open for as long as the scope lives, or nothing where there is no file. */
export const openIfThere = (
  path: string,
): Effect.Effect<OpenedCheckpoint | undefined, CheckpointError, Scope.Scope> =>
  open(path).pipe(
    Effect.catch((error): Effect.Effect<undefined, CheckpointError> =>
      error.reason === "missing" ? Effect.succeed(undefined) : Effect.fail(error)
    ),
  );

/**
 * The checkpoint of a training, or nothing where there is none yet. One that is corrupt or of another training is an
 * error: it is never silently trained over.
 */
export const openState = <B, E, R>(
  training: Training<B, E, R>,
): Effect.Effect<OpenedCheckpoint | undefined, CheckpointError | TrainingError, Scope.Scope> =>
  Effect.gen(function* () {
    const path = training.places.checkpoint;
    // what a killed process was writing: the checkpoint, or one that is kept beside it
    yield* Effect.ignore(sweepTemps(path.replace(/\.safetensors$/, "")));
    const found = yield* openIfThere(path);
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

/** Frozen parameters that a checkpoint holds: all but those that are left out, which `initial` gives again. */
const frozenOf = <B, E, R>(
  { initial, leftOut }: Training<B, E, R>,
  changed: StoredArrays<unknown>,
): Bindings =>
  Object.fromEntries(
    Object.entries(bindingsOf("state.params", initial)).filter(([path]) =>
      changed.forms[path] === undefined && leftOut?.(path.slice(PARAMS.length)) !== true
    ),
  );

/**
 * Saves the whole state after `step` steps, the state that changes as it is read: frozen parameters as they were given, not
 * as a device stores them. Equal states give equal files.
 */
export const saveState = <B, E, R, X>(
  training: Training<B, E, R>,
  changed: StoredArrays<X>,
  step: number,
): Effect.Effect<void, CheckpointError | X> =>
  Effect.gen(function* () {
    const { stage, identity, lineage, schedule, places, result } = training;
    const frozen = yield* inMemory(places.checkpoint, frozenOf(training, changed));
    const state: StoredArrays<X> = {
      forms: { ...frozen.forms, ...changed.forms },
      read: (names) =>
        Effect.zipWith(
          frozen.read(names.filter((name) => changed.forms[name] === undefined)),
          changed.read(names.filter((name) => changed.forms[name] !== undefined)),
          (kept, read) => ({ ...kept, ...read }),
        ),
    };
    yield* saveFrom(places.checkpoint, state, {
      stage,
      identity,
      step: String(step),
      ...(lineage === undefined ? {} : { lineage, stableUntil: String(schedule.stableUntil) }),
      ...(result?.checkpoint === "best" ? { result: "best" } : {}),
      ...(result?.weights === "ema" ? { weights: "ema" } : {}),
    });
  });

/** Types in which a state is saved, by those of its arrays. */
const savedTypes: Readonly<Record<DType, StoredType>> = {
  f32: "F32",
  f16: "F16",
  i32: "I32",
  u32: "U32",
  bool: "BOOL",
};

/** The state of a program by input path, read from its device. */
export const stateOf = (
  { plan, read }: Pick<Program, "plan" | "read">,
  paths: readonly string[],
): StoredArrays<DeviceError | TreeError> => ({
  forms: Object.fromEntries(
    paths.map((
      path,
    ) => [path, { type: savedTypes[plan.inputs[path]!.dtype], shape: plan.inputs[path]!.shape }]),
  ),
  read: (names) => names.length === 0 ? Effect.succeed({}) : read(names),
});

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

/** The parameters in a saved state, as the tree that `like` is, whose values those have that the state lacks. */
export const paramsOf = (
  state: Bindings,
  like: Tree<NdArray>,
  weights?: TrainingResult["weights"],
): Tree<NdArray> =>
  unflatten(arrayTrees, like, weightsIn({ ...bindingsOf("state.params", like), ...state }, weights)) as Tree<
    NdArray
  >;

/** The parameters in a checkpoint, those that it leaves out from the tree that `like` is. */
export const savedParams = (
  { forms, read }: OpenedCheckpoint,
  like: Tree<NdArray>,
  weights?: TrainingResult["weights"],
): Effect.Effect<Tree<NdArray>, CheckpointError> =>
  Effect.map(
    read(Object.keys(forms).filter((path) => path.startsWith(PARAMS) || path.startsWith(EMA))),
    (state) => paramsOf(state, like, weights),
  );

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
  Effect.scoped(Effect.gen(function* () {
    const last = yield* open(path), { checkpoint = last.metadata.result } = want;
    const { forms, read, metadata, hash } = checkpoint === "best"
      ? yield* open(keptPath(path, "best"))
      : last;
    const which = want.weights ?? metadata.weights ?? "trained", names = Object.keys(forms);
    const has = (prefix: string): boolean => names.some((name) => name.startsWith(prefix));
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
    const averaged = (name: string): boolean =>
      which === "ema" && forms[`${EMA}${name.slice(PARAMS.length)}`] !== undefined;
    const wanted = names.filter((name) =>
      name.startsWith(PARAMS) ? !averaged(name) : which === "ema" && name.startsWith(EMA)
    );
    const weights = weightsIn(yield* read(wanted), which as TrainingResult["weights"]);
    return { weights, which, metadata, hash: hash! };
  }));

/** The file beside a checkpoint that holds the batch at which its training stopped, or a rank's part of it. */
export const badBatchPath = (
  checkpoint: string,
  { rank, size }: Pick<Ranks, "rank" | "size"> = oneRank,
): string =>
  `${checkpoint.replace(/\.safetensors$/, "")}.not-finite${size === 1 ? "" : `.rank-${rank}`}.safetensors`;

/** Saves this rank's part of a batch whose step was not finite, with the number of the step, counted from 1. Gives the file. */
export const saveBadBatch = <B, E, R>(
  training: Training<B, E, R>,
  step: number,
): Effect.Effect<string, CheckpointError | E, R> =>
  Effect.gen(function* () {
    const path = badBatchPath(training.places.checkpoint, yield* theRanks);
    const batch = yield* batchesHere(training)(step - 1);
    yield* save(path, batch, { stage: training.stage, identity: training.identity, step: String(step) });
    return path;
  });

/**
 * The state of a training on disk: parameters, the optimiser's memory and the step in one checkpoint. It holds what the run
 * made; frozen parameters from files outside of it are named there by source and hash.
 */
import type { DType, PathPredicate, Tree, TreeError } from "@chain-of-sight/core";
import type { DeviceError, Program } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { pipe } from "fp-ts/lib/function.js";
import * as t from "io-ts";
import { decodeEither, parseJson } from "../base/bridge.ts";
import { sweepTemps } from "../base/disk.ts";
import { oneRank, type Ranks, type RanksError, theRanks } from "../ranks/ranks.ts";
import { type CheckpointError, open, type OpenedCheckpoint, save, saveFrom } from "../weights/checkpoint.ts";
import type { StoredType } from "../weights/stored.ts";
import { type ArrayOrigin, type LazyArray, type LazyError, lazyTrees } from "../weights/lazy.ts";
import { type StoredArrays, storedLazies } from "../weights/write.ts";
import { TrainingError } from "./fault.ts";
import { keptPath } from "./kept.ts";
import { batchesHere } from "./together.ts";
import { PARAMS } from "./step_source.ts";
import type { Training, TrainingResult } from "./training.ts";

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
    // what a killed process was writing: the checkpoint, or one that is kept next to it
    yield* Effect.ignore(sweepTemps(path.replace(/\.safetensors$/, "")));
    const found = yield* openIfThere(path);
    if (found === undefined || found.metadata.identity === training.identity) return found;
    return yield* Effect.fail(
      new TrainingError({
        op: `resume ${training.stage} from ${path}`,
        got: `a checkpoint of the training ${found.metadata.identity ?? "without identity"}`,
        expected: training.identity,
        hint: "resume with the configuration and data of that run, or start in another directory",
        stage: training.stage,
        step: Number(found.metadata.step ?? 0),
      }),
    );
  });

const ORIGINS = "frozen";

const originsType = t.record(t.string, t.strict({ source: t.string, hash: t.string }));

/** Of arrays by path, those that a checkpoint of a run holds: what comes from files outside of it is left out. */
export const withoutOrigin = (
  arrays: readonly (readonly [path: string, array: LazyArray])[],
): Readonly<Record<string, LazyArray>> =>
  Object.fromEntries(arrays.filter(([, { origin }]) => origin === undefined));

/** What a checkpoint says of the parameters that it leaves out: files and hashes by the first name of their paths. */
export const originsSaid = (
  params: Tree<LazyArray>,
  isChanged: PathPredicate = () => false,
): Record<string, string> => {
  const left = lazyTrees.entries(params).flatMap(([path, { origin }]) =>
    origin === undefined || isChanged(path) ? [] : [[path.split(".")[0]!, origin] as const]
  );
  return left.length === 0 ? {} : { [ORIGINS]: JSON.stringify(Object.fromEntries(left)) };
};

const savedOrigins = (metadata: Readonly<Record<string, string>>): LoadedWeights["origins"] =>
  pipe(
    parseJson(ORIGINS)(metadata[ORIGINS] ?? "{}"),
    E.chainW((json) => decodeEither(originsType, ORIGINS)(json)),
    E.getOrElse((): LoadedWeights["origins"] => ({})),
  );

/**
 * Writes a checkpoint of arrays.
 * @internal
 */
export type WriteCheckpoint = <X>(
  path: string,
  arrays: StoredArrays<X>,
  metadata: Readonly<Record<string, string>>,
) => Effect.Effect<unknown, CheckpointError | RanksError | X>;

/**
 * Saves the whole state after `step` steps, as it is read: what changes from the device, and the frozen parameters of the
 * run itself from where they are. Those of files outside of it are named by source and hash. Equal states give equal files.
 */
export const saveState = <B, E, R, X>(
  training: Training<B, E, R>,
  changed: StoredArrays<X>,
  step: number,
  write: WriteCheckpoint = saveFrom,
): Effect.Effect<void, CheckpointError | LazyError | RanksError | X> =>
  Effect.gen(function* () {
    const { stage, identity, lineage, schedule, places, result, initial } = training;
    const isChanged = (path: string): boolean => changed.forms[path] !== undefined;
    const unchanged = lazyTrees.entries({ state: { params: initial } }).filter(([path]) => !isChanged(path));
    const frozen = storedLazies(withoutOrigin(unchanged));
    const state: StoredArrays<LazyError | X> = {
      forms: { ...frozen.forms, ...changed.forms },
      read: (names) =>
        Effect.zipWith(
          frozen.read(names.filter((name) => !isChanged(name))),
          changed.read(names.filter(isChanged)),
          (kept, read) => ({ ...kept, ...read }),
        ),
    };
    yield* write(places.checkpoint, state, {
      stage,
      identity,
      step: String(step),
      ...originsSaid(initial, (path) => isChanged(`${PARAMS}${path}`)),
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

/** The arrays of a state by path of the parameter: as trained, or with their averages in place of those. */
const weightsIn = (
  arrays: Readonly<Record<string, LazyArray>>,
  weights: TrainingResult["weights"],
): Readonly<Record<string, LazyArray>> => {
  const under = (prefix: string) =>
    Object.entries(arrays).flatMap(([path, value]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), value] as const] : []
    );
  return Object.fromEntries([...under(PARAMS), ...(weights === "ema" ? under(EMA) : [])]);
};

/** The parameters of a state; those that it lacks are as they were before the training. */
export const paramsOf = (
  state: Readonly<Record<string, LazyArray>>,
  { initial, result }: Pick<Training<unknown>, "initial" | "result">,
): Tree<LazyArray> => {
  const own = weightsIn(state, result?.weights);
  return lazyTrees.map(initial, (array, path): LazyArray => own[path] ?? array);
};

/** What a training left for later stages. */
export interface LoadedWeights {
  /** Its parameters by path, but for those that its checkpoint leaves out. */
  readonly weights: Readonly<Record<string, LazyArray>>;
  /** Where those come from, by the first name of their paths. */
  readonly origins: Readonly<Record<string, ArrayOrigin>>;
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
    const { arrays, metadata, hash } = checkpoint === "best" ? yield* open(keptPath(path, "best")) : last;
    const which = want.weights ?? metadata.weights ?? "trained", names = Object.keys(arrays);
    const has = (prefix: string): boolean => names.some((name) => name.startsWith(prefix));
    if (!has(PARAMS) || (which === "ema" && !has(EMA))) {
      return yield* Effect.fail(
        new TrainingError({
          op: `read ${which === "ema" ? "moving averages" : "parameters"} from ${path}`,
          got: has(PARAMS) ? "a checkpoint without averages" : "a file that is no checkpoint of a training",
          expected: which === "ema"
            ? "the checkpoint of a training with ema"
            : "the checkpoint of a training",
          hint: has(PARAMS)
            ? "ask for the weights as trained, or train with ema"
            : "name the checkpoint of a training stage",
          stage: metadata.stage ?? "",
          step: Number(metadata.step ?? 0),
        }),
      );
    }
    const weights = weightsIn(arrays, which as TrainingResult["weights"]);
    return { weights, origins: savedOrigins(metadata), which, metadata, hash: hash! };
  }));

/** The file alongside a checkpoint that holds the batch at which its training stopped, or a rank's part of it. */
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

/** The state of a training as it starts, written to the device one array after another: the host holds none of it. */
import { initialise, type ParameterSpec, type Tree, zerosArray } from "@chain-of-sight/core";
import type { Program } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { CheckpointError, OpenedCheckpoint } from "../weights/checkpoint.ts";
import { filledArray, type LazyArray, lazyTrees, type UploadError, uploadLazy } from "../weights/lazy.ts";
import { eachGroup } from "../weights/write.ts";
import type { StepPrograms } from "./programs.ts";
import { EMA } from "./saved_state.ts";
import { PARAMS, RING } from "./step_source.ts";

/** The parameter whose value, or average, an input of the state is. */
const parameterOf = (path: string): string =>
  path.slice(path.startsWith(PARAMS) ? PARAMS.length : path.startsWith(EMA) ? EMA.length : Infinity);

/** Writes an input of the state as it is before the first step. */
const writeStart = (
  main: Program,
  path: string,
  spec: ParameterSpec,
  given: LazyArray | undefined,
): Effect.Effect<void, UploadError> => {
  const { shape, dtype, init } = spec;
  const start = given ??
    (dtype === "f32" && init.kind === "fill" ? filledArray(shape, init.value) : undefined);
  return start === undefined
    ? main.write(initialise([0, 0], { [path]: spec }))
    : uploadLazy(main, path, start, parameterOf(path) || path);
};

/**
 * Writes a whole state and an empty ring, one array after another: what changes from a checkpoint if there is one, the rest as the training
 * starts.
 */
export const writeState = (
  { step: { specs, changing, ring }, main }: Pick<StepPrograms, "step" | "main">,
  initial: Tree<LazyArray>,
  saved?: OpenedCheckpoint,
): Effect.Effect<void, CheckpointError | UploadError> =>
  Effect.gen(function* () {
    const given = lazyTrees.flatten(initial), changes = new Set(saved === undefined ? [] : changing);
    for (const [path, spec] of Object.entries(specs)) {
      if (!changes.has(path)) yield* writeStart(main, path, spec, given[parameterOf(path)]);
    }
    yield* main.write({ [RING]: zerosArray("f32", ring.spec.shape) });
    if (saved === undefined) return;
    const there = changing.filter((path) => saved.forms[path] !== undefined);
    yield* eachGroup(saved, there, (arrays) => main.write(arrays));
  });

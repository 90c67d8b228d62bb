/**
 * Going on from a training of another number of steps. Up to the step until which its learning rates and those of the longer
 * training agree, the two are the same training: the longer one takes over the state and the metrics of such a step, and is
 * what it would have been from its first step on, bit for bit.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import type { DiskError } from "../base/disk.ts";
import { notice } from "../terminal/output.ts";
import type { CheckpointError, OpenedCheckpoint } from "../weights/checkpoint.ts";
import { TrainingError } from "./fault.ts";
import { keptPath, keptSteps } from "./kept.ts";
import { openIfThere } from "./saved_state.ts";
import type { Training, TrainingPlaces } from "./training.ts";

const ExtendedRun = Context.Reference<string | undefined>("chain-of-sight/ExtendedRun", {
  defaultValue: () => undefined,
});

/** Runs a program whose trainings go on from those of a run directory where they differ in their steps alone. */
export const withExtended = <A, E, R>(
  directory: string,
  program: Effect.Effect<A, E, R>,
): Effect.Effect<A, E, R> => Effect.provideService(program, ExtendedRun, directory);

/** What a training extends: that of its name in the run directory of {@link withExtended}, if it is of its lineage. */
export const extendedIn = <B, E, R>(
  { stage, lineage }: Pick<Training<B, E, R>, "stage" | "lineage">,
): Effect.Effect<Pick<TrainingPlaces, "extend">, CheckpointError> =>
  Effect.scoped(Effect.gen(function* () {
    const directory = yield* ExtendedRun;
    if (directory === undefined) return {};
    const checkpoint = `${directory}/checkpoints/${stage}.safetensors`;
    const found = yield* openIfThere(checkpoint);
    if (found?.metadata.lineage === lineage && lineage !== undefined) {
      return { extend: { checkpoint, metrics: `${directory}/metrics/${stage}.jsonl` } };
    }
    notice(
      `${stage} starts at step 0: ${
        found === undefined
          ? `there is no ${checkpoint}`
          : `${checkpoint} differs from it in more than its steps`
      }`,
    );
    return {};
  }));

/** The last checkpoint of the training that is extended from which this one can go on. */
export const openShorter = <B, E, R>(
  { stage, identity, lineage, schedule, places: { extend } }: Training<B, E, R>,
): Effect.Effect<
  OpenedCheckpoint | undefined,
  CheckpointError | DiskError | TrainingError,
  Scope.Scope
> =>
  Effect.gen(function* () {
    if (extend === undefined) return undefined;
    const path = extend.checkpoint,
      refuse = (got: string, expected: string, hint: string, step: number) =>
        Effect.fail(
          new TrainingError({ op: `extend ${stage} from ${path}`, got, expected, hint, stage, step }),
        );
    const steps = (yield* keptSteps(path)).map((step) => keptPath(path, `step-${step}`));
    let first = Infinity, until = 0;
    for (const file of [path, ...steps, keptPath(path, "stable")]) {
      const found = yield* openIfThere(file);
      if (found === undefined) continue;
      const { metadata } = found, step = Number(metadata.step);
      if (lineage === undefined || metadata.lineage !== lineage) {
        return yield* refuse(
          "a training that differs in more than its steps",
          "the same configuration, data and code but for the number of steps",
          "extend with the configuration of that run, or start from its parameters alone with warmStart",
          step,
        );
      }
      until = Math.min(Number(metadata.stableUntil), schedule.stableUntil);
      if (metadata.identity === identity || step <= until) return found;
      first = Math.min(first, step);
    }
    return first === Infinity
      ? yield* refuse("no checkpoint", "the checkpoint of a training", "check the path", 0)
      : yield* refuse(
        `checkpoints from step ${first} on, with learning rates that follow from the number of steps from step ${until} on`,
        `a checkpoint of step ${until} or before`,
        'train with the schedule "constant" or "wsd", whose stable phase can be extended, or start from its ' +
          "parameters alone with warmStart",
        first,
      );
  });

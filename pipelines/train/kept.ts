/**
 * Checkpoints alongside the last one, in files of their own: `name.best.safetensors`, `name.stable.safetensors`,
 * `name.step-N.safetensors` alongside `name.safetensors`. Each is another name of what was saved as the last checkpoint once,
 * so that it costs no second writing and is whole whenever it is there.
 */
import * as Effect from "effect/Effect";
import type { DiskError } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { checkpointsIn, linkCheckpoint, removeCheckpoint } from "../weights/shards.ts";
import type { History } from "./history.ts";
import type { Training } from "./training.ts";

const END = ".safetensors";

/** The file alongside a checkpoint that keeps it as the best, the last of the stable phase, or that of a step. */
export const keptPath = (checkpoint: string, as: "best" | "stable" | `step-${number}`): string =>
  `${checkpoint.slice(0, checkpoint.endsWith(END) ? -END.length : undefined)}.${as}${END}`;

/** Steps whose checkpoints are kept alongside one, the last first. */
export const keptSteps = (checkpoint: string): Effect.Effect<readonly number[], DiskError> => {
  const name = checkpoint.slice(checkpoint.lastIndexOf("/") + 1, -END.length);
  return Effect.map(checkpointsIn(folderOf(checkpoint)), (names) =>
    names.flatMap((one) => {
      const step = one.startsWith(`${name}.step-`) ? /^(0|[1-9]\d*)$/.exec(one.slice(name.length + 6)) : null;
      return step === null ? [] : [Number(step[1])];
    }).toSorted((a, b) => b - a));
};

/** Whether the best checkpoint is kept. */
export const keepsBest = ({ keep, result }: Pick<Training<unknown>, "keep" | "result">): boolean =>
  keep?.best === true || result?.checkpoint === "best";

/** Keeps the checkpoint of a step that was just saved, or was before a training resumed, where it is to be kept. */
export const keepCheckpoint = <B, E, R>(
  training: Pick<Training<B, E, R>, "places" | "keep" | "result" | "schedule">,
  { best }: History,
  step: number,
): Effect.Effect<void, DiskError> =>
  Effect.gen(function* () {
    const { places: { checkpoint }, keep = {}, schedule } = training, { last = 1, stable = false } = keep;
    if (best?.step === step && keepsBest(training)) {
      yield* linkCheckpoint(checkpoint, keptPath(checkpoint, "best"));
    }
    if (stable && step === schedule.stableUntil) {
      yield* linkCheckpoint(checkpoint, keptPath(checkpoint, "stable"));
    }
    if (last < 2) {
      return;
    }
    yield* linkCheckpoint(checkpoint, keptPath(checkpoint, `step-${step}`));
    const before = (yield* keptSteps(checkpoint)).filter((one) => one <= step).slice(last);
    for (const one of before) {
      yield* removeCheckpoint(keptPath(checkpoint, `step-${one}`), checkpoint);
    }
  });

/** The actual step of a stage, compiled for a device that is not there: what it holds and what it does. */
import { type Tensor, tensors, type Tree, zeros } from "@chain-of-sight/core";
import { type DeviceProfile, dryDevice, explain, theDevice } from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import { oneRank, theRanks } from "../ranks/ranks.ts";
import { loadPrograms, type StepError } from "../train/programs.ts";
import type { Bindings } from "../train/training.ts";
import type { PlannedTraining } from "./step.ts";

/** A compiled step in numbers. */
export interface CompiledStep {
  /** Bytes that all its programs hold on the device. */
  readonly peak: number;
  /** Kernels that one step starts. */
  readonly dispatches: number;
  /** FLOPs of one step. */
  readonly flops: number;
  /** Bytes that the kernels of one step read and write. */
  readonly bytes: number;
  /** Seconds that describing and compiling took. */
  readonly seconds: number;
}

/** The batch of a step without numbers: its shapes are those of all micro-batches. */
const shapesOf = ({ batch, micro }: PlannedTraining, ranks: number): Bindings =>
  Object.fromEntries(
    tensors.leaves(batch as Tree<Tensor>).map((t) => {
      const [rows = 1, ...rest] = t.shape, { path } = (t as Tensor<"input">).attributes;
      return [path, {
        dtype: t.dtype,
        shape: [rows * (micro?.count ?? 1) / ranks, ...rest],
        data: zeros(t.dtype, 0),
      }];
    }),
  );

/** Compiles the programs of a training as the trainer does on one of some ranks, places them, and counts one step. */
export const compiledStep = (
  training: PlannedTraining,
  profile: DeviceProfile,
  ranks = 1,
): Effect.Effect<CompiledStep, StepError> =>
  Effect.scoped(Effect.gen(function* () {
    const began = performance.now(), { device, programs } = dryDevice(profile);
    const loaded = yield* Effect.provideService(loadPrograms(training), theDevice(), device);
    const batch = shapesOf(training, ranks);
    yield* loaded.of(batch).step(batch);
    const seconds = (performance.now() - began) / 1000;
    const all = programs.map(({ plan, dispatches, runs }) => ({ runs, dispatches, ...explain(plan) }));
    const sum = (of: (p: (typeof all)[number]) => number): number =>
      all.reduce((total, p) => total + p.runs * of(p), 0);
    return {
      peak: loaded.deviceBytes,
      dispatches: sum((p) => p.dispatches),
      flops: sum((p) => p.flops),
      bytes: sum((p) => p.bytes),
      seconds,
    };
  })).pipe(Effect.provideService(theRanks, { ...oneRank, size: ranks }));

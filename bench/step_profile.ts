/** Where the time of a training step goes: every kernel against what the device was measured to reach. */
import type { TreeError } from "@chain-of-sight/core";
import {
  against,
  type Device,
  type DeviceError,
  measureRoofline,
  type Profiled,
  profileText,
  type Roofline,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import type { BenchError } from "../pipelines/tune/bench_fault.ts";
import { startedStep, type StepOptions } from "./step.ts";

/** A step's profile. */
export interface StepProfile {
  /** What was profiled. */
  readonly title: string;
  /** Achieved rates of the device. */
  readonly roofline: Roofline;
  /** Kernels, what could be won most of first. */
  readonly profile: readonly Profiled[];
}

/** Runs of which each kernel's median is taken. */
const REPEATS = 5;

/** Profiles a step on the device of the context, which needs timestamp queries. */
export const profileStep = (
  options: StepOptions,
): Effect.Effect<StepProfile, BenchError | DeviceError | TreeError, Device> =>
  Effect.gen(function* () {
    const roofline = yield* measureRoofline();
    const timed = yield* Effect.scoped(
      Effect.flatMap(startedStep(options), ({ program }) => program.profile(REPEATS)),
    );
    const { preset, tokens, precision } = options;
    return {
      title: `${preset}, ${tokens} visual tokens, ${precision}`,
      roofline,
      profile: against(roofline)(timed),
    };
  });

/** A profile as text: totals, then the kernels of which most could be won. */
export const stepProfileText = ({ title, roofline, profile }: StepProfile): string =>
  `${title}: ${profileText(profile, roofline)}`;

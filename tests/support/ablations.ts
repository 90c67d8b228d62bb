/** Ablations as tests ask for them. */
import * as Effect from "effect/Effect";
import { type AblationAsked, ablationOf } from "../../pipelines/ablations/ablation.ts";
import {
  type AblationConfig,
  experimentOf,
  experimentsOf,
  type FamilyName,
} from "../../pipelines/ablations/config.ts";
import type { PresetName } from "../../pipelines/configs/preset.ts";
import { resolve, type Resolved } from "../../pipelines/engine/resolve.ts";
import type { Experiment } from "../../pipelines/engine/experiment.ts";
import { right } from "./either.ts";

/** The ablation of a family and a preset; throws what refuses it. */
export const ablation = (family: FamilyName, preset: PresetName, asked: AblationAsked = {}): AblationConfig =>
  right(ablationOf(family, preset, asked));

/** An experiment on the drawn world, which names no files, resolved. */
export const drawn = (experiment: Experiment): Resolved => Effect.runSync(resolve(experiment, ""));

/** All experiments of an ablation on the drawn world. */
export const experimentsIn = (config: AblationConfig): readonly Resolved[] =>
  Effect.runSync(experimentsOf(config, ""));

/** The experiment of one arm and seed. */
export const armIn = (config: AblationConfig, name: string, seed = 1): Resolved =>
  drawn(right(experimentOf(config, config.arms.find((arm) => arm.name === name)!, seed)));

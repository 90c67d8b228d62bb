/** Flags that say which ablation is meant: `ablate` and the commands of single stages have them. */
import { type DeviceName, deviceNames } from "@chain-of-sight/kernels";
import { Flag } from "effect/cli";
import type * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import {
  ablationCodec,
  type AblationConfig,
  type FamilyName,
  familyNames,
  type PresetName,
  presetNames,
} from "../ablations/config.ts";
import { ablationOf, ablationPresets } from "../ablations/presets.ts";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import { override } from "../configs/override.ts";
import { choiceFlag, setFlag } from "./flags.ts";

/** Family, preset, changed fields, device and store. */
export const ablationFlags = {
  family: choiceFlag("family", familyNames, "main", "the arms that are compared"),
  preset: choiceFlag("preset", presetNames, "micro", "the size of everything"),
  set: setFlag,
  device: Flag.Literals("device", deviceNames).pipe(
    Flag.optional,
    Flag.withDescription(
      "what computes; unless said cpu at smoke and micro, and auto, WebGPU first, at lab and base",
    ),
  ),
  store: Flag.String("store").pipe(
    Flag.withDefault(DEFAULT_STORE),
    Flag.withDescription("folder of what is made, which ablations share"),
  ),
};

/** What the flags say of an ablation. */
export interface AblationAsked {
  /** The arms that are compared. */
  readonly family: FamilyName;
  /** The size of everything. */
  readonly preset: PresetName;
  /** Fields that are changed. */
  readonly set: readonly string[];
}

/** The configuration that is asked for; `seeds` is the number of them, the preset's without. */
export const ablationAsked = (
  { family, preset, set }: AblationAsked,
  seeds?: number,
): Effect.Effect<AblationConfig, DecodeError> =>
  fromEither(override(ablationCodec(), "ablation configuration")(ablationOf(family, preset, seeds), set));

/** What computes: what is asked for, or what the preset is made for. */
export const deviceAsked = (device: Option.Option<DeviceName>, preset: PresetName): DeviceName =>
  Option.getOrElse(device, () => ablationPresets[preset].device);

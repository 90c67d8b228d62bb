/** Flags that say which ablation is meant: `ablate` and the commands of single stages have them. */
import { deviceNames } from "@chain-of-sight/kernels";
import { Flag } from "effect/cli";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import { familyNames, presetNames } from "../ablations/config.ts";
import { setFlag } from "./flags.ts";

/** Family, preset, changed fields, device and store. */
export const ablationFlags = {
  family: Flag.Literals("family", familyNames).pipe(
    Flag.withDefault("main" as const),
    Flag.withDescription("the arms that are compared"),
  ),
  preset: Flag.Literals("preset", presetNames).pipe(
    Flag.withDefault("micro" as const),
    Flag.withDescription("the size of everything"),
  ),
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

/** Flags that say which ablation is meant: `ablate` and the commands of single stages have them. */
import { Flag } from "effect/cli";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import { familyNames, presetNames } from "../ablations/config.ts";
import { computeFlag, setFlag } from "./flags.ts";

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
  device: computeFlag,
  store: Flag.String("store").pipe(
    Flag.withDefault(DEFAULT_STORE),
    Flag.withDescription("folder of what is made, which ablations share"),
  ),
};

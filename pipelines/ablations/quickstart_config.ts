/** The complete configuration of a quickstart: what is made, trained, and asked. */
import * as t from "io-ts";
import { baseAnd, type ExperimentBase } from "../engine/experiment.ts";
import { type Arm, armCodec } from "../stages/model.ts";

/** How large a quickstart is. */
export type Scale = "micro" | "software" | "gpu";

/** Every scale, the smallest first. */
export const scales: readonly Scale[] = ["micro", "software", "gpu"];

/** Everything that decides a quickstart. */
export interface QuickstartConfig extends ExperimentBase {
  /** The preset that it was derived from. */
  readonly scale: Scale;
  /** Key of initial weights and of the order of examples. */
  readonly seed: number;
  /** The rivals; the first is the one that times are relative to. */
  readonly arms: readonly Arm[];
}

const codec = baseAnd<QuickstartConfig>({
  scale: t.keyof({ micro: null, software: null, gpu: null }),
  seed: t.refinement(t.number, (n) => Number.isInteger(n) && n >= 0, "an integer of at least 0"),
  arms: t.refinement(
    t.readonlyArray(armCodec()),
    (arms) => arms.length > 0 && new Set(arms.map((a) => a.name)).size === arms.length,
    "one arm or more, with different names",
  ),
});

/** Codec of {@link QuickstartConfig}; it takes complete configurations only. */
export const quickstartCodec = (): t.Type<QuickstartConfig, unknown, unknown> => codec;

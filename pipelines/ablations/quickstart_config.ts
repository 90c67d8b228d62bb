/** The complete configuration of a quickstart: what is made, trained, and asked. */
import * as t from "io-ts";
import type { TypeOf } from "../base/bridge.ts";
import { oneOf } from "../base/codecs.ts";
import { seed } from "../base/numbers.ts";
import { armCodec, baseFields } from "./base.ts";

/** Every scale, the smallest first. */
export const scales = ["micro", "software", "gpu"] as const;

/** How large a quickstart is. */
export type Scale = (typeof scales)[number];

/** @internal */
export const quickstartFields = t.strict({
  ...baseFields,
  /** The preset that it was derived from. */
  scale: oneOf(scales),
  /** Seed of initial weights and of the order of examples. */
  seed,
  /** The baselines; the first is the one that times are relative to. */
  arms: t.refinement(
    t.readonlyArray(armCodec()),
    (arms) => arms.length > 0 && new Set(arms.map((a) => a.name)).size === arms.length,
    "one arm or more, with different names",
  ),
});

/** Everything that decides a quickstart. */
export interface QuickstartConfig extends TypeOf<typeof quickstartFields> {}

/** Codec of {@link QuickstartConfig}; it takes complete configurations only. */
export const quickstartCodec = (): t.Type<QuickstartConfig, unknown, unknown> => quickstartFields;

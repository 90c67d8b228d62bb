/** Bridges and their expansions from outside. */
import type { BridgeDescription, Expansion } from "@chain-of-sight/core";
import * as t from "io-ts";
import { natural, whole } from "../base/numbers.ts";

const naturals = t.readonlyArray(natural);
const kind = <K extends string, P extends t.Props>(name: K, fields: P) =>
  t.strict({ kind: t.literal(name), ...fields });

const viewType = t.union([
  kind("linear", {}),
  kind("mlp", {}),
  kind("resampler", { queries: natural, levels: natural }),
  kind("chain-of-sight", {
    windows: naturals,
    queries: naturals,
    levels: natural,
    order: t.keyof({ "coarse-to-fine": null, "fine-to-coarse": null }),
  }),
  kind("average-pool", { side: natural }),
  kind("c-abstractor", { side: natural, depth: whole, table: natural }),
  kind("token-packer", { region: natural, levels: natural }),
  kind("pixel-shuffle", { ratio: natural }),
  kind("nested-pool", { sides: naturals }),
  kind("nested-queries", { queries: naturals, most: natural, levels: natural }),
]);

/** Codec of a bridge as data. */
export const bridgeCodec = (): t.Type<BridgeDescription, unknown, unknown> =>
  t.union([viewType, kind("tiled", { tiles: natural, of: viewType })]) as unknown as t.Type<
    BridgeDescription,
    unknown,
    unknown
  >;

/** Codec of an expansion. */
export const expansionCodec = (): t.Type<Expansion, unknown, unknown> =>
  t.union([
    kind("grow", {
      growth: t.strict({ resolution: natural, global: natural, local: natural }),
      start: t.keyof({ source: null, "fresh-queries": null, fresh: null }),
    }),
    kind("tile", { tiles: natural }),
  ]) as unknown as t.Type<Expansion, unknown, unknown>;

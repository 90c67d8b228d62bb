/** Which concepts a split may show, and so which its questions may speak of. */
import { concepts } from "./concepts.ts";
import type { DataConfig, Split } from "./config.ts";

/**
 * The concepts of a split. In worlds at full strength only `held-out-concepts` has those that are held out, beside all
 * the others; questions of other splits must not name them, not even as what is absent.
 */
export const poolOf = (config: DataConfig, split: Split): readonly number[] =>
  concepts.slice(0, config.concepts)
    .filter((c) => config.world === undefined || split === "held-out-concepts" || !c.heldOut)
    .map((c) => c.id);

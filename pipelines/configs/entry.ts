/** What is particular to one named configuration, at full size; and the pieces that entries are written with. */
import type {
  BridgeDescription,
  ChainOfSightDescription,
  Expansion,
  Growth,
  Start,
} from "@chain-of-sight/core";
import type { PaperRow } from "./paper_row.ts";

/** One configuration before its sizes are known. */
export interface ConfigEntry {
  /** Name: bridge, tokens of pre-training and of fine-tuning; at 448 px unless it says 224. */
  readonly name: string;
  /** Its content. */
  readonly about: string;
  /** The bridge of pre-training at 224 px. */
  readonly bridge: BridgeDescription;
  /** How it grows. */
  readonly expansion: Expansion | null;
  /** Rows of the paper that it is. */
  readonly rows: readonly PaperRow[];
}

/** Chain-of-Sight as the paper has it: windows and queries per window on the grid of 16. */
export const cos = (windows: readonly number[], queries: readonly number[]): ChainOfSightDescription => ({
  kind: "chain-of-sight",
  windows,
  queries,
  levels: 2,
  order: "coarse-to-fine",
});

/** The pre-training bridges of the paper, by token count. */
export const pretrained: Readonly<Record<32 | 48 | 80 | 336, ChainOfSightDescription>> = {
  32: cos([16, 4], [16, 1]),
  48: cos([16, 4], [16, 2]),
  80: cos([16, 4], [16, 4]),
  336: cos([16, 8, 2], [16, 16, 4]),
};

/** An expansion by a growth. */
export const by = (growth: Growth, start: Start = "source"): Expansion => ({ kind: "grow", growth, start });

/** Twice the resolution with as many tokens. */
export const sharper: Expansion = by({ resolution: 2, global: 1, local: 1 });

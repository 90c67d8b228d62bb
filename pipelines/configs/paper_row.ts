/** Rows of the paper's tables as data: what was trained how, and what the authors report. */

/** The tables of arXiv 2407.15819 whose rows are configurations, as the authors' project page shows them. */
export type PaperTable = "main" | "referring" | "token-scaling";

/** One row of a table. */
export interface PaperRow {
  /** The table. */
  readonly table: PaperTable;
  /** Its place in the table, from 1. */
  readonly row: number;
  /** Name of the row: bridge, or group and lineages. */
  readonly label: string;
  /** Visual tokens in pre-training. */
  readonly pretrainTokens: number;
  /** Pre-training time relative to 336 tokens; null where the table does not say. */
  readonly relativeTime: number | null;
  /** Side of the images of fine-tuning in pixels. */
  readonly resolution: number;
  /** Visual tokens in fine-tuning. */
  readonly finetuneTokens: number;
  /** Reported numbers by column. */
  readonly scores: Readonly<Record<string, number>>;
  /** What a reader should know of the numbers; empty for nothing. */
  readonly note: string;
}

/** Text of a report, as data: tables whose numbers name their sources, figures, samples and configurations. */
import type { Interval } from "../base/bootstrap.ts";
import type { Figure } from "../figures/plot.ts";
import type { Json } from "../base/hash.ts";

/** Where numbers come from. */
export interface Source {
  /** Short name, unique in the report; rows refer to it. */
  readonly id: string;
  /** Name of the run. */
  readonly run: string;
  /** Its folder, from the directory that is reported on. */
  readonly path: string;
  /** Hash of its configuration. */
  readonly configHash: string;
  /** Hash of its data. */
  readonly dataHash: string;
  /** Version of the code. */
  readonly codeVersion: string;
  /** Commit of the code; nothing where it is not known. */
  readonly commit?: string | undefined;
  /** The device, in words. */
  readonly device: string;
  /** When it ended, ISO 8601; nothing for one that did not. */
  readonly finished?: string;
  /** The command that makes it again. */
  readonly command: string;
}

/** A number with its interval, to be shown times `scale`. */
export interface Ranged extends Interval {
  /** What it is multiplied with for the eye: 100 for per cent. */
  readonly scale: number;
}

/** One value of a table. */
export type Value = string | number | Ranged | undefined;

/** A row, and the sources of its numbers. */
export interface ReportRow {
  /** Its values, one a column. */
  readonly values: readonly Value[];
  /** Sources by their `id`. */
  readonly sources: readonly string[];
}

/** A table. */
export interface ReportTable {
  /** Heading. */
  readonly title: string;
  /** What the numbers are, and how the intervals were made. */
  readonly note: string;
  /** Names of the columns, with units. */
  readonly columns: readonly string[];
  /** The rows. */
  readonly rows: readonly ReportRow[];
}

/** A figure with a line under it. */
export interface ReportFigure {
  /** Name of its files. */
  readonly name: string;
  /** The drawing. */
  readonly figure: Figure;
  /** What is to be seen. */
  readonly caption: string;
  /** Sources by their `id`. */
  readonly sources: readonly string[];
}

/** An image of answers. */
export interface ReportSample {
  /** Whose answers they are. */
  readonly title: string;
  /** Bytes of a PNG. */
  readonly png: Uint8Array;
}

/** A configuration in full. */
export interface ReportConfig {
  /** Which source it is of. */
  readonly id: string;
  /** The configuration. */
  readonly config: Json;
}

/** A whole report. */
export interface ReportDocument {
  /** Title. */
  readonly title: string;
  /** Findings, in a sentence. */
  readonly headline?: string | undefined;
  /** One line under it. */
  readonly about: string;
  /** The command lines that make it again. */
  readonly command: string;
  /** Tables in order. */
  readonly tables: readonly ReportTable[];
  /** Figures in order. */
  readonly figures: readonly ReportFigure[];
  /** Answers with images. */
  readonly samples: readonly ReportSample[];
  /** The sources, in the order of their numbers. */
  readonly sources: readonly Source[];
  /** Configurations. */
  readonly configs: readonly ReportConfig[];
}

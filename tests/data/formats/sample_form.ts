/** What a sample of an annotation format is, and how samples are written. */
import { formats } from "../../../pipelines/formats/formats.ts";
import type { Format } from "../../../pipelines/formats/format.ts";
import type { AnyRecord } from "../../../pipelines/formats/read.ts";

export interface SampleFile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** How mutations take it apart. */
  readonly form: "json" | "lines" | "text" | "binary";
}

export interface Sample {
  readonly format: Format<AnyRecord>;
  readonly files: readonly SampleFile[];
  readonly records: readonly unknown[];
  /** Entries in the files. */
  readonly entries: number;
}

export const formatNamed = (name: string): Format<AnyRecord> => formats.find((f) => f.name === name)!;

export const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
export const json = (name: string, value: unknown): SampleFile => ({
  name,
  bytes: encode(JSON.stringify(value)),
  form: "json",
});
export const lines = (name: string, values: readonly unknown[]): SampleFile => ({
  name,
  bytes: encode(values.map((v) => JSON.stringify(v)).join("\n") + "\n"),
  form: "lines",
});
export const text = (name: string, value: string): SampleFile => ({
  name,
  bytes: encode(value),
  form: "text",
});
export const sample = (
  name: string,
  files: readonly SampleFile[],
  entries: number,
  records: readonly unknown[],
): Sample => ({ format: formatNamed(name), files, records, entries });

/** The bytes that PNG files begin with. */
export const PNG = Uint8Array.of(137, 80, 78, 71, 13, 10, 26, 10);

/** Text of the measurement of a GPU, as JSON and as a table. */
import { type Bar, type GpuProvider, meets } from "./gpu_bars.ts";
import { aboutLine, markdownTable } from "./step_report.ts";

/** One number. */
export interface GpuLine {
  /** Measurements. */
  readonly what: string;
  /** Who computed. */
  readonly provider: GpuProvider;
  /** The number; absent where it could not be measured. */
  readonly value?: number;
  /** Its unit. */
  readonly unit: string;
  /** What is to be reached; absent where nothing is asked, or where sizes are smaller than asked. */
  readonly bar?: Bar;
  /** Whether it is. */
  readonly met?: boolean;
  /** What others reach on the reference card. */
  readonly others: string;
  /** What else there is to say, such as why there is no number. */
  readonly note?: string;
}

/** A whole run. */
export interface GpuRun {
  /** The run. */
  readonly what: "gpu";
  /** What the devices call themselves, by provider. */
  readonly devices: Readonly<Record<string, string>>;
  /** Whether one of them is software: then sizes are small, and no bar is judged. */
  readonly software: boolean;
  /** Versions of the software. */
  readonly versions: Readonly<Record<string, string>>;
  /** All numbers. */
  readonly lines: readonly GpuLine[];
}

/** A line with its judgement. */
export const lineOf = ({ bar, ...line }: Omit<GpuLine, "met">, judged: boolean): GpuLine =>
  bar === undefined || !judged
    ? line
    : { ...line, bar, met: line.value !== undefined && meets(bar, line.value) };

const number = (x: number): string => x >= 100 ? x.toFixed(0) : x >= 1 ? x.toFixed(2) : x.toPrecision(3);

/** A run as Markdown: devices and versions, the table, and how many bars are met. */
export const gpuText = ({ devices, software, versions, lines }: GpuRun): string => {
  const rows = lines.map((l) => [
    l.what,
    l.provider,
    l.value === undefined ? "-" : `${number(l.value)} ${l.unit}`,
    l.bar === undefined ? software ? "not applicable" : "" : `${l.bar.side} ${number(l.bar.value)}`,
    l.met === undefined ? "" : l.met ? "yes" : "NO",
    l.others,
  ]);
  const notes = lines.flatMap(({ what, provider, note }) =>
    note === undefined ? [] : [`${what}, ${provider}: ${note}`]
  );
  const judged = lines.filter((l) => l.met !== undefined), met = judged.filter((l) => l.met);
  const deviceName = Object.entries(devices).map(([name, device]) => `${name}: ${device}`).join("; ");
  return [
    aboutLine({ deviceName, versions }),
    "",
    markdownTable(["measured", "by", "result", "bar", "met", "others on an H100"], rows),
    "",
    ...notes,
    software
      ? "A software device: sizes are small, and no bar is judged."
      : `${met.length} of ${judged.length} bars are met.`,
  ].join("\n");
};

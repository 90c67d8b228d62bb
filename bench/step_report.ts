/** Text of the timing of a step, as JSON and as a table. */
import { bytesText } from "@chain-of-sight/kernels";
import type { StepPreset } from "../pipelines/tune/presets.ts";
import type { Spread } from "./spread.ts";
import type { Precision } from "../pipelines/train/precision.ts";
import type { StepDevice } from "../pipelines/tune/step_device.ts";

/** Milliseconds from a model to a program. */
export interface CompileTime {
  /** Describing the model, its gradients and the update. */
  readonly describe: number;
  /** Simplifying, fusing and planning. */
  readonly compile: number;
  /** Rendering, the driver's or assembler's work, and memory. */
  readonly load: number;
}

/** The timing of one preset with one number of visual tokens. */
export interface StepReport {
  /** The model. */
  readonly preset: StepPreset;
  /** Visual tokens. */
  readonly tokens: number;
  /** Text tokens of a sequence. */
  readonly text: number;
  /** Sequences of a step. */
  readonly batch: number;
  /** Element types. */
  readonly precision: Precision;
  /** Whether decoder blocks are recomputed in the backward pass. */
  readonly remat: boolean;
  /** Number of trained parameters. */
  readonly parameters: number;
  /** Steps between two waits for the device. */
  readonly steps: number;
  /** Milliseconds per step, over windows of that many steps. */
  readonly ms: Spread;
  /** Loss of the first and of the last step. */
  readonly loss: { readonly first: number; readonly last: number };
  /** Bytes of all the program's buffers, all held from its loading on: the most that it ever has. */
  readonly peakBytes: number;
  /** Dispatches of one step, in one submit. */
  readonly dispatches: number;
  /** Operations of the model's products, forward and backward. */
  readonly modelFlops: number;
  /** Those operations in 10^12 per second, at the median. */
  readonly tflops: number;
  /** Time from nothing to a program, and the same again in the same process. */
  readonly compileMs: { readonly cold: CompileTime; readonly warm: CompileTime };
}

/** A whole run. */
export interface StepRun {
  /** The run. */
  readonly what: "step";
  /** Which device was asked for. */
  readonly device: StepDevice;
  /** Its own name. */
  readonly deviceName: string;
  /** Versions of the software. */
  readonly versions: Readonly<Record<string, string>>;
  /** One report per number of visual tokens. */
  readonly results: readonly StepReport[];
}

const fixed = (x: number, digits: number): string => x.toFixed(digits);

const total = ({ describe, compile, load }: CompileTime): number => (describe + compile + load) / 1000;

const head = [
  "preset",
  "tokens",
  "batch",
  "ms per step",
  "quartiles",
  "n x steps",
  "TFLOP/s",
  "peak memory",
  "dispatches",
  "parameters",
  "compile cold / warm, s",
];

const row = (r: StepReport): readonly string[] => [
  `${r.preset}, ${r.precision}${r.remat ? ", remat" : ""}`,
  String(r.tokens),
  String(r.batch),
  fixed(r.ms.median, 2),
  `${fixed(r.ms.q1, 2)}-${fixed(r.ms.q3, 2)}`,
  `${r.ms.n} x ${r.steps}`,
  r.tflops < 1 ? r.tflops.toPrecision(3) : fixed(r.tflops, 2),
  bytesText(r.peakBytes),
  String(r.dispatches),
  `${fixed(r.parameters / 1e6, 2)}M`,
  `${fixed(total(r.compileMs.cold), 2)} / ${fixed(total(r.compileMs.warm), 2)}`,
];

/** Ratios of step times to the longest visual sequence: what pre-training with few tokens saves. */
const savings = (results: readonly StepReport[]): string | undefined => {
  const most = results.reduce((a, b) => (b.tokens > a.tokens ? b : a));
  const others = results.filter((r) => r !== most);
  return others.length === 0
    ? undefined
    : others.map((r) => `${r.tokens}/${most.tokens} ${fixed(r.ms.median / most.ms.median, 3)}`).join("   ");
};

/** Rows of text as a Markdown table, the first column to the left and the others to the right. */
export const markdownTable = (heads: readonly string[], rows: readonly (readonly string[])[]): string => {
  const widths = heads.map((h, c) => Math.max(h.length, ...rows.map((r) => r[c]!.length)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((x, c) => c === 0 ? x.padEnd(widths[c]!) : x.padStart(widths[c]!)).join(" | ")} |`;
  const rule = `| ${widths.map((w, c) => c === 0 ? "-".repeat(w) : `${"-".repeat(w - 1)}:`).join(" | ")} |`;
  return [line(heads), rule, ...rows.map(line)].join("\n");
};

/** Device and versions in one line. */
export const aboutLine = (
  { deviceName, versions }: {
    readonly deviceName: string;
    readonly versions: Readonly<Record<string, string>>;
  },
): string => `${deviceName}; ${Object.entries(versions).map(([name, v]) => `${name} ${v}`).join(", ")}`;

/** A run as Markdown: device and versions, a table, and the ratios between token counts. */
export const stepText = (run: StepRun): string =>
  [aboutLine(run), "", markdownTable(head, run.results.map(row)), savings(run.results)]
    .filter((line) => line !== undefined).join("\n");

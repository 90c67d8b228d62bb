/** What a GPU is asked to reach, and what others reach on the reference card, an NVIDIA H100. Pure. */
import type { Precision } from "../pipelines/train/precision.ts";
import type { StepPreset } from "../pipelines/tune/presets.ts";

/** A number to reach. */
export interface Bar {
  /** Which side of it is good. */
  readonly side: "at least" | "at most";
  /** The number. */
  readonly value: number;
}

/** Whether a number is on the good side of a bar. */
export const meets = ({ side, value }: Bar, x: number): boolean =>
  side === "at least" ? x >= value : x <= value;

const least = (value: number): Bar => ({ side: "at least", value });

const most = (value: number): Bar => ({ side: "at most", value });

/** Who computes. */
export type GpuProvider = "deno" | "dawn";

/** TFLOP/s of a product of 4096 x 4096 matrices: the bar, and others on the same card. */
export const productBar = (
  provider: GpuProvider,
  dtype: "f32" | "f16",
): { readonly bar?: Bar; readonly others: string } =>
  dtype === "f32"
    ? {
      ...(provider === "deno" ? { bar: least(40) } : {}),
      others: "PyTorch strict 51.5, jax-js 10.8",
    }
    : { bar: least(provider === "deno" ? 50 : 250), others: "PyTorch fp16 761" };

/** Share of the measured copy bandwidth that memory-bound kernels reach. */
export const memoryBar: Bar = least(0.8);

/**
 * Share of the rate of the product of the same numbers that attention reaches, forward and backward. Without matrix
 * units attention of 16-bit numbers computes in f32, and nothing is asked of it.
 */
export const attentionBar = (provider: GpuProvider, dtype: "f32" | "f16"): { readonly bar?: Bar } =>
  provider === "deno" && dtype === "f16" ? {} : { bar: least(0.6) };

interface Torch {
  readonly f32: readonly [number, number, number];
  readonly tf32?: readonly [number, number, number];
  readonly bf16?: readonly [number, number, number];
  readonly GiB?: readonly [number, number, number];
}

/** Visual tokens of the columns below. */
const columns = [32, 80, 336] as const;

/** Milliseconds of PyTorch's step and GiB of its peak memory at 32, 80 and 336 visual tokens. */
const torch: { readonly [name in StepPreset]?: Torch } = {
  gpu: { f32: [43, 59, 156] },
  full: { f32: [97, 140, 371], tf32: [44, 51, 127], bf16: [45, 54, 78], GiB: [7.4, 9, 18] },
};

/** How much slower than PyTorch's strict f32 our f32 step may be, and how much faster than it a small mixed one must be. */
const SLOWER = 1.35, HALF = 0.5;

/** PyTorch's eager step of the small model, which waits for the host: milliseconds at 32 and 80 visual tokens. */
const eager: readonly number[] = [43, 42];

/** Milliseconds and GiB of a step: bars, and PyTorch's numbers as text. */
export const stepBars = (
  provider: GpuProvider,
  preset: StepPreset,
  tokens: number,
  precision: Precision,
): { readonly ms?: Bar; readonly GiB?: Bar; readonly others: string } => {
  const of = torch[preset], at = (columns as readonly number[]).indexOf(tokens);
  if (of === undefined || at < 0) return { others: "" };
  const named = ([["fp32", of.f32], ["TF32", of.tf32], ["bf16", of.bf16]] as const)
    .flatMap(([name, ms]) => ms === undefined ? [] : [`${name} ${ms[at]}`]);
  const memory = of.GiB?.[at];
  const ms = preset === "full"
    ? provider === "deno" && precision === "f32"
      ? most(SLOWER * of.f32[at]!)
      : provider === "dawn" && precision === "mixed"
      ? most(of.tf32![at]!)
      : undefined
    : provider === "dawn" && precision === "mixed" && eager[at] !== undefined
    ? most(HALF * eager[at])
    : undefined;
  return {
    ...(ms === undefined ? {} : { ms }),
    ...(memory === undefined ? {} : { GiB: most(memory) }),
    others: `PyTorch ${named.join(", ")} ms${memory === undefined ? "" : `; ${memory} GiB`}`,
  };
};

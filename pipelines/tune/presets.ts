/** Sizes of the models that are timed. `gpu` and `full` are those of the PyTorch reference, number for number. */

/** One size. */
export interface BenchPreset {
  /** Channels of the decoder. */
  readonly width: number;
  /** Blocks of the decoder. */
  readonly layers: number;
  /** Attention heads of the decoder. */
  readonly heads: number;
  /** Channels inside its perceptrons. */
  readonly ff: number;
  /** Rows of the embedding table and of the output map. */
  readonly vocabulary: number;
  /** Channels of the given features and of the bridge. */
  readonly featureWidth: number;
  /** Attention heads of the bridge. */
  readonly bridgeHeads: number;
  /** Side of the patch grid. */
  readonly grid: number;
  /** Text tokens of a sequence. */
  readonly text: number;
  /** Sequences of a step. */
  readonly batch: number;
}

/** Names of the sizes. */
export type StepPreset = "smoke" | "small" | "gpu" | "full";

/** The sizes: for tests, for two cores, a small research model, and the width of a small language model. */
export const presets: { readonly [name in StepPreset]: BenchPreset } = {
  smoke: {
    width: 32,
    layers: 1,
    heads: 2,
    ff: 64,
    vocabulary: 32,
    featureWidth: 32,
    bridgeHeads: 2,
    grid: 16,
    text: 8,
    batch: 2,
  },
  small: {
    width: 128,
    layers: 3,
    heads: 4,
    ff: 352,
    vocabulary: 512,
    featureWidth: 128,
    bridgeHeads: 2,
    grid: 16,
    text: 48,
    batch: 16,
  },
  gpu: {
    width: 512,
    layers: 8,
    heads: 8,
    ff: 1408,
    vocabulary: 8192,
    featureWidth: 384,
    bridgeHeads: 6,
    grid: 16,
    text: 64,
    batch: 64,
  },
  full: {
    width: 1024,
    layers: 12,
    heads: 16,
    ff: 2816,
    vocabulary: 32000,
    featureWidth: 768,
    bridgeHeads: 12,
    grid: 16,
    text: 64,
    batch: 32,
  },
};

/** Every preset's name. */
export const stepPresets: readonly StepPreset[] = ["smoke", "small", "gpu", "full"];

/** Window sides and queries per window on the grid of 16, by the number of visual tokens. */
export const bridgeScales: {
  readonly [tokens: number]: { readonly windows: readonly number[]; readonly queries: readonly number[] };
} = {
  32: { windows: [16, 4], queries: [16, 1] },
  48: { windows: [16, 4], queries: [16, 2] },
  80: { windows: [16, 4], queries: [16, 4] },
  336: { windows: [16, 8, 2], queries: [16, 16, 4] },
};

/** Token counts that have scales. */
export const tokenCounts: readonly number[] = Object.keys(bridgeScales).map(Number);

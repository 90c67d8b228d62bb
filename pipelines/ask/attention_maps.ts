/**
 * Where an answer looked, scale by scale. For every token of it: the decoder's attention, from the position that chose
 * the token to each visual token, mean over heads and blocks. Each visual token is a query of the bridge, whose last
 * attention over its window, mean over heads, spreads that amount over the patches of the window. Sums over a scale
 * say how much of the token's attention went to it; the rest went to the text and to other scales.
 * Shapes: n visual tokens, s positions, w windows, q queries of a window, k patches of a window.
 */
import {
  add,
  attentionsOf,
  attentionWeights,
  broadcastTo,
  concat,
  ConfigError,
  constant,
  i32,
  input,
  type Layout,
  layoutOf,
  layoutOn,
  llamaEmbed,
  mean,
  mul,
  type NdArray,
  prefill,
  reshape,
  type Scale,
  sliceAxis,
  type Tensor,
  type VisionTower,
  windowsPerSide,
} from "@chain-of-sight/core";
import { compileFor, type Device, type Source, theDevice } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import type { PlacedBridge } from "../stages/model.ts";
import { IMAGE_ID } from "../text/image_mark.ts";
import { described, writeInputs } from "../generate/generator.ts";
import { type CausalLM, parameterPlaceholders } from "../generate/programs.ts";
import { type UploadError, uploadLazies } from "../weights/lazy.ts";

/** Where one token of an answer looked at one scale. */
export interface AttentionMap {
  /** The scale. */
  readonly scale: Scale;
  /** Share of the token's attention that went to this scale, 0 to 1. */
  readonly share: number;
  /** The share of every window, row-major. */
  readonly windows: readonly number[];
  /** The share of every patch of the grid, row-major. */
  readonly patches: Float64Array;
}

/** The looks of every token of an answer, scales coarse to fine. */
export type AttentionMaps = readonly (readonly AttentionMap[])[];

/** From attention of the decoder, `[n]`, and of the bridge, `[w, q, k]` for every scale, to looks. */
export const attentionMapsOf = (
  layout: Layout,
  towards: readonly number[],
  bridge: readonly NdArray[],
): readonly AttentionMap[] => {
  const grid = layout.resolution / layout.patch;
  let token = 0;
  return layout.scales.map((scale, s) => {
    const side = windowsPerSide(layout, scale), { window, queries } = scale, weights = bridge[s]!.data;
    const patches = new Float64Array(grid * grid), windows: number[] = [];
    for (let w = 0; w < side * side; w++) {
      let total = 0;
      for (let q = 0; q < queries; q++) {
        const amount = towards[token++]!, from = (w * queries + q) * window * window;
        total += amount;
        for (let k = 0; k < window * window; k++) {
          const y = Math.floor(w / side) * window + Math.floor(k / window),
            x = (w % side) * window + k % window;
          patches[y * grid + x]! += amount * weights[from + k]!;
        }
      }
      windows.push(total);
    }
    return { scale, share: windows.reduce((a, v) => a + v, 0), windows, patches };
  });
};

/**
 * The windows of a bridge on its grid, coarse to fine; a resampler has one. Throws ConfigError for a bridge whose tokens
 * are not in the order of its windows.
 */
export const windowsOf = (
  { description, resolution }: PlacedBridge,
  { config: { patch } }: VisionTower,
): Layout => {
  if (description.kind === "chain-of-sight" && description.order === "coarse-to-fine") {
    return layoutOn(description, { resolution, patch });
  }
  if (description.kind === "resampler") {
    return layoutOf(resolution, patch, [resolution / patch], [description.queries]);
  }
  throw new ConfigError({
    op: "attention maps",
    got: description.kind,
    expected: "a bridge whose queries look at windows, coarse to fine",
    hint: "ask a model with a windowed bridge or a resampler",
  });
};

const overHeads = (node: Tensor<"attention">): Tensor => mean({ axes: [1] })(attentionWeights(node));

/** The bridge's last attention of every scale, `[w, q, k]`, from the visual tokens of one image. */
const bridgeWeights = (visual: Tensor, layout: Layout): readonly Tensor[] => {
  const cells = (window: number) => window * window;
  // the encoder's attention comes before the bridge's, which ends with a round of levels for every scale
  const found = attentionsOf([visual]).map((node) => ({
    node,
    q: node.args[0]!.shape,
    k: node.args[1]!.shape,
  }));
  const levels = found.length;
  return layout.scales.map((scale) => {
    const count = windowsPerSide(layout, scale) ** 2;
    const fits = found.filter(({ q, k }) =>
      q[0] === count && q[2] === scale.queries && k[2] === cells(scale.window)
    );
    const last = fits.at(-1);
    if (last === undefined) {
      throw new ConfigError({
        op: "attention maps",
        got: `${levels} attentions, none of ${count} windows of ${scale.window} x ${scale.window} patches`,
        expected: "a bridge whose queries look at windows",
        hint: "ask a model with a windowed bridge or a resampler",
      });
    }
    return overHeads(last.node);
  });
};

/**
 * The decoder's attention of `count` positions from `first` on to the visual tokens from position `at` on, `[count, n]`:
 * mean over heads and blocks.
 */
const towardsOf = (logits: Tensor, visual: Tensor, at: number, first: number, count: number): Tensor => {
  const before = new Set(attentionsOf([visual]));
  const blocks = attentionsOf([logits]).filter((node) => !before.has(node));
  const rows = blocks.map((node) => {
    const [, s] = node.args[1]!.shape.slice(1) as [number, number];
    const weights = reshape([node.args[0]!.shape[2]!, s])(overHeads(node));
    return sliceAxis(1, at, at + visual.shape[1]!)(sliceAxis(0, first, first + count)(weights));
  });
  return mul(rows.reduce((a, b) => add(a, b)), 1 / rows.length);
};

/** What was asked and answered about an image. */
export interface Exchange {
  /** Token numbers of the prompt, with the image's mark. */
  readonly prompt: readonly number[];
  /** Token numbers of the answer, at least one, without its end. */
  readonly answer: readonly number[];
  /** Arrays for the inputs of the image. */
  readonly given: Readonly<Record<string, NdArray>>;
}

/** Text lengths share a program up to multiples of this many tokens; what follows a text changes nothing before it. */
const LENGTHS = 16;

/**
 * The attention of every text position behind the image to the visual tokens, `towards` of `[positions, n]`, and of the
 * bridge, `scale.0` and so on; the image is at position `at`, and there are `length` tokens of text.
 */
const attentionMapsSource = (causalLM: CausalLM, layout: Layout, at: number, length: number): Source => {
  const { all, llama } = parameterPlaceholders(causalLM), visual = causalLM.images!.describe(all, 1);
  const n = causalLM.images!.tokens, text = llamaEmbed(llama, input("ids", [1, length], "i32"));
  const whole = concat([sliceAxis(1, 0, at)(text), visual, sliceAxis(1, at, length)(text)], 1);
  const lengths = broadcastTo([1])(constant(n + length, "i32"));
  const { logits_bv } = prefill(causalLM.decoder)(llama, whole, lengths);
  const first = at + n - 1, towards = towardsOf(logits_bv, visual, at, first, n + length - first);
  const scales = bridgeWeights(visual, layout).map((w, s) => [`scale.${s}`, w] as const);
  return { outputs: { towards, ...Object.fromEntries(scales) } };
};

/** Where every token of an answer looked, from one more pass over the whole text. */
export const attentionMapsAt = (
  causalLM: CausalLM,
  layout: Layout,
  { prompt, answer, given }: Exchange,
): Effect.Effect<AttentionMaps, UploadError, Device> =>
  Effect.scoped(Effect.gen(function* () {
    if (causalLM.pyramid !== undefined) {
      return yield* Effect.fail(
        new ConfigError({
          op: "attention maps",
          got: "a decoder that drops visual tokens",
          expected: "one whose blocks all see every visual token",
          hint: "ask without attention maps, or a model without model.pyramid",
        }),
      );
    }
    const device = yield* theDevice();
    // the last token is chosen at the one before it
    const all = [...prompt, ...answer].slice(0, -1), ids = all.filter((id) => id !== IMAGE_ID);
    const n = causalLM.images?.tokens ?? 0, at = all.indexOf(IMAGE_ID);
    const length = Math.ceil(ids.length / LENGTHS) * LENGTHS;
    const plan = yield* described(() =>
      compileFor(device, attentionMapsSource(causalLM, layout, at, length))
    );
    const program = yield* device.load(plan);
    yield* uploadLazies(program, "params", causalLM.params);
    const padded = [...ids, ...Array.from({ length: length - ids.length }, () => ids[0]!)];
    yield* writeInputs(program, { ...given, ids: i32([1, length], padded) });
    yield* program.run;
    const read = yield* program.read(Object.keys(plan.outputs));
    const bridge = layout.scales.map((_, s) => read[`scale.${s}`]!);
    const first = prompt.length - 1 - at;
    return answer.map((_, t) =>
      attentionMapsOf(
        layout,
        Array.from(read.towards!.data.slice((first + t) * n, (first + t + 1) * n)),
        bridge,
      )
    );
  }));

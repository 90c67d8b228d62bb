/** A trained model for other programs, in the layouts of {@link exportWhole}. */
import type { Tree } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { levelsRead } from "../stages/model.ts";
import type { ExportError, ExportOptions } from "../weights/huggingface/export.ts";
import { type LazyArray, lazyTrees } from "../weights/lazy.ts";
import { unsupportedIn } from "../weights/huggingface/unsupported.ts";
import { exportWhole } from "./exported.ts";
import type { TrainedModel } from "./trained.ts";

/** Writes a trained model; `loadExported` reads it back. */
export const exportTrained = (
  folder: string,
  trained: TrainedModel,
  options: ExportOptions = {},
): Effect.Effect<readonly string[], ExportError> => {
  const { causalLM, bridge, language, parts, experiment } = trained, { tower, adapter, bridgeHeads } = parts;
  if (parts.pyramid !== undefined) {
    const refuse = unsupportedIn(trained.checkpoint);
    return Effect.fail(
      refuse("model.pyramid", "a decoder that drops visual tokens", "one that other programs compute alike"),
    );
  }
  const { vision: _, bridge: _bridge, lora: _lora, ...decoder } = causalLM.params as Record<
    string,
    Tree<LazyArray>
  >;
  const sources = new Set(lazyTrees.leaves(decoder).map(({ origin }) => origin?.source));
  // the decoder of a run has no folder that transformers reads
  const base = experiment.model.decoder.from === "huggingface" && sources.size === 1
    ? [...sources][0]
    : undefined;
  return exportWhole(folder, {
    tower: { config: tower.config, levels: levelsRead(parts, bridge).map((i) => tower.levels[i]!) },
    bridge: { ...bridge, heads: bridgeHeads },
    decoder: causalLM.decoder,
    params: causalLM.params,
    ...(adapter === undefined
      ? {}
      : { adapter: { alpha: adapter.alpha, ...(base === undefined ? {} : { base }) } }),
    language,
  }, options);
};

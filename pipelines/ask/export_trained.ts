/** A trained model for other programs, in the layouts of {@link exportWhole}. */
import type * as Effect from "effect/Effect";
import { under } from "@chain-of-sight/core";
import { trainsOf } from "../engine/experiment.ts";
import { levelsRead } from "../stages/model.ts";
import type { ExportError, ExportOptions } from "../weights/huggingface/export.ts";
import { exportWhole } from "./exported.ts";
import type { TrainedModel } from "./trained.ts";

/** The decoder of another project that a model has unchanged beside its adapters, if it has. */
const baseOf = ({ experiment }: TrainedModel): string | undefined => {
  const { decoder } = experiment.model, own = under("model", "lm_head");
  const changed = trainsOf(experiment).some(({ trainable }) => trainable.some((path) => own(path)));
  return decoder.from === "huggingface" && !changed ? decoder.folder : undefined;
};

/** Writes a trained model; `loadExported` reads it back. */
export const exportTrained = (
  folder: string,
  trained: TrainedModel,
  options: ExportOptions = {},
): Effect.Effect<readonly string[], ExportError> => {
  const { writer, bridge, language, parts } = trained, { tower, adapter, bridgeHeads } = parts;
  const base = baseOf(trained);
  return exportWhole(folder, {
    tower: { config: tower.config, levels: levelsRead(parts, bridge).map((i) => tower.levels[i]!) },
    bridge: { ...bridge, heads: bridgeHeads },
    decoder: writer.decoder,
    params: writer.params,
    ...(adapter === undefined
      ? {}
      : { adapter: { alpha: adapter.alpha, ...(base === undefined ? {} : { base }) } }),
    language,
  }, options);
};

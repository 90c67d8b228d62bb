/** A trained model for other programs, in the layouts of {@link exportWhole}. */
import type * as Effect from "effect/Effect";
import { baseOf } from "../engine/models.ts";
import { levelsRead } from "../stages/model.ts";
import type { ExportError, ExportOptions } from "../weights/huggingface/export.ts";
import { exportWhole } from "./exported.ts";
import type { TrainedModel } from "./trained.ts";

/** Writes a trained model; `loadExported` reads it back. */
export const exportTrained = (
  folder: string,
  trained: TrainedModel,
  options: ExportOptions = {},
): Effect.Effect<readonly string[], ExportError> => {
  const { writer, bridge, language, parts } = trained, { tower, adapter, bridgeHeads } = parts;
  const { model: { decoder } } = trained.experiment, frozen = baseOf(trained.experiment) !== undefined;
  const base = decoder.from === "huggingface" && frozen ? decoder.folder : undefined;
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

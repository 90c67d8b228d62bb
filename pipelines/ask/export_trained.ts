/** A trained model for other programs, in the layouts of {@link exportWhole}. */
import type * as Effect from "effect/Effect";
import { levelsRead } from "../stages/model.ts";
import { namedTemplates } from "../text/templates.ts";
import { visionTower } from "../vision/tower.ts";
import type { ExportError, ExportOptions } from "../weights/huggingface/export.ts";
import { exportWhole } from "./exported.ts";
import type { TrainedModel } from "./trained.ts";

/** Writes a trained model; `loadExported` reads it back. */
export const exportTrained = (
  folder: string,
  { writer, bridge, tokenizer, config: { model } }: TrainedModel,
  options: ExportOptions = {},
): Effect.Effect<readonly string[], ExportError> =>
  exportWhole(folder, {
    tower: {
      config: visionTower.config,
      levels: levelsRead(model, bridge).map((i) => visionTower.levels[i]!),
    },
    bridge: { ...bridge, heads: model.bridgeHeads },
    decoder: writer.decoder,
    params: writer.params,
    language: { tokenizer: tokenizer.json, template: namedTemplates.plain },
  }, options);

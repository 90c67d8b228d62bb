/** A trained model for other programs: what has a class in transformers goes in its layout, the bridge beside it. */
import type { LlamaParams, NdArray, Tree, VitParams } from "@chain-of-sight/core";
import { arrayTrees } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { writeJson } from "../runs/run_directory.ts";
import { visionTower } from "../vision/tower.ts";
import {
  exportDecoder,
  type ExportError,
  type ExportOptions,
  writeTensors,
} from "../weights/huggingface/export.ts";
import type { TrainedModel } from "./trained.ts";

/**
 * Writes `decoder/` (a `LlamaForCausalLM` with its tokenizer.json), and, as no class of transformers is like them,
 * `vision.safetensors` and `bridge.safetensors` (tensors by their paths) with `bridge.json`, which says what they are.
 */
export const exportTrained = (
  folder: string,
  { writer, bridge, arm, tokenizer }: TrainedModel,
  options: ExportOptions = {},
): Effect.Effect<readonly string[], ExportError> =>
  Effect.gen(function* () {
    const { vision, bridge: bridgeParams, ...decoder } = writer.params as unknown as {
      readonly vision: VitParams<NdArray>;
      readonly bridge: Tree<NdArray>;
    };
    yield* exportDecoder(`${folder}/decoder`, {
      config: writer.decoder,
      params: decoder as unknown as LlamaParams<NdArray>,
    }, options);
    yield* writeJson(`${folder}/decoder/tokenizer.json`, tokenizer.json);
    yield* writeTensors(
      `${folder}/vision.safetensors`,
      arrayTrees.flatten(vision as Tree<NdArray>),
      options.floats,
    );
    yield* writeTensors(`${folder}/bridge.safetensors`, arrayTrees.flatten(bridgeParams), options.floats);
    yield* writeJson(`${folder}/bridge.json`, {
      arm: arm.name,
      bridge,
      vision: visionTower,
    });
    return ["decoder", "vision.safetensors", "bridge.safetensors", "bridge.json"].map((name) =>
      `${folder}/${name}`
    );
  });

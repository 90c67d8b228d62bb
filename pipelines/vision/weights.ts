/** The shipped weights of the encoder: a safetensors file and the manifest of the run that made it. */
import { bindingsOf, type NdArray, type ParameterSpec, type Tree, vitSpecs } from "@chain-of-sight/core";
import type { TreeError, VisionTower, VitParams } from "@chain-of-sight/core";
import * as Effect from "effect/Effect";
import { fileURLToPath } from "node:url";
import type { DiskError } from "../base/disk.ts";
import type { Json } from "../base/hash.ts";
import { writeJson } from "../runs/run_directory.ts";
import { type CheckpointError, open, save } from "../weights/checkpoint.ts";
import { type LazyArray, lazyParams } from "../weights/lazy.ts";
import { visionTower } from "./tower.ts";

/** An encoder's weights. */
export interface VisionWeights {
  /** The encoder, and the blocks whose features are read. */
  readonly tower: VisionTower;
  /** The parameters. */
  readonly params: Tree<LazyArray>;
  /** The sha-256 of their file's content, by which features are cached. */
  readonly hash: string;
}

/** Where the shipped weights are. */
export const shippedWeights = (): string =>
  fileURLToPath(new URL("./weights/vit.safetensors", import.meta.url));

/** Reads an encoder; a file of another encoder is a TreeError. */
export const loadVision = (path: string): Effect.Effect<VisionWeights, CheckpointError | TreeError> =>
  Effect.scoped(Effect.gen(function* () {
    const { arrays, hash } = yield* open(path);
    const params = yield* lazyParams(arrays, vitSpecs(visionTower.config) as Tree<ParameterSpec>);
    return { tower: visionTower, params, hash: hash! };
  }));

/** Writes an encoder as `vit.safetensors` and the manifest of its training as `vit.json` next to it. */
export const saveVision = (
  folder: string,
  params: VitParams<NdArray>,
  manifest: Json,
): Effect.Effect<void, CheckpointError | DiskError> =>
  Effect.gen(function* () {
    const saved = yield* save(`${folder}/vit.safetensors`, bindingsOf("", params as Tree<NdArray>), {
      model: "vit",
    });
    yield* writeJson(`${folder}/vit.json`, {
      ...manifest as object,
      weights: { hash: saved.hash, bytes: saved.bytes },
    });
  });

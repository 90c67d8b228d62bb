/** The frozen encoder as a program: images in, feature levels out. */
import {
  input,
  type NdArray,
  type ParameterSpec,
  placeholders,
  type Tensor,
  type Tree,
  type TreeError,
  type VitParams,
  vitSpecs,
} from "@chain-of-sight/core";
import { compileFor, type Device, type DeviceError, theDevice } from "@chain-of-sight/kernels/portable";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import { encodedViews, type EncoderViews } from "../vision/tower.ts";
import type { VisionWeights } from "../vision/weights.ts";
import { type UploadError, uploadLazies } from "../weights/lazy.ts";

/**
 * Normalised images `[batch, side, side, 3]` to levels `[batch, cells, width]`, shallow first.
 * @internal
 */
export type EncodeImages = (images: NdArray) => Effect.Effect<readonly NdArray[], DeviceError | TreeError>;

/** The encoder on the device for as long as the scope lives, for so many images at a time. */
export const openEncoder = (
  weights: VisionWeights,
  views: EncoderViews,
  batch: number,
): Effect.Effect<EncodeImages, UploadError, Device | Scope.Scope> =>
  Effect.gen(function* () {
    const device = yield* theDevice();
    const images = input("images", [batch, views.side, views.side, 3]);
    const params = placeholders("vit", vitSpecs(weights.tower.config) as Tree<ParameterSpec>);
    const states = encodedViews(weights.tower, views)(params as VitParams<Tensor>, images);
    const names = states.map((_, i) => `level${i}`);
    const outputs = Object.fromEntries(states.map((t, i) => [names[i]!, t]));
    const program = yield* device.load(compileFor(device, { outputs }));
    yield* uploadLazies(program, "vit", weights.params);
    return (images) =>
      Effect.gen(function* () {
        yield* program.write({ images });
        yield* program.run;
        const got = yield* program.read(names);
        return names.map((name) => got[name]!);
      });
  });

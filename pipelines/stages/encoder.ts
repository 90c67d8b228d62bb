/** The encoder as part of a model's state, for stages that train it on images. */
import { type Tree, TreeError, type VisionTower } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { hashOf } from "../base/hash.ts";
import type { VisionWeights } from "../vision/weights.ts";
import type { LazyArray } from "../weights/lazy.ts";
import type { ModelState } from "./model.ts";

type Parts = Readonly<Record<string, Tree<LazyArray>>>;

/** A model with an encoder before it, whose parameters are those under `vision`; an older one is replaced. */
export const withEncoder = (state: ModelState, weights: VisionWeights): ModelState => ({
  ...state,
  params: { ...state.params as Parts, vision: weights.params },
  identity: hashOf({ encoder: weights.hash, before: state.identity }),
});

/** A model without its encoder, and the encoder by itself: features are computed with it, and the model reads them. */
export const apart = (
  state: ModelState,
  tower: VisionTower,
): E.Either<TreeError, { readonly model: ModelState; readonly encoder: VisionWeights }> => {
  const { vision, ...params } = state.params as Parts;
  return vision === undefined
    ? E.left(
      new TreeError({
        op: "apart",
        got: "a model on features",
        expected: "parameters under vision",
        hint: "give the model an encoder with withEncoder, and train it on images",
      }),
    )
    : E.right({
      model: { ...state, params, identity: hashOf({ apart: state.identity }) },
      encoder: { tower, params: vision, hash: hashOf({ encoderOf: state.identity }) },
    });
};

/** Whether a model has an encoder before it. */
export const seesImages = ({ params }: Pick<ModelState, "params">): boolean =>
  (params as Parts).vision !== undefined;

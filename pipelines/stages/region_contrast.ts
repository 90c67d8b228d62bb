/**
 * The objective of the vision stage, region-text contrast: the patch features under an object's box are pooled,
 * projected and compared with a learned embedding of every concept's name; the right name must win a softmax over
 * the vocabulary, at a learned temperature. Names, not sentences, are contrasted: it is CLIP's loss with the text
 * encoder reduced to a table, on regions instead of whole images (as RegionCLIP does, arXiv 2112.09106). A second,
 * small term has a linear map read the object's box from the pooled features, so that they keep where things are.
 * Shapes: b images, n patches, r regions, d channels, e channels of the joint space, c concepts.
 */
import {
  add,
  cast,
  crossEntropy,
  div,
  equal,
  exp,
  type Init,
  linear,
  type LinearParams,
  linearSpecs,
  matmul,
  maximum,
  mul,
  not,
  parameter,
  type ParameterSpec,
  reshape,
  rsqrt,
  sub,
  sum,
  type Tensor,
  transpose,
  truncatedNormal,
} from "@chain-of-sight/core";

/** Parameters of the heads that are dropped after the stage, for one feature level. */
export type RegionHead<A> = {
  /** d -> e. */
  readonly project: LinearParams<A>;
  /** `[c, e]`. */
  readonly names: A;
  /** Logarithm of the inverse temperature, `[]`. */
  readonly scale: A;
  /** d -> 4, the box's edges. */
  readonly place: LinearParams<A>;
};

/** Regions of a batch. */
export interface RegionBatch {
  /** `[b, r, n]`: share of each region's box in every patch. */
  readonly weights: Tensor;
  /** i32 `[b, r]`: concept, -1 where there is no object. */
  readonly concepts: Tensor;
  /** `[b, r, 4]`: edges in shares of the side. */
  readonly boxes: Tensor;
}

/** What a head makes of a batch. */
export interface RegionScore {
  /** Cross entropy over concepts, mean over objects, `[]`. */
  readonly contrast: Tensor;
  /** Mean squared error of box edges, `[]`. */
  readonly place: Tensor;
  /** Objects whose own name scores highest, `[]`. */
  readonly right: Tensor;
  /** Objects, `[]`. */
  readonly count: Tensor;
}

const initialScale: Init = { kind: "fill", value: Math.log(5) };

/** Specifications of one head. */
export const regionHeadSpecs = (d: number, e: number, concepts: number): RegionHead<ParameterSpec> => ({
  project: linearSpecs({ from: d, to: e, bias: false, std: d ** -0.5 }),
  names: parameter([concepts, e], truncatedNormal(e ** -0.5)),
  scale: parameter([], initialScale),
  place: linearSpecs({ from: d, to: 4 }),
});

const unit = (x: Tensor): Tensor => mul(x, rsqrt(add(sum({ axes: [-1], keep: true })(mul(x, x)), 1e-6)));

/** Scores features `[b, n, d]` of one level. */
export const regionScore = (
  head: RegionHead<Tensor>,
  features_bnd: Tensor,
  { weights, concepts, boxes }: RegionBatch,
): RegionScore => {
  const pooled_brd = matmul(features_bnd)(weights);
  const joint_bre = unit(linear(head.project)(pooled_brd));
  const logits_brc = mul(matmul(transpose(unit(head.names)))(joint_bre), exp(head.scale));
  const { mean, count, correct } = crossEntropy(logits_brc, concepts, -1);
  const there_br1 = reshape([...concepts.shape, 1])(cast("f32")(not(equal(concepts, -1))));
  const off_br4 = mul(sub(linear(head.place)(pooled_brd), boxes), there_br1);
  return {
    contrast: mean,
    place: div(sum()(mul(off_br4, off_br4)), mul(maximum(count, 1), 4)),
    right: sum()(correct),
    count,
  };
};

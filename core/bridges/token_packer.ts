/**
 * Region-to-point resampling: TokenPacker (arXiv 2407.02392).
 * Shapes: b images, n regions, k patches of a region, d channels.
 */
import { pipe } from "fp-ts/lib/function.js";
import { ConfigError } from "../errors.ts";
import { attention, mergeHeads, splitHeads } from "../nn/attention.ts";
import { linear, type LinearParams, linearSpecs } from "../nn/linear.ts";
import { layerNorm, type LayerNormParams, layerNormSpecs } from "../nn/norm.ts";
import { windows } from "../nn/patch.ts";
import { resize } from "../nn/resize.ts";
import { concat, reshape } from "../ops/movement.ts";
import { fit, type ParameterSpec } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { type BridgeRule, gridOfSite, inheritUnchanged, type TokenPackerDescription } from "./description.ts";
import { asGrid, asTokens, expectFeatures } from "./features.ts";
import { noGlobal, refuseGrowth } from "./growth.ts";
import { mlp, type MlpParams, mlpSpecs } from "./mlp_layers.ts";

/** Parameters of the bridge. */
export type TokenPackerParams<A> = {
  /** Of the interpolated features, without bias. */
  readonly q_proj: LinearParams<A>;
  /** Of all levels side by side. */
  readonly k_proj: MlpParams<A>;
  /** Of all levels side by side. */
  readonly v_proj: MlpParams<A>;
  /** After each of the three. */
  readonly ln_q: LayerNormParams<A>;
  /** Keys. */
  readonly ln_k: LayerNormParams<A>;
  /** Values. */
  readonly ln_v: LayerNormParams<A>;
  /** The attention's own maps. */
  readonly attn: {
    /** Queries. */
    readonly q: LinearParams<A>;
    /** Keys. */
    readonly k: LinearParams<A>;
    /** Values. */
    readonly v: LinearParams<A>;
    /** Output. */
    readonly out: LinearParams<A>;
  };
  /** d -> h. */
  readonly mlp: MlpParams<A>;
};

const EPS = 1e-6;

const specsOf = (d: number, levels: number, h: number): TokenPackerParams<ParameterSpec> => {
  const square = linearSpecs({ from: d, to: d }), ln = layerNormSpecs(d);
  return {
    q_proj: linearSpecs({ from: d, to: d, bias: false }),
    k_proj: mlpSpecs(levels * d, d),
    v_proj: mlpSpecs(levels * d, d),
    ln_q: ln,
    ln_k: ln,
    ln_v: ln,
    attn: { q: square, k: square, v: square, out: square },
    mlp: mlpSpecs(d, h),
  };
};

const tokensOf =
  (grid: number, region: number, heads: number) =>
  (p: TokenPackerParams<Tensor>, features_bnd: readonly Tensor[]): Tensor => {
    const side = grid / region, deepest = features_bnd.at(-1)!, all = concat(features_bnd, -1);
    const [b, , d] = deepest.shape as [number, number, number], split = splitHeads(heads);
    const points_bn1d = pipe(
      deepest,
      asGrid(grid),
      resize([side, side], { mode: "bilinear", alignCorners: false }),
      asTokens,
      linear(p.q_proj),
      layerNorm(p.ln_q, EPS),
      reshape([b, side * side, 1, d]),
    );
    const regions = (
      proj: MlpParams<Tensor>,
      ln: LayerNormParams<Tensor>,
      map: LinearParams<Tensor>,
    ) => pipe(all, mlp(proj), layerNorm(ln, EPS), windows(region), linear(map), split);
    return pipe(
      attention(
        pipe(points_bn1d, linear(p.attn.q), split),
        regions(p.k_proj, p.ln_k, p.attn.k),
        regions(p.v_proj, p.ln_v, p.attn.v),
      ),
      mergeHeads,
      reshape([b, side * side, d]),
      linear(p.attn.out),
      mlp(p.mlp),
    );
  };

/** The region resampler: a query for each region, which is what its patches look like from afar. */
export const tokenPackerRule: BridgeRule<TokenPackerDescription> = {
  source: "TokenPacker, arXiv 2407.02392, section 3.2; CircleRadon/TokenPacker",
  differences:
    "keys and values read the levels that the encoder gives (the paper's reads four), and heads are " +
    "those of the other bridges (the paper's are 128 channels wide)",
  build: ({ region, levels }, site) => {
    const grid = gridOfSite("token-packer", site), { width, to, heads } = site, side = grid / region;
    if (!Number.isInteger(region) || region < 1 || !Number.isInteger(side)) {
      throw new ConfigError({
        op: "token-packer",
        got: `regions of ${region} on a ${grid} x ${grid} grid`,
        expected: "regions that tile the grid",
        hint: `choose a divisor of ${grid}`,
      });
    }
    const specs = specsOf(width, levels, to),
      expect = expectFeatures("token-packer", { levels, grid, width });
    return {
      name: `token-packer-${side ** 2}`,
      tokens: side ** 2,
      grid,
      levels,
      specs,
      apply: (params, features) =>
        tokensOf(grid, region, heads)(fit("token-packer", specs, params), expect(features)),
    };
  },
  grow: (description, growth) => {
    noGlobal("token-packer", growth);
    const region = description.region * growth.resolution / growth.local;
    if (!Number.isInteger(region)) {
      refuseGrowth(
        "token-packer",
        growth,
        `regions of a whole number of patches, not ${region}`,
        "grow less, or raise the resolution more",
      );
    }
    return { description: { ...description, region }, inherit: inheritUnchanged };
  },
};

/**
 * Convolutions around a pooling: the C-Abstractor of Honeybee (arXiv 2312.06742).
 * Shapes: b images, g side of the grid, d channels, s channels of the squeeze.
 */
import { pipe } from "fp-ts/lib/function.js";
import { positionTable } from "../models/vit.ts";
import { silu } from "../nn/activation.ts";
import { conv2d, type ConvolutionParams, convolutionSpecs } from "../nn/convolution.ts";
import { linear, type LinearParams, linearSpecs } from "../nn/linear.ts";
import { layerNorm, type LayerNormParams, layerNormSpecs } from "../nn/norm.ts";
import { add, mul, sigmoid } from "../ops/elementwise.ts";
import { mean } from "../ops/reduce.ts";
import { fit, parameter, type ParameterSpec, truncatedNormal } from "../parameter.ts";
import type { Tensor } from "../tensor.ts";
import { type BridgeRule, type CAbstractorDescription, gridOfSite, inheritUnchanged } from "./description.ts";
import { asGrid, asTokens, expectFeatures } from "./features.ts";
import { grownSide } from "./growth.ts";
import { mlp, type MlpParams, mlpSpecs } from "./mlp_layers.ts";
import { poolTo, sideOn } from "./pool.ts";

/** A bottleneck block of RegNet (Radosavovic et al. 2020) of equal width throughout. */
export type RegBlockParams<A> = {
  /** 1 x 1, without bias. */
  readonly conv1: LinearParams<A>;
  /** After it. */
  readonly ln_1: LayerNormParams<A>;
  /** 3 x 3 for each channel, without bias. */
  readonly conv2: ConvolutionParams<A>;
  /** After it. */
  readonly ln_2: LayerNormParams<A>;
  /** Squeeze and excitation (Hu et al. 2018), d -> s -> d. */
  readonly se: {
    /** d -> s. */
    readonly fc1: LinearParams<A>;
    /** s -> d. */
    readonly fc2: LinearParams<A>;
  };
  /** 1 x 1, without bias. */
  readonly conv3: LinearParams<A>;
  /** After it. */
  readonly ln_3: LayerNormParams<A>;
};

/** Parameters of the bridge. */
export type CAbstractorParams<A> = {
  /** Position table `[t t, d]`. */
  readonly positions: A;
  /** Blocks before the pooling. */
  readonly before: readonly RegBlockParams<A>[];
  /** Blocks after it. */
  readonly after: readonly RegBlockParams<A>[];
  /** d -> h. */
  readonly mlp: MlpParams<A>;
};

const EPS = 1e-6;

const blockSpecs = (d: number): RegBlockParams<ParameterSpec> => {
  const point = linearSpecs({ from: d, to: d, bias: false }), ln = layerNormSpecs(d);
  const s = Math.max(1, Math.round(d / 4));
  return {
    conv1: point,
    ln_1: ln,
    conv2: convolutionSpecs([3, 3], d, d, { groups: d, bias: false }),
    ln_2: ln,
    se: { fc1: linearSpecs({ from: d, to: s }), fc2: linearSpecs({ from: s, to: d }) },
    conv3: point,
    ln_3: ln,
  };
};

const block = (x_bggd: Tensor, p: RegBlockParams<Tensor>): Tensor => {
  const d = x_bggd.shape[3]!;
  const y_bggd = pipe(
    x_bggd,
    linear(p.conv1),
    layerNorm(p.ln_1, EPS),
    silu,
    conv2d(p.conv2, { padding: 1, groups: d }),
    layerNorm(p.ln_2, EPS),
    silu,
  );
  const gate_b11d = pipe(
    y_bggd,
    mean({ axes: [1, 2], keep: true }),
    linear(p.se.fc1),
    silu,
    linear(p.se.fc2),
    sigmoid,
  );
  return silu(add(pipe(mul(y_bggd, gate_b11d), linear(p.conv3), layerNorm(p.ln_3, EPS)), x_bggd));
};

/** The C-Abstractor: convolutions keep what is local, the pooling gives any number of tokens per side. */
export const cAbstractorRule: BridgeRule<CAbstractorDescription> = {
  source: "Honeybee, arXiv 2312.06742, section 4.2; khanrc/honeybee (depth 3, perceptron of 2 layers)",
  differences:
    "as wide as the features; the position table is interpolated for other grids (theirs is made for " +
    "one); initial weights are truncated normal",
  build: ({ side, depth, table }, site) => {
    const grid = gridOfSite("c-abstractor", site), { width, to } = site;
    sideOn("c-abstractor", side, grid);
    const blocks = Array.from({ length: depth }, () => blockSpecs(width));
    const specs: CAbstractorParams<ParameterSpec> = {
      positions: parameter([table * table, width], truncatedNormal(0.02)),
      before: blocks,
      after: blocks,
      mlp: mlpSpecs(width, to),
    };
    const expect = expectFeatures("c-abstractor", { levels: 1, grid, width });
    return {
      name: `c-abstractor-${side ** 2}`,
      tokens: side ** 2,
      grid,
      levels: 1,
      specs,
      apply: (params, features) => {
        const p = fit("c-abstractor", specs, params);
        const placed_bggd = asGrid(grid)(
          add(expect(features)[0]!, positionTable(p.positions, grid, false)),
        );
        return pipe(
          p.before.reduce(block, placed_bggd),
          poolTo(side),
          (x) => p.after.reduce(block, x),
          asTokens,
          mlp(p.mlp, silu),
        );
      },
    };
  },
  grow: (description, growth) => ({
    description: { ...description, side: grownSide("c-abstractor", description.side, growth) },
    inherit: inheritUnchanged,
  }),
};

/** AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, algorithm 2), in PyTorch's order. */
import { add, cast, div, exp, less, mul, neg, select, sqrt, sub } from "../ops/elementwise.ts";
import { currentOrigin, withOrigin } from "../origin.ts";
import type { Tensor } from "../tensor.ts";
import type { PathPredicate } from "../tree.ts";
import { type LearningRateGroup, learningRateScale, type Optimiser } from "./optimiser.ts";

/** Settings of AdamW. */
export interface AdamWConfig {
  /** Decay rates of the first and second moment; 0.9 and 0.999 by default. */
  readonly betas?: readonly [number, number];
  /** Added to the corrected root; 1e-8 by default. */
  readonly eps?: number;
  /** Decay per step and unit of learning rate, of all parameters or by path; 0.01 by default. */
  readonly weightDecay?: number | ((path: string) => number);
  /** Which parameters decay at all; matrices of linear layers by default (see `decayed`). */
  readonly decay?: PathPredicate;
  /** Learning-rate groups; the first that fits counts. */
  readonly groups?: readonly LearningRateGroup[];
}

/** The usual rule: weights of linear layers decay; norms, biases, queries, embeddings and low-rank maps do not. */
export const decayed = (path: string): boolean => {
  const names = path.split("."), owner = names.at(-2) ?? "";
  return names.at(-1) === "weight" && !/^(ln(_\w+)?|\w*norm\d*|embed_tokens|position_embedding)$/.test(owner);
};

/**
 * `1 - beta^t` for a positive f32 `t`, `[]`. Near 0 it is a series in `t log(1/beta)`: the difference of two numbers
 * close to 1 would keep few digits.
 */
export const oneMinusPower = (beta: number, t: Tensor): Tensor => {
  const x = mul(t, -Math.log(beta));
  // 1 - e^-x = x (1 - x/2 (1 - x/3 (1 - ... )))
  const series = [8, 7, 6, 5, 4, 3, 2].reduce<Tensor | undefined>(
    (inner, k) => sub(1, inner === undefined ? mul(x, 1 / k) : mul(mul(x, 1 / k), inner)),
    undefined,
  )!;
  return select(less(x, 0.5), mul(x, series), sub(1, exp(neg(x))));
};

/** AdamW with slots `m` and `v`; decay is applied to the parameter before the step. */
export const adamw = (config: AdamWConfig = {}): Optimiser => {
  const { betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0.01, decay = decayed, groups = [] } = config;
  const [b1, b2] = betas, here = currentOrigin();
  const decayOf = (path: string): number =>
    !decay(path) ? 0 : typeof weightDecay === "number" ? weightDecay : weightDecay(path);
  return {
    name: "adamw",
    slots: ["m", "v"],
    update: ({ path, param, grad, slots, lr, step }) =>
      withOrigin(here, () => {
        const t = cast("f32")(add(step, 1)), scale = learningRateScale(groups, path);
        const rate = scale === 1 ? lr : mul(lr, scale), shrink = decayOf(path);
        const m = add(mul(slots.m!, b1), mul(grad, 1 - b1));
        const v = add(mul(slots.v!, b2), mul(mul(grad, grad), 1 - b2));
        const shrunk = shrink === 0 ? param : mul(param, sub(1, mul(rate, shrink)));
        const root = add(div(sqrt(v), sqrt(oneMinusPower(b2, t))), eps);
        return {
          param: sub(shrunk, mul(div(rate, oneMinusPower(b1, t)), div(m, root))),
          slots: { m, v },
        };
      }),
  };
};

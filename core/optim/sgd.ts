/** Stochastic gradient descent with momentum, in PyTorch's form. */
import { add, mul, sub } from "../ops/elementwise.ts";
import { type LearningRateGroup, learningRateScale, type Optimiser } from "./optimiser.ts";

/** Settings of gradient descent. */
export interface SgdConfig {
  /** Factor of the buffer of past gradients; 0 (no buffer) by default. */
  readonly momentum?: number;
  /** Learning-rate groups; the first that fits counts. */
  readonly groups?: readonly LearningRateGroup[];
}

/** `buffer = momentum buffer + gradient; param -= lr buffer`; the buffer starts at 0. */
export const sgd = ({ momentum = 0, groups = [] }: SgdConfig = {}): Optimiser => ({
  name: "sgd",
  slots: momentum === 0 ? [] : ["momentum"],
  update: ({ path, param, grad, slots, lr }) => {
    const buffer = slots.momentum === undefined ? grad : add(mul(slots.momentum, momentum), grad);
    const scale = learningRateScale(groups, path), rate = scale === 1 ? lr : mul(lr, scale);
    return {
      param: sub(param, mul(buffer, rate)),
      slots: slots.momentum === undefined ? {} : { momentum: buffer },
    };
  },
});

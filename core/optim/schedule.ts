/** Learning-rate schedules: the same function of the step on numbers and on descriptions. */
import { add, cast, less, maximum, minimum, mul, select, sin, sub } from "../ops/elementwise.ts";
import type { Tensor } from "../tensor.ts";
import { ConfigError } from "../errors.ts";
import { constant } from "../ops/source.ts";

/** A schedule. */
export interface Schedule {
  /** The learning rate of a step, counted from 0. */
  readonly at: (step: number) => number;
  /** The learning rate, f32 `[]`, of a step tensor, i32 `[]`. */
  readonly of: (step: Tensor) => Tensor;
  /** Learning rates before this step are the same for every number of steps altogether: those of a longer training. */
  readonly stableUntil: number;
}

/** Settings of warm-up and cosine. */
export interface WarmupCosineConfig {
  /** Highest rate. */
  readonly peak: number;
  /** Steps of linear rise from 0; step 0 has rate 0 if there are any. */
  readonly warmup: number;
  /** Steps altogether; the rate reaches its floor there. */
  readonly total: number;
  /** Lowest rate after the warm-up; 0 by default. */
  readonly floor?: number;
}

/** Settings of warm-up, stable phase and decay. */
export interface WarmupStableDecayConfig extends WarmupCosineConfig {
  /** Steps of the decay at the end; 0 keeps the highest rate to the end. */
  readonly decay: number;
}

const rising = ({ peak, warmup }: WarmupCosineConfig): number => peak / Math.max(1, warmup);

/**
 * `peak t / warmup`, then `floor + (peak - floor) (1 + cos(pi p)) / 2` for the progress p from 0 to 1
 * (Loshchilov and Hutter 2017). Half of `1 + cos` is written as a squared sine, exact near the end.
 */
export const warmupCosine = ({ peak, warmup, total, floor = 0 }: WarmupCosineConfig): Schedule => {
  if (!(warmup >= 0 && total > warmup && peak >= floor)) {
    throw new ConfigError({
      op: "warmupCosine",
      got: `peak ${peak}, floor ${floor}, warm-up ${warmup} of ${total} steps`,
      expected: "a peak above the floor, and fewer warm-up steps than steps",
      hint: "shorten the warm-up or train longer",
    });
  }
  const rise = rising({ peak, warmup, total }), span = total - warmup;
  return {
    at: (step) => {
      if (step < warmup) return rise * step;
      const left = Math.min(1, Math.max(0, (total - step) / span));
      return floor + (peak - floor) * Math.sin(Math.PI / 2 * left) ** 2;
    },
    of: (step) => {
      const t = cast("f32")(step);
      const left = minimum(maximum(mul(sub(total, t), 1 / span), 0), 1);
      const wave = sin(mul(left, Math.PI / 2));
      const fall = mul(mul(wave, wave), peak - floor);
      return select(less(t, warmup), mul(t, rise), floor === 0 ? fall : add(fall, floor));
    },
    stableUntil: warmup,
  };
};

/**
 * `peak t / warmup`, then `peak`, then linearly to `floor` within the last `decay` steps (WSD: Hu et al. 2024,
 * arXiv 2404.06395; the linear decay is that of Haegele et al. 2024, arXiv 2405.18392). Until the decay begins, a training
 * of more steps is the same training.
 */
export const warmupStableDecay = (config: WarmupStableDecayConfig): Schedule => {
  const { peak, warmup, total, decay, floor = 0 } = config;
  if (!(warmup >= 0 && decay >= 0 && total >= warmup + decay && peak >= floor)) {
    throw new ConfigError({
      op: "warmupStableDecay",
      got: `peak ${peak}, floor ${floor}, warm-up ${warmup} and decay ${decay} of ${total} steps`,
      expected: "a peak above the floor, and a warm-up and a decay that fit into the steps",
      hint: "shorten the warm-up or the decay, or train longer",
    });
  }
  const rise = rising(config), slope = 1 / Math.max(1, decay), fall = peak - floor;
  return {
    at: (step) =>
      step < warmup
        ? rise * step
        : decay === 0
        ? peak
        : floor + fall * Math.min(1, Math.max(0, (total - step) * slope)),
    of: (step) => {
      const t = cast("f32")(step), risen = mul(t, rise);
      if (decay === 0) return select(less(t, warmup), risen, peak);
      const left = minimum(maximum(mul(sub(total, t), slope), 0), 1);
      return select(less(t, warmup), risen, add(mul(left, fall), floor));
    },
    stableUntil: decay === 0 ? Infinity : total - decay,
  };
};

/** The same rate at every step. */
export const constantLearningRate = (rate: number): Schedule => ({
  at: () => rate,
  of: () => constant(rate),
  stableUntil: Infinity,
});

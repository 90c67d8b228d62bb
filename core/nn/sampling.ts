/**
 * Choosing the next token from logits, on the device, so that only its number need be read.
 * Sampling is a race of exponential clocks (the Gumbel-max trick): the largest of `logit - log(E)` with E standard
 * exponential falls on token v with the probability softmax gives it. What top-k (Fan et al. 2018) and the nucleus of
 * top-p (Holtzman et al. 2020, arXiv 1904.09751) leave is all above a threshold, which is found by bisection: no
 * sorting of the vocabulary. The settings are data: one program serves all of them.
 * Shapes: b rows, v vocabulary.
 */
import { add, cast, div, exp, less, lessEqual, log, mul, select, sub } from "../ops/elementwise.ts";
import { argmax, max, sum } from "../ops/reduce.ts";
import { randomBits } from "../ops/random.ts";
import { iota } from "../ops/source.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

/** How tokens are drawn; each a tensor that broadcasts against `[b, v]`. */
export interface Sampling {
  /** Divides the logits, f32, above 0; 1 leaves them as they are. */
  readonly temperature: Tensor;
  /** Only the k most probable tokens, and those equal to the last of them, i32, at least 1. */
  readonly topK: Tensor;
  /**
   * Of those, only the minimum number of most probable ones that hold this share of the probability, f32; 1 keeps all. Among equals
   * the first ones are kept.
   */
  readonly topP: Tensor;
}

/** Below the largest logit by so much, a token is never drawn: its probability is under e^-100. */
const REACH = 100;

/** Halvings of {@link REACH}: fewer than 1e-6 remain, the spacing of f32 numbers near 10. */
const HALVINGS = 27;

/** The most probable token of every row, i32 `[b]`; the first among equals. */
export const greedy = (logits_bv: Tensor): Tensor => argmax()(logits_bv);

/** Standard exponential numbers. Accurate near 0, where a device's logarithm near 1 is not. Data-last. */
export const exponential = (shape: Shape): (key: Tensor) => Tensor => (key: Tensor): Tensor => {
  const u = mul(add(cast("f32")(div(randomBits(shape)(key), 512)), 0.5), 2 ** -23);
  const series = mul(u, add(mul(u, add(mul(u, add(mul(u, 1 / 4), 1 / 3)), 1 / 2)), 1));
  return select(less(u, 2 ** -6), series, mul(log(sub(1, u)), -1));
};

/**
 * The largest threshold found in `[low, high]` at which the elements that reach it are still enough, and the least at
 * which they are not.
 */
const bisect = (
  low: Tensor,
  high: Tensor,
  enough: (threshold: Tensor) => Tensor,
): readonly [enough: Tensor, short: Tensor] =>
  Array.from({ length: HALVINGS }).reduce<readonly [Tensor, Tensor]>(([lo, hi]) => {
    const middle = mul(add(lo, hi), 0.5), ok = enough(middle);
    return [select(ok, middle, lo), select(ok, hi, middle)];
  }, [low, high]);

/**
 * The largest index below which some elements are still not enough, f32 `[b, 1]`, found bit by bit.
 * @param short - whether the elements below an index are too few.
 */
const lastShort = (v: number, short: (index: Tensor) => Tensor, zero: Tensor): Tensor =>
  Array.from({ length: Math.ceil(Math.log2(Math.max(2, v))) }, (_, bit) => bit)
    .reduceRight<Tensor>((index, bit) => {
      const next = add(index, 2 ** bit);
      return select(short(next), next, index);
    }, zero);

/** Whether a token may be drawn, bool `[b, v]`, by top-k and then top-p of logits divided by the temperature. */
export const nucleus = (scaled_bv: Tensor, { topK, topP }: Omit<Sampling, "temperature">): Tensor => {
  const last = { axes: [-1], keep: true }, v = scaled_bv.shape.at(-1)!;
  const top = max(last)(scaled_bv), bottom = sub(top, REACH), above = add(top, 1);
  const reached = (threshold: Tensor) => lessEqual(threshold, scaled_bv);
  const count = (threshold: Tensor) => sum(last)(cast("f32")(reached(threshold)));
  const [amongK] = bisect(bottom, top, (t) => lessEqual(cast("f32")(topK), count(t)));
  const weight_bv = exp(sub(scaled_bv, top));
  const mass = (threshold: Tensor) => sum(last)(select(reached(threshold), weight_bv, 0));
  const wanted = mul(mass(amongK), topP);
  const [amongP, short] = bisect(amongK, above, (t) => lessEqual(wanted, mass(t)));
  // tokens between the two thresholds are equal up to the last halving: of these the first ones that are needed
  const index_1v = cast("f32")(iota([1, v], 1)), missing = sub(wanted, mass(short));
  const tied_bv = select(reached(short), 0, select(reached(amongP), weight_bv, 0));
  const before = (index: Tensor) => sum(last)(select(less(index_1v, index), tied_bv, 0));
  const end = lastShort(v, (index) => less(before(index), missing), mul(missing, 0));
  const kept_bv = select(lessEqual(index_1v, end), reached(amongP), reached(short));
  return select(less(topP, 1), kept_bv, reached(amongK));
};

/** A token of every row drawn with a key (u32 `[2]`), i32 `[b]`. Data-last in the logits. */
export const sample =
  (settings: Sampling, key: Tensor): (logits_bv: Tensor) => Tensor => (logits_bv: Tensor): Tensor => {
    // the largest logit becomes 0, so that no temperature can make it infinite
    const top = max({ axes: [-1], keep: true })(logits_bv);
    const scaled_bv = div(sub(logits_bv, top), settings.temperature);
    const raced_bv = sub(scaled_bv, log(exponential(logits_bv.shape)(key)));
    return argmax()(select(nucleus(scaled_bv, settings), raced_bv, -3e38));
  };

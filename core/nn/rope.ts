/**
 * Rotary position embedding (Su et al. 2021, section 3.2.2), in the rotate-half form of LLaMA.
 * Shapes: b any leading axes, t positions, d channels of a head, e = d / 2 pairs.
 */
import { ConfigError } from "../errors.ts";
import { add, cast, clamp, cos, div, equal, floor, mod, mul, select, sin, sub } from "../ops/elementwise.ts";
import { concat, reshape, sliceAxis } from "../ops/movement.ts";
import { constant, iota } from "../ops/source.ts";
import { together } from "../origin.ts";
import type { Tensor } from "../tensor.ts";

/** How frequencies change for texts longer than those of the training. */
export type RopeScaling =
  /** Every frequency divided by the factor: positions are interpolated (Chen et al. 2023). */
  | { readonly kind: "linear"; readonly factor: number }
  /**
   * Beyond `trained` positions, the base grows with the length of the text so that the longest wavelength is stretched
   * by `factor length / trained - factor + 1` and the shortest not at all ("NTK-aware", as in `transformers`).
   */
  | { readonly kind: "dynamic"; readonly factor: number; readonly trained: number }
  /**
   * Llama 3.1: frequencies that turn fewer than `low` times within `trained` positions are divided by the factor, those
   * that turn more than `high` times stay, and between them the two are mixed linearly.
   */
  | {
    readonly kind: "llama3";
    readonly factor: number;
    readonly low: number;
    readonly high: number;
    readonly trained: number;
  };

/** Options of the rotation. */
export interface RopeOptions {
  /** Base of the wavelengths; 10000 by default. */
  readonly theta?: number;
  /** Change of the frequencies; none by default. */
  readonly scaling?: RopeScaling;
  /** Length of the whole text, for dynamic scaling; the last position of the tables by default. */
  readonly length?: number;
  /** Position of the first row; 0 by default. A tensor of shape `[]`, i32, where it changes between runs. */
  readonly offset?: number | Tensor;
}

/** Cosines and sines of every position and pair, each `[t, e]`. */
export interface RopeTables {
  /** Cosines, `[t, e]`. */
  readonly cos_te: Tensor;
  /** Sines, `[t, e]`. */
  readonly sin_te: Tensor;
}

/**
 * `ratio^i` for i = 0 .. n - 1, `[n]`, by the bits of i: the factors are constants rounded once, where a device's
 * own power function would lose digits.
 */
export const geometric = (ratio: number, n: number): Tensor => {
  const index = iota([n], 0), bits = Math.ceil(Math.log2(Math.max(2, n)));
  return Array.from({ length: bits }, (_, b) => {
    const odd = equal(mod(div(index, 2 ** b), 2), 1);
    return select(odd, constant(ratio ** (2 ** b)), 1);
  }).reduce((a, f) => mul(a, f));
};

// 2 pi in three parts, of which the first two have so few bits that whole multiples of them are exact
const TURN = [6.28125, 0.0019353032112121582, 3.9682601625e-9] as const;

/** An angle in radians less its whole turns: devices evaluate sine and cosine well only near 0. */
export const reduceAngle = (angle: Tensor): Tensor => {
  const turns = floor(add(mul(angle, 1 / (2 * Math.PI)), 0.5));
  return TURN.reduce((rest, part) => sub(rest, mul(turns, part)), angle);
};

/** Angles per position of every pair, `[e]`, for heads of `d` channels and a text of `length` positions. */
export const ropeFrequencies = (
  d: number,
  theta: number,
  scaling: RopeScaling | undefined,
  length: number,
): Tensor => {
  const plain = (base: number): Tensor => geometric(base ** (-2 / d), d / 2);
  switch (scaling?.kind) {
    case undefined:
      return plain(theta);
    case "linear":
      return mul(plain(theta), 1 / scaling.factor);
    case "dynamic": {
      const { factor, trained } = scaling, stretch = factor * Math.max(1, length / trained) - factor + 1;
      return plain(d > 2 ? theta * stretch ** (d / (d - 2)) : theta);
    }
    case "llama3": {
      const { factor, low, high, trained } = scaling, frequency_e = plain(theta);
      // the share of the unchanged frequency: 0 below `low` turns within the trained length, 1 above `high`
      const turns_e = mul(frequency_e, trained / (2 * Math.PI));
      const share_e = clamp(0, 1)(mul(sub(turns_e, low), 1 / (high - low)));
      return mul(frequency_e, add(mul(share_e, 1 - 1 / factor), 1 / factor));
    }
  }
};

const lengthOf = (t: number, { scaling, length, offset = 0 }: RopeOptions): number => {
  if (length !== undefined) return length;
  if (typeof offset === "number") return t + offset;
  if (scaling?.kind !== "dynamic") return t;
  throw new ConfigError({
    op: "rope",
    got: "dynamic scaling at a position that is known only at run time",
    expected: "the length of the whole text",
    hint: "give the tables a length, such as that of the cache",
  });
};

/**
 * Tables for `t` positions and heads of `d` channels: angle `(t + offset) theta^(-2 i / d)`, with the frequency scaled
 * as the options say.
 * @throws {ConfigError} for an odd `d`, or dynamic scaling without a known length.
 */
export const ropeTables = (t: number, d: number, options: RopeOptions = {}): RopeTables =>
  together(() => {
    const { theta = 10000, offset = 0, scaling } = options;
    if (d % 2 !== 0) {
      throw new ConfigError({
        op: "rope",
        got: `${d} channels per head`,
        expected: "an even number",
        hint: "change the width or the number of heads",
      });
    }
    const position = cast("f32")(add(iota([t, 1], 0), offset));
    const angle_te = mul(
      position,
      reshape([1, d / 2])(ropeFrequencies(d, theta, scaling, lengthOf(t, options))),
    );
    const near = reduceAngle(angle_te);
    return { cos_te: cos(near), sin_te: sin(near) };
  });

/** Rotates the pairs `(x[i], x[i + d/2])` of `[..., t, d]`. Data-last. */
export const rope = ({ cos_te, sin_te }: RopeTables): (x_btd: Tensor) => Tensor => (x_btd: Tensor): Tensor =>
  together(() => {
    const e = x_btd.shape.at(-1)! / 2;
    const first = sliceAxis(-1, 0, e)(x_btd), second = sliceAxis(-1, e, 2 * e)(x_btd);
    return concat(
      [
        sub(mul(first, cos_te), mul(second, sin_te)),
        add(mul(second, cos_te), mul(first, sin_te)),
      ],
      x_btd.shape.length - 1,
    );
  });

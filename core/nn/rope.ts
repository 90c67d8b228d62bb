/**
 * Rotary position embedding (Su et al. 2021, section 3.2.2), in the rotate-half form of LLaMA.
 * Shapes: b any leading axes, t positions, d channels of a head, e = d / 2 pairs.
 */
import { ConfigError } from "../errors.ts";
import { add, cast, cos, div, equal, floor, mod, mul, select, sin, sub } from "../ops/elementwise.ts";
import { concat, reshape, sliceAxis } from "../ops/movement.ts";
import { constant, iota } from "../ops/source.ts";
import type { Tensor } from "../tensor.ts";

/** Options of the rotation. */
export interface RopeOptions {
  /** Base of the wavelengths; 10000 by default. */
  readonly theta?: number;
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
export const withinTurn = (angle: Tensor): Tensor => {
  const turns = floor(add(mul(angle, 1 / (2 * Math.PI)), 0.5));
  return TURN.reduce((rest, part) => sub(rest, mul(turns, part)), angle);
};

/** Tables for `t` positions and heads of `d` channels: angle `(t + offset) theta^(-2 i / d)`. */
export const ropeTables = (t: number, d: number, options: RopeOptions = {}): RopeTables => {
  const { theta = 10000, offset = 0 } = options;
  if (d % 2 !== 0) {
    throw new ConfigError({
      op: "rope",
      got: `${d} channels per head`,
      expected: "an even number",
      mend: "change the width or the number of heads",
    });
  }
  const position = cast("f32")(add(iota([t, 1], 0), offset));
  const angle_te = mul(position, reshape([1, d / 2])(geometric(theta ** (-2 / d), d / 2)));
  const near = withinTurn(angle_te);
  return { cos_te: cos(near), sin_te: sin(near) };
};

/** Rotates the pairs `(x[i], x[i + d/2])` of `[..., t, d]`. Data-last. */
export const rope =
  ({ cos_te, sin_te }: RopeTables): (x_btd: Tensor) => Tensor => (x_btd: Tensor): Tensor => {
    const e = x_btd.shape.at(-1)! / 2;
    const first = sliceAxis(-1, 0, e)(x_btd), second = sliceAxis(-1, e, 2 * e)(x_btd);
    return concat(
      [
        sub(mul(first, cos_te), mul(second, sin_te)),
        add(mul(second, cos_te), mul(first, sin_te)),
      ],
      x_btd.shape.length - 1,
    );
  };

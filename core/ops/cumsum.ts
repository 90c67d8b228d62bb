/** Running sums along an axis. */
import type { Tensor } from "../tensor.ts";
import { fromLast, toLast } from "./along.ts";
import { add, lessEqual, select } from "./elementwise.ts";
import { broadcastTo, flip, pad, reshape, sliceAxis } from "./movement.ts";
import { sum } from "./reduce.ts";
import { iota } from "./source.ts";

/** Which elements a running sum counts. */
export interface CumsumOptions {
  /** Without the element itself; false by default. */
  readonly exclusive?: boolean;
  /** From the end toward the front; false by default. */
  readonly reverse?: boolean;
}

/** Longer axes are summed in blocks: n (block + blocks / block) additions rather than n^2. */
const LONGEST = 256;

const none = (x: Tensor): number[] => x.shape.map(() => 0);
const atLast = (x: Tensor, n: number): number[] => none(x).with(-1, n);

/** Every element after its own place is left out, not multiplied by 0, so that NaN does not run backward. */
const direct = (x: Tensor): Tensor => {
  const n = x.shape.at(-1)!, lead = x.shape.slice(0, -1);
  const all = broadcastTo([...lead, n, n])(reshape([...lead, 1, n])(x));
  return sum({ axes: [-1] })(select(lessEqual(iota([1, n], 1), iota([n, 1], 0)), all, 0));
};

/** One place to the end; 0 comes in. */
const shifted = (x: Tensor): Tensor => sliceAxis(-1, 0, x.shape.at(-1)!)(pad(atLast(x, 1), none(x))(x));

const running = (x: Tensor): Tensor => {
  const n = x.shape.at(-1)!, lead = x.shape.slice(0, -1);
  if (n <= LONGEST) return direct(x);
  const block = 2 ** Math.ceil(Math.log2(n) / 2), blocks = Math.ceil(n / block);
  const within = direct(reshape([...lead, blocks, block])(pad(none(x), atLast(x, blocks * block - n))(x)));
  const totals = reshape([...lead, blocks])(sliceAxis(-1, block - 1, block)(within));
  const before = reshape([...lead, blocks, 1])(shifted(running(totals)));
  return sliceAxis(-1, 0, n)(reshape([...lead, blocks * block])(add(within, before)));
};

/** Running sum along an axis (the last by default): element i is the sum of elements 0 to i. Data-last. */
export const cumsum =
  (axis = -1, { exclusive = false, reverse = false }: CumsumOptions = {}): (x: Tensor) => Tensor =>
  (x: Tensor): Tensor => {
    const last = toLast(axis)(x), turn = reverse ? flip([-1]) : (t: Tensor) => t;
    const sums = running(turn(last));
    return fromLast(axis)(turn(exclusive ? shifted(sums) : sums));
  };

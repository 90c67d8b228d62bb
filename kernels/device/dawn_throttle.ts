/**
 * Throttles Dawn's polling of the device. Dawn polls through `setImmediate` as fast as the event loop
 * turns, with a new native function each time; Deno collects many of those in quadratic time, which stops the process
 * for seconds. So only the first polls of a wait run at once, and later ones a millisecond apart.
 */

/** Questions that may be asked without a pause, and come back one a millisecond. */
const LIMIT = 64;

type Immediate = (run: (...args: unknown[]) => void, ...args: unknown[]) => unknown;

const isNative = (f: unknown): boolean =>
  typeof f === "function" && Function.prototype.toString.call(f).includes("[native code]");

/** A `setImmediate` that lets native functions through at a pace, and all others as they come. */
export const throttled = (
  now: () => number,
  atOnce: Immediate,
  later: (run: (...args: unknown[]) => void, ms: number, ...args: unknown[]) => unknown,
): Immediate => {
  let left = LIMIT, last = now();
  return (run, ...args) => {
    if (!isNative(run)) return atOnce(run, ...args);
    const at = now();
    left = Math.min(LIMIT, left + at - last);
    last = at;
    if (left < 1) return later(run, 1, ...args);
    left--;
    return atOnce(run, ...args);
  };
};

const isPaced = Symbol.for("chain-of-sight.paced");

/** Paces the process's `setImmediate`, once. */
export const throttleDawn = (): void => {
  const here = globalThis as unknown as { setImmediate: Immediate & { [isPaced]?: true } };
  if (here.setImmediate[isPaced]) return;
  const slow = throttled(
    () => performance.now(),
    here.setImmediate,
    setTimeout as unknown as Parameters<typeof throttled>[2],
  );
  here.setImmediate = Object.assign(slow, { [isPaced]: true as const });
};

/** Paired timing: both sides in turn, ratios round by round, medians and spread. */
import type { Prepared } from "./rival.ts";

/** One case compared. */
export interface Comparison {
  /** The case. */
  readonly name: string;
  /** Median seconds of one evaluation of ours. */
  readonly ours: number;
  /** Median seconds of one evaluation of the rival's. */
  readonly rival: number;
  /** Rival's time over ours, round by round: median, least, greatest. */
  readonly speedup: readonly [median: number, least: number, greatest: number];
  /** Our floating-point operations per second, 0 where bytes are what counts. */
  readonly rate: number;
}

const median = (xs: readonly number[]): number => [...xs].sort((a, b) => a - b)[xs.length >> 1]!;

/** Seconds of one evaluation: the difference of a long and a short series, so that the wait cancels out. */
const once = async (run: Prepared, n: number): Promise<number> => {
  const time = async (k: number) => {
    const t = performance.now();
    await run(k);
    return (performance.now() - t) / 1000;
  };
  const short = await time(1), long = await time(1 + n);
  return Math.max(1e-6, (long - short) / n);
};

/** Compares two prepared cases. */
export const compare = async (
  name: string,
  flops: number,
  ours: Prepared,
  rival: Prepared,
  rounds: number,
): Promise<Comparison> => {
  for (const run of [ours, rival]) await run(2);
  const first = await once(ours, 2), n = Math.max(2, Math.min(50, Math.ceil(0.3 / first)));
  const a: number[] = [], b: number[] = [];
  for (let i = 0; i < rounds; i++) {
    a.push(await once(ours, n));
    b.push(await once(rival, n));
  }
  const ratios = a.map((x, i) => b[i]! / x);
  return {
    name,
    ours: median(a),
    rival: median(b),
    speedup: [median(ratios), Math.min(...ratios), Math.max(...ratios)],
    rate: flops / median(a),
  };
};

/** Comparisons as lines of text. */
export const tableOf = (rows: readonly Comparison[]): string =>
  rows.map((r) =>
    `${r.name.padEnd(40)} ours ${(r.ours * 1e3).toFixed(2).padStart(9)} ms  rival ${
      (r.rival * 1e3).toFixed(2).padStart(9)
    } ms  speed-up ${r.speedup.map((x) => x.toFixed(2)).join(" / ")}${
      r.rate > 0 ? `  ${(r.rate / 1e9).toFixed(1)} GFLOP/s` : ""
    }`
  ).join("\n");

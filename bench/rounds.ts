/** Paired timing: every round times each side once, so that what the machine does meanwhile falls on all. */
import type { Prepared } from "./opponents/opponent.ts";
import { type Spread, spreadOf } from "./spread.ts";

/** One side of a comparison. */
export interface Side<K> {
  /** Who. */
  readonly who: K;
  /** The timed work. */
  readonly prepared: Prepared;
}

/** Result of the rounds of one side. */
interface Timed<K> {
  /** Who. */
  readonly who: K;
  /** Evaluations between two waits. */
  readonly series: number;
  /** Milliseconds of one evaluation. */
  readonly ms: Spread;
  /** Its time over the first side's, round by round. */
  readonly ratio: Spread;
}

/** How long to time. */
export interface RoundOptions {
  /** Rounds. */
  readonly rounds: number;
  /** Milliseconds that a series should take, so that one wait for the device is a small part of it. */
  readonly seriesMs: number;
}

const MAX_IN_SERIES = 32;

const timed = async (run: () => Promise<void>): Promise<number> => {
  const began = performance.now();
  await run();
  return performance.now() - began;
};

/** Evaluations of a series, from the time of one that is warm. */
const seriesOf = async ({ run }: Prepared, aim: number): Promise<number> => {
  await run(1);
  const ms = Math.min(await timed(() => run(1)), await timed(() => run(1)));
  return Math.max(1, Math.min(MAX_IN_SERIES, Math.round(aim / ms)));
};

/** Times the sides in turn; who goes first changes from round to round. */
export const timeRounds = async <K>(
  sides: readonly Side<K>[],
  { rounds, seriesMs }: RoundOptions,
): Promise<readonly Timed<K>[]> => {
  const series: number[] = [];
  for (const { prepared } of sides) series.push(await seriesOf(prepared, seriesMs));
  const times = sides.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < sides.length; turn++) {
      const i = (round + turn) % sides.length, n = series[i]!;
      times[i]!.push(await timed(() => sides[i]!.prepared.run(n)) / n);
    }
  }
  return sides.map(({ who }, i) => ({
    who,
    series: series[i]!,
    ms: spreadOf(times[i]!),
    ratio: spreadOf(times[i]!.map((ms, round) => ms / times[0]![round]!)),
  }));
};

/** The largest difference of results, as a part of the largest number among those expected; NaN counts as infinite. */
export const disagreement = (
  got: readonly ArrayLike<number>[],
  expected: readonly ArrayLike<number>[],
): number => {
  if (got.length !== expected.length) return Infinity;
  let worst = 0;
  for (let r = 0; r < got.length; r++) {
    const a = got[r]!, b = expected[r]!;
    if (a.length !== b.length) return Infinity;
    let most = 0, apart = 0;
    for (let i = 0; i < b.length; i++) {
      const d = Math.abs(a[i]! - b[i]!);
      if (!(d <= apart)) apart = Number.isNaN(d) ? Infinity : d;
      most = Math.max(most, Math.abs(b[i]!));
    }
    worst = Math.max(worst, apart / Math.max(most, 1e-30));
  }
  return worst;
};

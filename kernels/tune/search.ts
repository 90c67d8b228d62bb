/**
 * The search for a schedule: from several starts, axis by axis, each by successive halving; the winner is kept only if
 * it beats what runs untuned in a paired comparison. Knows no device: how long a schedule takes is given.
 */
import * as Effect from "effect/Effect";
import type { Schedule } from "../schedule/schedule.ts";
import type { Space } from "../schedule/space.ts";

/** A measurement that was made before. */
export const measured = <A, E = never, R = never>(value: A): Effect.Effect<A, E, R> => Effect.succeed(value);

/** How schedules are measured. */
export interface Measurements<E, R> {
  /** Seconds under a schedule, from so many repeats; Infinity for one that the device refuses. */
  readonly seconds: (s: Schedule, repeats: number) => ReturnType<typeof measured<number, E, R>>;
  /** Seconds under two schedules, taken in turns. */
  readonly paired: (
    a: Schedule,
    b: Schedule,
  ) => ReturnType<typeof measured<readonly (readonly [number, number])[], E, R>>;
  /** Whether there is time for another measurement. */
  readonly timeLeft: ReturnType<typeof measured<boolean>>;
}

/** Findings of a search. */
export interface Found {
  /** The schedule to use: the untuned one unless another is surely better. */
  readonly schedule: Schedule;
  /** Its time over that of the untuned one; 1 for the untuned one. */
  readonly ratio: number;
  /** How many schedules were measured. */
  readonly tried: number;
  /** Whether nothing was left out for want of time. */
  readonly complete: boolean;
}

/** Most of the untuned time that a schedule may take in the middle of its comparisons. */
const MEDIAN = 0.97;

/** Maximum chance that a schedule which is only as fast would win as many comparisons. */
const BY_CHANCE = 0.035;

/** What is this much slower than the best is not measured again. */
const HOPELESS = 1.5;

/** Maximum number of rounds over all axes. */
const ROUNDS = 2;

const sorted = (values: readonly number[]): readonly number[] => values.toSorted((a, b) => a - b);

/** The middle of some numbers; the higher one of two. */
export const middle = (values: readonly number[]): number => sorted(values)[values.length >> 1] ?? Infinity;

/** Chance of at least `wins` heads among `n` coins. */
const chanceOf = (wins: number, n: number): number => {
  let ways = 1, sum = 0;
  for (let i = 0; i <= n; i++) {
    if (i >= wins) sum += ways;
    ways = ways * (n - i) / (i + 1);
  }
  return sum / 2 ** n;
};

/**
 * Whether a schedule may take the place of the untuned one, from its times over those of the other, taken in turns:
 * faster by 3 % in the middle, and in so many of them that one as fast would hardly do it by chance: five of five, or
 * eight of nine. One that is slower by 5 % does so once in a thousand times where measurements differ by 10 %.
 */
export const significantlyFaster = (ratios: readonly number[]): boolean =>
  ratios.every((r) => r > 0 && Number.isFinite(r)) && middle(ratios) <= MEDIAN &&
  chanceOf(ratios.filter((r) => r < 1).length, ratios.length) <= BY_CHANCE;

/** Of schedules with their times the better half, without those that are far from the best. */
export const survivors = <T>(timed: readonly (readonly [T, number])[]): readonly T[] => {
  const ranked = timed.filter(([, t]) => Number.isFinite(t)).toSorted(([, a], [, b]) => a - b);
  const best = ranked[0]?.[1] ?? Infinity;
  return ranked.slice(0, Math.ceil(timed.length / 2)).filter(([, t]) => t <= HOPELESS * best).map(([s]) => s);
};

/** The best schedule of a space that time allows to find. */
export const searchSpace = <E, R>(
  { standard, starts, axes }: Space,
  { seconds, paired, timeLeft }: Measurements<E, R>,
): Effect.Effect<Found, E, R> =>
  Effect.gen(function* () {
    const tried = new Set<string>([JSON.stringify(standard)]);
    let complete = true;
    const halve = (field: readonly Schedule[]) =>
      Effect.gen(function* () {
        let left = field;
        for (let repeats = 1; left.length > 1; repeats *= 2) {
          const timed: (readonly [Schedule, number])[] = [];
          for (const s of left) {
            if (!(yield* timeLeft)) break;
            tried.add(JSON.stringify(s));
            timed.push([s, yield* seconds(s, repeats)]);
          }
          if (timed.length < left.length) {
            // the best of a first round that was cut short, or of the last whole one
            complete = false;
            return repeats === 1 ? survivors(timed)[0] ?? left[0]! : left[0]!;
          }
          left = survivors(timed);
        }
        return left[0] ?? field[0]!;
      });
    let best = yield* halve([standard, ...starts]);
    for (let round = 0, moved = true; moved && round < ROUNDS; round++) {
      moved = false;
      for (const axis of axes) {
        const others = axis.from(best).filter((s) => round === 0 || !tried.has(JSON.stringify(s)));
        if (others.length === 0) continue;
        if (!(yield* timeLeft)) {
          complete = false;
          break;
        }
        const next = yield* halve([best, ...others]);
        moved ||= next !== best;
        best = next;
      }
    }
    const untuned = { schedule: standard, ratio: 1, tried: tried.size, complete };
    if (JSON.stringify(best) === JSON.stringify(standard)) return untuned;
    // without this comparison nothing is kept, so it is made even when time is over
    const ratios = (yield* paired(best, standard)).map(([a, b]) => a / b);
    return significantlyFaster(ratios)
      ? { schedule: best, ratio: middle(ratios), tried: tried.size, complete }
      : untuned;
  });

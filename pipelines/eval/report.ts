/** Text of a score: named numbers. */
import type { Answered, BenchmarkRecord } from "../records/records.ts";

/** The numbers of one benchmark. */
export interface ScoreReport {
  /** Number of answers. */
  readonly n: number;
  /** Name of the number that papers report. */
  readonly main: string;
  /**
   * All numbers by name, a part after a slash (`accuracy/number`). Shares are 0 to 1; MME's are points, CIDEr-D is 0 to
   * 10, a distance of GQA's distributions has no upper end.
   */
  readonly values: Readonly<Record<string, number>>;
}

/** A function that gives one answer's credit, 0 to 1. */
export type Credit<R extends BenchmarkRecord> = (record: R, answer: string) => number;

/** A function that scores answers. */
export type Scores<R extends BenchmarkRecord> = (answered: readonly Answered<R>[]) => ScoreReport;

/** The mean; 0 of nothing. */
export const mean = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((a, b) => a + b, 0) / values.length;

/** `a / b`; 0 where b is 0. */
export const ratio = (a: number, b: number): number => b === 0 ? 0 : a / b;

/** The share of the items that are something; 0 of nothing. */
export const share = <A>(items: readonly A[], is: (item: A) => boolean): number =>
  ratio(items.filter(is).length, items.length);

/** The items by a key, keys in order of appearance; items without a key are left out. */
export const groupBy = <A>(
  items: readonly A[],
  key: (item: A) => string | undefined,
): ReadonlyMap<string, readonly A[]> => {
  const groups = new Map<string, A[]>();
  for (const item of items) {
    const k = key(item);
    if (k === undefined) continue;
    const group = groups.get(k);
    if (group === undefined) groups.set(k, [item]);
    else group.push(item);
  }
  return groups;
};

/** Means of a number by key, named `prefix/key`, keys sorted. */
export const meansBy = <A>(
  prefix: string,
  items: readonly A[],
  key: (item: A) => string | undefined,
  value: (item: A) => number,
): Readonly<Record<string, number>> => {
  const groups = groupBy(items, key);
  return Object.fromEntries(
    [...groups.keys()].toSorted().map((k) => [`${prefix}/${k}`, mean(groups.get(k)!.map(value))]),
  );
};

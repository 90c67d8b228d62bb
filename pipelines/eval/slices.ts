/** A score over parts of the questions: by the size of the object in question, by template. */
import type { Answered, BenchmarkRecord } from "./records.ts";
import { type Credit, groupBy, mean } from "./report.ts";

/** The mean credit over some questions. */
export interface PartScore {
  /** What they have in common. */
  readonly name: string;
  /** Number of questions. */
  readonly n: number;
  /** Mean credit, 0 to 1. */
  readonly value: number;
}

const sliced = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  key: (record: R) => string,
): ReadonlyMap<string, PartScore> =>
  new Map(
    [...groupBy(answered, ({ record }) => key(record))].map(([name, items]) => [
      name,
      { name, n: items.length, value: mean(items.map(({ record, answer }) => credit(record, answer))) },
    ]),
  );

/** One bound between sizes. */
export interface SizeEdge {
  /** Name of the sizes below it and from the edge before. */
  readonly name: string;
  /** Share of the picture, exclusive. */
  readonly below: number;
}

/** COCO's sizes (32 and 96 pixels squared) as shares of a picture of 640 x 480. */
export const cocoSizes: readonly SizeEdge[] = [
  { name: "small", below: 32 ** 2 / (640 * 480) },
  { name: "medium", below: 96 ** 2 / (640 * 480) },
  { name: "large", below: Infinity },
];

/**
 * Credit by size of the object, in the order of the edges; questions whose size is not known come last as `unknown`.
 * Sizes without a question are left out.
 */
export const byObjectSize = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  edges: readonly SizeEdge[] = cocoSizes,
): readonly PartScore[] => {
  const nameOf = ({ objectArea }: R): string =>
    objectArea === undefined ? "unknown" : edges.find(({ below }) => objectArea < below)?.name ?? "beyond";
  const slices = sliced(answered, credit, nameOf);
  return [...edges.map(({ name }) => name), "beyond", "unknown"].flatMap((name) => {
    const slice = slices.get(name);
    return slice === undefined ? [] : [slice];
  });
};

/** Credit by template, names sorted; questions without one come as `unnamed`. */
export const byTemplate = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
): readonly PartScore[] =>
  [...sliced(answered, credit, ({ template }) => template ?? "unnamed").values()]
    .toSorted((a, b) => a.name < b.name ? -1 : 1);

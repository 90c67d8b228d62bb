/** A score over parts of the questions: by the size of the object in question, by template. */
import { bootstrap, type BootstrapOptions, type Interval } from "./bootstrap.ts";
import type { Answered, BenchmarkRecord } from "./records.ts";
import { type Credit, groupBy, ratio } from "./report.ts";

/** The mean credit over some questions, with its interval; pictures are drawn, each with its questions. */
export interface PartScore extends Interval {
  /** What they have in common. */
  readonly name: string;
  /** Number of questions. */
  readonly n: number;
}

/** The credits of the questions about one picture. */
interface Total {
  readonly sum: number;
  readonly n: number;
}

/** Credits summed by picture: what intervals draw from, since answers about one picture are not independent. */
export const byImage = (
  answered: readonly Answered[],
  values: readonly number[],
): readonly Total[] => {
  const rows = answered.map(({ record }, i) => ({
    image: record.image ?? `without ${record.id}`,
    value: values[i]!,
  }));
  return [...groupBy(rows, ({ image }) => image).values()].map((items) => ({
    sum: items.reduce((sum, { value }) => sum + value, 0),
    n: items.length,
  }));
};

/** The mean credit of some pictures' questions. */
export const meanCredit = (totals: readonly Total[]): number =>
  ratio(totals.reduce((sum, t) => sum + t.sum, 0), totals.reduce((n, t) => n + t.n, 0));

const sliced = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  key: (record: R) => string,
  options: BootstrapOptions,
): ReadonlyMap<string, PartScore> =>
  new Map(
    [...groupBy(answered, ({ record }) => key(record))].map(([name, items]) => {
      const values = items.map(({ record, answer }) => credit(record, answer));
      return [name, { name, n: items.length, ...bootstrap(byImage(items, values), meanCredit, options) }];
    }),
  );

/** One bound between sizes. */
export interface SizeEdge {
  /** Name of the sizes below it and from the edge before. */
  readonly name: string;
  /** In the unit of the scale, exclusive. */
  readonly below: number;
}

/** A way of telling sizes apart. */
export interface SizeScale {
  /** What is measured of a question: the share of the picture that its object covers, or its longer side in pixels. */
  readonly measure: "objectArea" | "objectSide";
  /** Bounds in rising order. */
  readonly edges: readonly SizeEdge[];
}

/** COCO's sizes (32 and 96 pixels squared) as shares of a picture of 640 x 480. */
export const cocoSizes: SizeScale = {
  measure: "objectArea",
  edges: [
    { name: "small", below: 32 ** 2 / (640 * 480) },
    { name: "medium", below: 96 ** 2 / (640 * 480) },
    { name: "large", below: Infinity },
  ],
};

/** Sizes of objects in scenes, by their longer side in pixels of the master picture. */
export const sceneSizes: SizeScale = {
  measure: "objectSide",
  edges: [
    { name: "under 16 px", below: 16 },
    { name: "16 to 24 px", below: 24 },
    { name: "24 to 40 px", below: 40 },
    { name: "40 to 80 px", below: 80 },
    { name: "from 80 px", below: Infinity },
  ],
};

/**
 * Credit by size of the object, in the order of the edges; questions whose size is not known come last as `unknown`.
 * Sizes without a question are left out.
 */
export const byObjectSize = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  { measure, edges }: SizeScale = cocoSizes,
  options: BootstrapOptions = {},
): readonly PartScore[] => {
  const nameOf = ({ [measure]: size }: R): string =>
    size === undefined ? "unknown" : edges.find(({ below }) => size < below)?.name ?? "beyond";
  const slices = sliced(answered, credit, nameOf, options);
  return [...edges.map(({ name }) => name), "beyond", "unknown"].flatMap((name) => {
    const slice = slices.get(name);
    return slice === undefined ? [] : [slice];
  });
};

/** Credit by template, names sorted; questions without one come as `unnamed`. */
export const byTemplate = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  options: BootstrapOptions = {},
): readonly PartScore[] =>
  [...sliced(answered, credit, ({ template }) => template ?? "unnamed", options).values()]
    .toSorted((a, b) => a.name < b.name ? -1 : 1);

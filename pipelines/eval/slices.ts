/** A score over parts of the questions: by the size of the object in question, by template. */
import { bootstrap, type BootstrapOptions, type Interval, pairedDifference } from "../base/bootstrap.ts";
import { type Answered, type BenchmarkRecord, imageKey } from "../records/records.ts";
import { type Credit, groupBy, ratio } from "./report.ts";

/** The mean credit over some questions, with its interval; images are drawn, each with its questions. */
export interface PartScore extends Interval {
  /** Common parts of they. */
  readonly name: string;
  /** Number of questions. */
  readonly n: number;
}

/** The credits of the questions about one image. */
interface Total {
  readonly sum: number;
  readonly n: number;
}

/** Credits summed by image: what intervals draw from, since answers about one image are not independent. */
export const byImage = (
  answered: readonly Answered[],
  values: readonly number[],
): readonly Total[] => {
  const rows = answered.map(({ record }, i) => ({
    image: imageKey(record) ?? `without ${record.id}`,
    value: values[i]!,
  }));
  return [...groupBy(rows, ({ image }) => image).values()].map((items) => ({
    sum: items.reduce((sum, { value }) => sum + value, 0),
    n: items.length,
  }));
};

/** The mean credit of some images' questions. */
export const meanCredit = (totals: readonly Total[]): number =>
  ratio(totals.reduce((sum, t) => sum + t.sum, 0), totals.reduce((n, t) => n + t.n, 0));

/** The interval of something of some questions, given by their places in a list. */
type IntervalOf = (places: readonly number[]) => Interval;

const sliced = (keys: readonly string[], intervalOf: IntervalOf): ReadonlyMap<string, PartScore> =>
  new Map(
    [...groupBy(keys.map((key, place) => ({ key, place })), ({ key }) => key)].map(([name, items]) => [
      name,
      { name, n: items.length, ...intervalOf(items.map(({ place }) => place)) },
    ]),
  );

const creditOf = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  options: BootstrapOptions,
): IntervalOf =>
(places) => {
  const some = places.map((i) => answered[i]!);
  const values = some.map(({ record, answer }) => credit(record, answer));
  return bootstrap(byImage(some, values), meanCredit, options);
};

/** One bound between sizes. */
export interface SizeEdge {
  /** Name of the sizes below it and from the edge before. */
  readonly name: string;
  /** In the unit of the scale, exclusive. */
  readonly below: number;
}

/** A way of telling sizes apart. */
export interface SizeScale {
  /** What is measured of a question: the share of the image that its object covers, or its longer side in pixels. */
  readonly measure: "objectArea" | "objectSide";
  /** Bounds in rising order. */
  readonly edges: readonly SizeEdge[];
}

/** COCO's sizes (32 and 96 pixels squared) as shares of an image of 640 x 480. */
export const cocoSizes: SizeScale = {
  measure: "objectArea",
  edges: [
    { name: "small", below: 32 ** 2 / (640 * 480) },
    { name: "medium", below: 96 ** 2 / (640 * 480) },
    { name: "large", below: Infinity },
  ],
};

/** Sizes of objects in scenes, by their longer side in pixels of the master image. */
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

/** Name of a size on a scale; `unknown` without one, `beyond` from the last edge. */
export const sizeName = ({ edges }: Pick<SizeScale, "edges">, size: number | undefined): string =>
  size === undefined ? "unknown" : edges.find(({ below }) => size < below)?.name ?? "beyond";

const sizeParts = (
  records: readonly BenchmarkRecord[],
  scale: SizeScale,
  intervalOf: IntervalOf,
): readonly PartScore[] => {
  const { measure, edges } = scale;
  const slices = sliced(records.map(({ [measure]: size }) => sizeName(scale, size)), intervalOf);
  return [...edges.map(({ name }) => name), "beyond", "unknown"].flatMap((name) => {
    const slice = slices.get(name);
    return slice === undefined ? [] : [slice];
  });
};

const templateParts = (records: readonly BenchmarkRecord[], intervalOf: IntervalOf): readonly PartScore[] =>
  [...sliced(records.map(({ template }) => template ?? "unnamed"), intervalOf).values()]
    .toSorted((a, b) => a.name < b.name ? -1 : 1);

/**
 * Credit by size of the object, in the order of the edges; questions whose size is not known come last as `unknown`.
 * Sizes without a question are left out.
 */
export const byObjectSize = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  sizes: SizeScale = cocoSizes,
  options: BootstrapOptions = {},
): readonly PartScore[] =>
  sizeParts(answered.map(({ record }) => record), sizes, creditOf(answered, credit, options));

/** Credit by template, names sorted; questions without one come as `unnamed`. */
export const byTemplate = <R extends BenchmarkRecord>(
  answered: readonly Answered<R>[],
  credit: Credit<R>,
  options: BootstrapOptions = {},
): readonly PartScore[] =>
  templateParts(answered.map(({ record }) => record), creditOf(answered, credit, options));

/** How much more credit one list of answers has than another, by part. */
export interface PartDifferences {
  /** By size of the object in question. */
  readonly bySize: readonly PartScore[];
  /** By template. */
  readonly byTemplate: readonly PartScore[];
}

/**
 * Differences of mean credits by size and template, paired by image.
 * @param answered - the questions, as either list has them.
 * @param first - credits of the first list of answers.
 * @param second - credits of the second list of answers to the same questions.
 */
export const partDifferences = (
  answered: readonly Answered[],
  first: readonly number[],
  second: readonly number[],
  { sizes = cocoSizes, ...options }: BootstrapOptions & { readonly sizes?: SizeScale } = {},
): PartDifferences => {
  const records = answered.map(({ record }) => record);
  const difference: IntervalOf = (places) => {
    const some = places.map((i) => answered[i]!);
    const totals = (values: readonly number[]) => byImage(some, places.map((i) => values[i]!));
    return pairedDifference(totals(first), totals(second), meanCredit, options);
  };
  return { bySize: sizeParts(records, sizes, difference), byTemplate: templateParts(records, difference) };
};

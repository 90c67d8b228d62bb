/**
 * Split-K: products with few results and long sums as products over parts of the sum side by side, then their results
 * added in order, so that the same numbers come out every time. One product alone would leave most of a GPU idle.
 */
import { cast, matmul, permute, reshape, sizeOf, sum, type Tensor } from "@chain-of-sight/core";
import type { Schedules, SplitKSchedule } from "../schedule/schedule.ts";

/** Sizes of a product. */
export interface ProductSize {
  /** Products side by side. */
  readonly batch: number;
  /** Rows. */
  readonly m: number;
  /** Columns. */
  readonly n: number;
  /** Length of the sums. */
  readonly k: number;
}

/** Shortest part; longest part of a long sum, as terms beyond lose their digits one by one; most parts. */
const SHORTEST = 128, LONGEST = 2048, LIMIT = 512;

/** Sizes of a product, all leading axes together. */
export const productSize = (t: Tensor<"matmul">): ProductSize => ({
  batch: sizeOf(t.shape.slice(0, -2)),
  m: t.shape.at(-2)!,
  n: t.shape.at(-1)!,
  k: t.args[0]!.shape.at(-1)!,
});

/** The name of a product among schedules. */
export const productForm = ({ batch, m, n, k }: ProductSize, dtype: string): string =>
  `product ${batch}x${m}x${n}x${k} ${dtype}`;

const fits = (parts: number, { k }: ProductSize): boolean =>
  Number.isInteger(parts) && parts >= 1 && parts <= LIMIT &&
  (parts === 1 || k % (4 * parts) === 0 && k / parts >= SHORTEST);

/** The numbers of parts to try; 1 alone where there are results enough for all cores. */
export const splitKSpace = (size: ProductSize): readonly SplitKSchedule[] => {
  const tiles = size.batch * Math.ceil(size.m / 64) * Math.ceil(size.n / 64);
  return (tiles >= 512 ? [1] : [1, 2, 4, 8, 16, 32]).filter((parts) => fits(parts, size))
    .map((parts) => ({ kind: "split-K", parts }));
};

/** The number of parts of a product: what was measured; else enough to give about a hundred cores a tile each. */
const partsOf = (size: ProductSize, dtype: string, known: Schedules): number => {
  const form = productForm(size, dtype), found = Object.hasOwn(known, form) ? known[form] : undefined;
  if (found?.kind === "split-K" && fits(found.parts, size)) return found.parts;
  const side = size.m >= 48 && size.n >= 48 ? 64 : 16;
  const tiles = size.batch * Math.ceil(size.m / side) * Math.ceil(size.n / side);
  if (tiles > 24 || size.k < 4096) return 1;
  let parts = splitKSpace(size).findLast((s) => s.parts * tiles <= 128)?.parts ?? 1;
  while (parts > 1 && size.k / parts > LONGEST && fits(2 * parts, size)) parts *= 2;
  return parts;
};

/** A product as the sum of products over parts of its summed length; undefined where one product does better. */
export const splitK = (t: Tensor<"matmul">, known: Schedules): Tensor | undefined => {
  const size = productSize(t), { batch, m, n, k } = size;
  const parts = partsOf(size, t.dtype, known), each = k / parts;
  if (parts === 1) return undefined;
  const [a, b] = t.args as [Tensor, Tensor];
  const left = permute([0, 2, 1, 3])(reshape([batch, m, parts, each])(a));
  const right = reshape([batch, parts, each, n])(b);
  // results of parts are not rounded before they are added
  const products = cast("f32")(matmul(right)(left));
  return cast(t.dtype)(reshape(t.shape)(sum({ axes: [1] })(products)));
};

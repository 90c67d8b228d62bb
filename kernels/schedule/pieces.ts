/** Products in pieces of their sum: what a device with many cores does with few results and a long sum. */
import type { DeviceProfile } from "../device_profile.ts";

/** How many pieces the sum of a product is cut into. */
export interface PiecesSchedule {
  /** Discriminates schedules. */
  readonly kind: "pieces";
  /** Number of pieces, each a product of its own; their results are added in order. 1 for none. */
  readonly pieces: number;
}

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

/** Shortest piece. */
const SHORTEST = 128;

/** Longest piece of a long sum: one by one, terms beyond lose their digits. */
const LONGEST = 2048;

/** Most pieces. */
const MOST = 512;

/** The name of a product among schedules. */
export const productForm = ({ batch, m, n, k }: ProductSize, dtype: string): string =>
  `product ${batch}x${m}x${n}x${k} ${dtype}`;

/** Whether a product can be cut into so many pieces of equal length. */
export const piecesFit = (pieces: number, { k }: ProductSize): boolean =>
  Number.isInteger(pieces) && pieces >= 1 && pieces <= MOST &&
  (pieces === 1 || k % (4 * pieces) === 0 && k / pieces >= SHORTEST);

/** The numbers of pieces to try; 1 alone where there are results enough for all cores. */
export const piecesSpace = (size: ProductSize, { software }: DeviceProfile): readonly PiecesSchedule[] => {
  const tiles = size.batch * Math.ceil(size.m / 64) * Math.ceil(size.n / 64);
  const wanted = software || tiles >= 512 ? [1] : [1, 2, 4, 8, 16, 32];
  return wanted.filter((pieces) => piecesFit(pieces, size)).map((pieces) => ({ kind: "pieces", pieces }));
};

/** The number of pieces of a product: what was measured; else enough to give about a hundred cores a tile each. */
export const schedulePieces = (size: ProductSize, dtype: string, profile: DeviceProfile): number => {
  const { schedules } = profile, form = productForm(size, dtype);
  const found = schedules !== undefined && Object.hasOwn(schedules, form) ? schedules[form] : undefined;
  if (found?.kind === "pieces" && piecesFit(found.pieces, size)) return found.pieces;
  const side = size.m >= 48 && size.n >= 48 ? 64 : 16;
  const tiles = size.batch * Math.ceil(size.m / side) * Math.ceil(size.n / side);
  if (tiles > 24 || size.k < 4096) return 1;
  let pieces = piecesSpace(size, profile).findLast((s) => s.pieces * tiles <= 128)?.pieces ?? 1;
  while (pieces > 1 && size.k / pieces > LONGEST && piecesFit(2 * pieces, size)) pieces *= 2;
  return pieces;
};

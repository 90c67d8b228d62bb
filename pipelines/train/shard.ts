/**
 * Who keeps which part of the optimiser's memory where ranks share it (ZeRO stage 1, arXiv 1910.02054): whole parameters,
 * so that what is computed of each is what one process computes. Pure.
 */
import { type ParameterSpec, type PathPredicate, sizeOf, specTrees } from "@chain-of-sight/core";
import type { Ranks } from "../ranks/ranks.ts";
import type { Training } from "./training.ts";

/** A parameter that moves between ranks. */
export interface Piece {
  /** Its path. */
  readonly path: string;
  /** Its shape. */
  readonly shape: readonly number[];
  /** Its numbers. */
  readonly size: number;
}

/** Parameters that move at a time: those of each rank, by its number. */
export type MoveGroup = readonly (readonly Piece[])[];

/** One rank's part. */
export interface Shard {
  /** The parameters of each rank. */
  readonly byRank: MoveGroup;
  /** All of them, in groups of some megabytes a rank. */
  readonly groups: readonly MoveGroup[];
  /** Whether this rank updates a parameter. */
  readonly isOwn: PathPredicate;
}

/** Numbers of a group, for each rank; a parameter that has more moves alone. */
const LIMIT = 2 ** 22;

const total = (pieces: readonly Piece[]): number => pieces.reduce((sum, { size }) => sum + size, 0);

/** Parameters given to ranks, the largest first, each to the one that has least. */
export const dealt = (pieces: readonly Piece[], ranks: number): MoveGroup => {
  const byRank: Piece[][] = Array.from({ length: ranks }, () => []);
  const order = pieces.toSorted((a, b) => b.size - a.size || (a.path < b.path ? -1 : 1));
  for (const piece of order) {
    byRank.reduce((least, of) => total(of) < total(least) ? of : least).push(piece);
  }
  return byRank;
};

const inGroups = (pieces: readonly Piece[], most: number): readonly (readonly Piece[])[] => {
  const groups: Piece[][] = [];
  for (const piece of pieces) {
    const last = groups.at(-1);
    if (last === undefined || total(last) + piece.size > most) groups.push([piece]);
    else last.push(piece);
  }
  return groups;
};

/** The part of a rank of the parameters that a training trains; undefined where ranks do not share the optimiser's memory. */
export const shardFor = (
  { specs, trainable }: Pick<Training<unknown>, "specs" | "trainable">,
  { rank, size, shards }: Pick<Ranks, "rank" | "shards" | "size">,
  most: number = LIMIT,
): Shard | undefined => {
  if (!shards || size === 1) return undefined;
  const trained = specTrees.entries(specs).filter(([path]) => trainable(path));
  const byRank = dealt(
    trained.map(([path, { shape }]: readonly [string, ParameterSpec]) => ({
      path,
      shape,
      size: sizeOf(shape),
    })),
    size,
  );
  const each = byRank.map((pieces) => inGroups(pieces, most));
  const own = new Set(byRank[rank]!.map(({ path }) => path));
  return {
    byRank,
    groups: Array.from(
      { length: Math.max(...each.map(({ length }) => length)) },
      (_, i) => each.map((groups) => groups[i] ?? []),
    ),
    isOwn: (path) => own.has(path),
  };
};

/** Numbers of the largest part of a group: what every rank sends for each, filled up with zeros. */
export const partOfGroup = (group: MoveGroup): number => Math.max(...group.map(total));

/** The part that is largest: what the rank with most of the optimiser's memory keeps. */
export const largestShard = (
  training: Pick<Training<unknown>, "specs" | "trainable">,
  wanted: Pick<Ranks, "shards" | "size">,
): Shard | undefined => {
  const first = shardFor(training, { ...wanted, rank: 0 });
  if (first === undefined) return undefined;
  const sizes = first.byRank.map(total);
  return shardFor(training, { ...wanted, rank: sizes.indexOf(Math.max(...sizes)) });
};

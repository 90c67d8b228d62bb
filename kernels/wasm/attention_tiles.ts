/** Tiling of attention: tiles of queries and keys whose scores fit the L1 cache, and a thread's scratch memory. */
import type { AttentionKernel } from "../graph/kernel.ts";

/** Queries of a tile at most; numbers of a tile of scores; keys of a tile at most. */
const QUERIES = 48, SCORES = 6144, KEYS = 512;

const up = (x: number, step: number): number => Math.ceil(x / step) * step;

/** How a kernel is cut up. */
export interface Tiles {
  /** Queries of a tile, a multiple of 4. */
  readonly queries: number;
  /** Tiles of queries. */
  readonly queryTiles: number;
  /** Keys of a tile, a multiple of `keyRows` where there are several. */
  readonly keys: number;
  /** Tiles of keys. */
  readonly keyTiles: number;
  /** Rows of a register tile of keys by queries. */
  readonly keyRows: number;
  /** Rows of a register tile by channels. */
  readonly rows: number;
}

/** Tiles of a kernel: those of queries waste least on ragged edges. */
export const tilesOf = ({ size: { queries, keys, width } }: Pick<AttentionKernel, "size">): Tiles => {
  const most = Math.min(QUERIES, up(queries, 4));
  const price = (tile: number): number => {
    const last = queries % tile, whole = Math.floor(queries / tile);
    const one = (n: number): number => n === 0 ? 0 : up(n, 6) + up(n, 4) + 6;
    return whole * one(tile) + one(last);
  };
  let tile = most;
  for (let t = most - 4; t >= 16; t -= 4) if (price(t) < price(tile)) tile = t;
  const keyRows = tile <= 4 ? 8 : 6, longest = Math.max(keyRows, Math.min(KEYS, Math.floor(SCORES / tile)));
  const count = Math.ceil(keys / (longest - longest % keyRows));
  const each = count === 1 ? keys : up(Math.ceil(keys / count), keyRows);
  return {
    queries: tile,
    queryTiles: Math.ceil(queries / tile),
    keys: each,
    keyTiles: Math.ceil(keys / each),
    keyRows,
    rows: width <= 4 ? 8 : 6,
  };
};

/** A thread's own memory, handed out in cache lines. */
export class Room {
  #bytes = 64;

  /** Takes some bytes; gives where they start. */
  take(bytes: number): number {
    const at = this.#bytes;
    this.#bytes += up(bytes, 64);
    return at;
  }

  /** Bytes in all, with room to read beyond the last. */
  get bytes(): number {
    return this.#bytes + 64;
  }
}

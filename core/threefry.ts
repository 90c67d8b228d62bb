/**
 * Threefry-2x32, 20 rounds: the counter-based generator of Salmon et al., "Parallel random numbers: as easy as
 * 1, 2, 3" (SC 2011). Same key and counter, same bits, on every device.
 */

/** Rotation amounts of the eight-round schedule. */
export const ROTATIONS: readonly (readonly number[])[] = [[13, 15, 26, 6], [17, 29, 16, 24]];

/** Parity constant of the key schedule. */
export const PARITY = 0x1bd11bda;

const rotate = (x: number, n: number): number => ((x << n) | (x >>> (32 - n))) >>> 0;

/** Two random words for a key of two words and a counter of two words. */
export const threefry2x32 = (k0: number, k1: number, c0: number, c1: number): readonly [number, number] => {
  const keys = [k0 >>> 0, k1 >>> 0, (k0 ^ k1 ^ PARITY) >>> 0];
  let x = (c0 + keys[0]!) >>> 0, y = (c1 + keys[1]!) >>> 0;
  for (let block = 0; block < 5; block++) {
    for (const r of ROTATIONS[block % 2]!) {
      x = (x + y) >>> 0;
      y = (rotate(y, r) ^ x) >>> 0;
    }
    x = (x + keys[(block + 1) % 3]!) >>> 0;
    y = (y + keys[(block + 2) % 3]! + block + 1) >>> 0;
  }
  return [x, y];
};

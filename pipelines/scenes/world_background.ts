/**
 * Backgrounds at full strength. A pattern is a number from 0 to 255 for every pixel, which mixes the two colours.
 * Only additions, products, quotients, roots and roundings, which are exact alike on every machine.
 */
import type { Surface } from "./paint.ts";
import type { Background } from "./record.ts";
import { hashWords, rngOf } from "../base/rng.ts";

/** The mix of two colours at a pixel, 0 to 255; may be beyond, and is then cut off. */
type Mix = (x: number, y: number) => number;

/** Directions in 4096ths, so that last bits of sines do not matter. */
const direction = (angle: number): readonly [number, number] => [
  Math.round(Math.cos(angle) * 4096) / 4096,
  Math.round(Math.sin(angle) * 4096) / 4096,
];

const fraction = (v: number): number => v - Math.floor(v);

/** A wave of a square, 0 or 255, whose edges are a pixel wide. `phase` counts periods. */
const square = (phase: number, period: number): number =>
  (Math.min(1, Math.max(0, (0.25 - Math.abs(fraction(phase) - 0.5)) * period + 0.5))) * 255;

/** A wave of a triangle, 0 to 1. */
const triangle = (phase: number): number => 2 * Math.abs(fraction(phase) - 0.5);

const smooth = (t: number): number => t * t * (3 - 2 * t);

/** Noise between random values on a lattice of `cells` per side, 0 to 255. */
const latticeNoise = (key: number, cells: number, side: number): Mix => {
  const n = cells + 2, values = new Uint8Array(n * n);
  for (let i = 0; i < n * n; i++) values[i] = hashWords(key, cells, i) & 255;
  const cell = new Int32Array(side), part = new Float64Array(side);
  for (let p = 0; p < side; p++) {
    const v = (p + 0.5) * cells / side;
    cell[p] = Math.floor(v), part[p] = smooth(v - Math.floor(v));
  }
  return (x, y) => {
    const p = cell[y]! * n + cell[x]!, u = part[x]!;
    const above = values[p]! + (values[p + 1]! - values[p]!) * u;
    const below = values[p + n]! + (values[p + n + 1]! - values[p + n]!) * u;
    return above + (below - above) * part[y]!;
  };
};

const gradient = (side: number, { angle }: Background): Mix => {
  const [dx, dy] = direction(angle), c = side / 2;
  return (x, y) => 255 * (0.5 + ((x - c) * dx + (y - c) * dy) / side);
};

const stripes = (side: number, { angle, scale }: Background): Mix => {
  const [dx, dy] = direction(angle), period = Math.max(4, scale * side);
  return (x, y) => square((x * dx + y * dy) / period, period);
};

const checks = (side: number, { scale }: Background): Mix => {
  const period = 2 * Math.max(3, Math.round(scale * side));
  return (x, y) => (fraction(x / period) < 0.5) === (fraction(y / period) < 0.5) ? 255 : 0;
};

const blobs = (side: number, { scale, key }: Background): Mix => {
  const rng = rngOf("blobs", key), mixed = new Float64Array(side * side);
  for (let i = 0; i < 24; i++) {
    const cx = rng.range(0, side), cy = rng.range(0, side), r = rng.range(0.3, 1.2) * scale * side;
    const x1 = Math.max(0, Math.floor(cx - r)), x2 = Math.min(side - 1, Math.ceil(cx + r));
    const y1 = Math.max(0, Math.floor(cy - r)), y2 = Math.min(side - 1, Math.ceil(cy + r));
    for (let y = y1; y <= y2; y++) {
      for (let x = x1; x <= x2; x++) {
        const d = Math.sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy));
        const p = y * side + x;
        mixed[p] = mixed[p]! + (255 - mixed[p]!) * 0.35 * Math.min(1, Math.max(0, r - d + 0.5));
      }
    }
  }
  return (x, y) => mixed[y * side + x]!;
};

const clouds = (side: number, { scale, key }: Background): Mix => {
  const cells = Math.max(2, Math.round(0.5 / scale));
  const [coarse, middle, fine] = [1, 2, 4].map((k) => latticeNoise(key, cells * k, side)) as [Mix, Mix, Mix];
  return (x, y) => 1.5 * (0.55 * coarse(x, y) + 0.3 * middle(x, y) + 0.15 * fine(x, y)) - 64;
};

const grain = (side: number, ground: Background): Mix => {
  const under = gradient(side, ground), half = side >> 1, seed = ground.key | 1;
  return (x, y) => {
    // One multiplication and two shifts are random enough for specks of two pixels.
    const cell = Math.imul((y >> 1) * half + (x >> 1) + seed, 0x9e3779b1);
    return under(x, y) + ((cell ^ (cell >>> 15)) & 63) - 32;
  };
};

const dots = (side: number, { scale, key }: Background): Mix => {
  const period = Math.max(8, scale * side), r = period * (0.2 + (key & 15) / 100);
  return (x, y) => {
    const dx = (fraction(x / period) - 0.5) * period, dy = (fraction(y / period) - 0.5) * period;
    return 255 * Math.min(1, Math.max(0, r - Math.sqrt(dx * dx + dy * dy) + 0.5));
  };
};

const waves = (side: number, { angle, scale }: Background): Mix => {
  const [dx, dy] = direction(angle), period = Math.max(8, scale * side);
  return (x, y) => {
    const along = (x * dy - y * dx) / (period * 2);
    return square((x * dx + y * dy) / period + 0.6 * smooth(triangle(along)), period);
  };
};

const bricks = (side: number, { scale }: Background): Mix => {
  const high = Math.max(6, Math.round(scale * side * 0.6)),
    wide = high * 2,
    joint = Math.max(1, Math.round(high / 9));
  return (x, y) => {
    const row = Math.floor(y / high), across = (x + (row & 1) * high) % wide;
    if (y % high < joint || across < joint) return 255;
    return (hashWords(row, Math.floor((x + (row & 1) * high) / wide)) & 63);
  };
};

const rings = (side: number, { scale, key }: Background): Mix => {
  const rng = rngOf("rings", key), cx = rng.range(0, side), cy = rng.range(0, side);
  const period = Math.max(8, scale * side);
  return (x, y) => square(Math.sqrt((x - cx) * (x - cx) + (y - cy) * (y - cy)) / period, period);
};

const weave = (side: number, { scale }: Background): Mix => {
  const cell = Math.max(6, Math.round(scale * side * 0.5));
  return (x, y) => {
    const across = ((Math.floor(x / cell) + Math.floor(y / cell)) & 1) === 0;
    const t = fraction((across ? y : x) / cell);
    return (across ? 0 : 110) + 145 * smooth(1 - 2 * Math.abs(t - 0.5));
  };
};

const patternMixes: Readonly<
  Record<Exclude<Background["pattern"], "photo">, (side: number, ground: Background) => Mix>
> = {
  solid: () => () => 0,
  gradient,
  stripes,
  checks,
  blobs,
  clouds,
  grain,
  dots,
  waves,
  bricks,
  rings,
  weave,
};

/** The 256 mixes of the two colours, three bytes each. */
const mixes = ([first, second]: Background["colours"]): Uint8Array => {
  const out = new Uint8Array(256 * 3);
  for (let m = 0; m < 256; m++) {
    for (let c = 0; c < 3; c++) out[m * 3 + c] = Math.round(first[c]! + (second[c]! - first[c]!) * m / 255);
  }
  return out;
};

/** Paints a background that is not a photo over the whole surface. */
export const paintPattern = ({ side, rgb }: Surface, ground: Background): void => {
  if (ground.pattern === "photo") return;
  const mix = patternMixes[ground.pattern](side, ground), table = mixes(ground.colours);
  for (let y = 0, q = 0; y < side; y++) {
    for (let x = 0; x < side; x++, q += 3) {
      const m = mix(x, y), p = (m <= 0 ? 0 : m >= 255 ? 255 : m | 0) * 3;
      rgb[q] = table[p]!, rgb[q + 1] = table[p + 1]!, rgb[q + 2] = table[p + 2]!;
    }
  }
};

/** Paints a part of a photo (three channels, no side shorter than the surface's) that the key chooses. */
export const paintPhoto = (
  { side, rgb }: Surface,
  photo: { readonly width: number; readonly height: number; readonly data: Uint8Array },
  key: number,
): void => {
  const rng = rngOf("photo", key),
    x0 = rng.between(0, photo.width - side),
    y0 = rng.between(0, photo.height - side);
  for (let y = 0; y < side; y++) {
    const from = ((y0 + y) * photo.width + x0) * 3;
    rgb.set(photo.data.subarray(from, from + side * 3), y * side * 3);
  }
};

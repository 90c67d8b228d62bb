/** Shapes of the drawings, so that scenes can be sampled with exact boxes and without any picture. */
import type { Style } from "./config.ts";

/** Width over height of the visible part of every concept, in the order of the vocabulary. A test measures them. */
// deno-fmt-ignore
const table: Readonly<Partial<Record<Style, readonly number[]>>> = {
  "fluent-flat": [
    1.057, 0.998, 1.474, 1.002, 1, 0.715, 1, 0.998, 1.214, 1, 1.333, 1.12,
    0.786, 1.009, 0.993, 0.895, 0.789, 0.888, 0.429, 0.793, 0.75, 0.929, 0.824, 0.786,
    1.12, 0.893, 1.273, 1.035, 0.971, 1.002, 1, 1, 0.964, 1, 1, 1.647,
    1.002, 0.996, 1, 0.688, 1.045, 0.963, 1.333, 0.929, 1.299, 1.227, 1.149, 0.621,
  ],
  "noto": [
    1.176, 0.936, 1.584, 0.904, 0.96, 0.699, 1.004, 1.019, 1.231, 0.885, 1.392, 1.403,
    0.726, 1, 1.061, 0.856, 0.767, 0.798, 0.429, 0.93, 0.889, 0.932, 1.017, 0.835,
    1.142, 1.177, 1.453, 1.1, 1.06, 0.774, 1.006, 0.983, 0.889, 1.152, 1, 1.253,
    1.157, 0.967, 1.45, 0.626, 0.954, 0.986, 1.047, 0.938, 1.371, 1.063, 1.48, 0.637,
  ],
  "twemoji": [
    1.221, 0.836, 1.712, 1, 1, 0.529, 1, 1, 1.166, 0.938, 1.418, 1.006,
    0.752, 1, 1.018, 1, 0.947, 0.836, 0.5, 0.925, 0.832, 1.051, 1.006, 0.945,
    1.094, 1.052, 1.438, 1.008, 1.112, 1.002, 1, 0.974, 0.904, 1.012, 1, 1.712,
    1.111, 1, 1.08, 0.809, 0.986, 1, 1.284, 0.945, 1.072, 1.113, 1.604, 0.633,
  ],
};

/** Width over height of the visible part of a concept's picture. */
export const aspectOf = (concept: number, style: Style): number => table[style]![concept]!;

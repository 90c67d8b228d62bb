/** Kinds of backgrounds. */

/** What a background is drawn with; `photo` needs the realism pack. */
export type Pattern =
  | "solid"
  | "gradient"
  | "stripes"
  | "checks"
  | "blobs"
  | "clouds"
  | "grain"
  | "dots"
  | "waves"
  | "bricks"
  | "rings"
  | "weave"
  | "photo";

/** Every pattern. */
export const patterns: readonly Pattern[] = [
  "solid",
  "gradient",
  "stripes",
  "checks",
  "blobs",
  "clouds",
  "grain",
  "dots",
  "waves",
  "bricks",
  "rings",
  "weave",
  "photo",
];

/** The patterns of worlds without {@link DataConfig.world}. */
export const smallPatterns: readonly Pattern[] = patterns.slice(0, 5);

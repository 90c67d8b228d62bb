/** Places for the labels of points, so that they cover neither each other nor the points. */

/** A rectangle in pixels. */
export interface Box {
  /** Left edge. */
  readonly x: number;
  /** Top edge. */
  readonly y: number;
  /** Width. */
  readonly width: number;
  /** Height. */
  readonly height: number;
}

/** A point and the size of its label, pixels. */
export interface Labelled {
  /** Horizontal place of the point. */
  readonly x: number;
  /** Vertical place of the point. */
  readonly y: number;
  /** Width of the label. */
  readonly width: number;
  /** Height of the label. */
  readonly height: number;
}

/** The area two boxes share. */
export const overlap = (a: Box, b: Box): number =>
  Math.max(0, Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x)) *
  Math.max(0, Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y));

const area = (box: Box): number => box.width * box.height;

const candidates = ({ x, y, width, height }: Labelled): readonly Box[] => {
  const rows = [-0.5, -1.1, 0.1, -1.7, 0.7, -2.4, 1.4, -3.1, 2.1, -3.8, 2.8];
  return [12, 24, 44].flatMap((gap) =>
    rows.flatMap((row) => [
      { x: x + gap, y: y + row * height, width, height },
      { x: x - gap - width, y: y + row * height, width, height },
    ])
  );
};

/**
 * Chooses a box for every label: the nearest place that is in `bounds` and covers no obstacle and no earlier label,
 * or else the place that covers least.
 */
export const placeLabels = (
  points: readonly Labelled[],
  bounds: Box,
  obstacles: readonly Box[],
): readonly Box[] => {
  const placed: Box[] = [];
  for (const point of points) {
    const cost = (box: Box): number =>
      [...obstacles, ...placed].reduce((sum, other) => sum + overlap(box, other), 0) +
      10 * (area(box) - overlap(box, bounds));
    const options = candidates(point);
    const costs = options.map((box) => Math.round(cost(box))); // below a pixel is rounding, not covering
    placed.push(options[costs.indexOf(Math.min(...costs))]!);
  }
  return placed;
};

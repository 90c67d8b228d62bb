/** Boxes `[x1, y1, x2, y2]` in shares of the image's side, y downwards. */

/** Left, top, right and bottom edges, 0 to 1. */
export type Box = readonly [number, number, number, number];

/** Area; 0 for boxes that are turned inside out. */
export const area = ([x1, y1, x2, y2]: Box): number => Math.max(0, x2 - x1) * Math.max(0, y2 - y1);

/** Area that two boxes share. */
export const intersection = (a: Box, b: Box): number =>
  area([Math.max(a[0], b[0]), Math.max(a[1], b[1]), Math.min(a[2], b[2]), Math.min(a[3], b[3])]);

/** Intersection over union; 0 when both are empty. */
export const iou = (a: Box, b: Box): number => {
  const both = intersection(a, b), either = area(a) + area(b) - both;
  return either > 0 ? both / either : 0;
};

/** Share of the smaller box that the other covers. */
export const covered = (a: Box, b: Box): number => {
  const least = Math.min(area(a), area(b));
  return least > 0 ? intersection(a, b) / least : 0;
};

/** Middle of a box. */
export const centre = ([x1, y1, x2, y2]: Box): readonly [number, number] => [(x1 + x2) / 2, (y1 + y2) / 2];

/** Whether a point is in a box, edges included. */
export const holds = ([x1, y1, x2, y2]: Box, [x, y]: readonly [number, number]): boolean =>
  x >= x1 && x <= x2 && y >= y1 && y <= y2;

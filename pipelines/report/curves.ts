/** Curves with fewer points, for the eye. */
import type { LossPoint } from "../figures/loss_chart.ts";

/**
 * At most about `most` points: each the mean of neighbours, at the place of the last of them. Those that are not
 * finite stay, so that they are seen.
 */
export const thinned = (points: readonly LossPoint[], most: number): readonly LossPoint[] => {
  const width = Math.ceil(points.length / most);
  if (width <= 1) return points;
  return Array.from({ length: Math.ceil(points.length / width) }, (_, i) => {
    const some = points.slice(i * width, (i + 1) * width), bad = some.find((p) => !Number.isFinite(p.loss));
    return bad ?? { x: some.at(-1)!.x, loss: some.reduce((sum, p) => sum + p.loss, 0) / some.length };
  });
};

/** Quantiles of samples. */

/**
 * The value below which a part `q` (0 to 1) of sorted numbers lies, between neighbouring order statistics in proportion.
 * There must be one or more.
 */
export const quantile = (sorted: readonly number[], q: number): number => {
  const at = q * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
};

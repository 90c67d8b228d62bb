/** Quantiles of samples, and what is most frequent. */

/**
 * The value below which a part `q` (0 to 1) of sorted numbers is, between neighbouring order statistics in proportion.
 * There must be one or more.
 */
export const quantile = (sorted: readonly number[], q: number): number => {
  const at = q * (sorted.length - 1), low = Math.floor(at), high = Math.ceil(at);
  return sorted[low]! + (at - low) * (sorted[high]! - sorted[low]!);
};

/** The middle value; the mean of the two middle ones of an even number. NaN of none. */
export const median = (values: ArrayLike<number>): number =>
  values.length === 0 ? NaN : quantile([...Float64Array.from(values).sort()], 0.5);

/** The most frequent text, of several the first; nothing of none. */
export const mostFrequent = (texts: readonly string[]): string | undefined => {
  const counts = Map.groupBy(texts, (text) => text),
    most = Math.max(0, ...counts.values().map((all) => all.length));
  return texts.find((text) => counts.get(text)!.length === most);
};

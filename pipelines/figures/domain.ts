/** The range that an axis shows. */

/**
 * The range of values with room at both ends; values that are not finite do not count. Of values that are closer than
 * `least`, or of one, the range is that wide around them, so that what does not differ does not look as if it did.
 * Nothing beyond `bounds` is in it.
 */
export const paddedDomain = (
  values: readonly number[],
  least: number,
  share = 0.08,
  [floor, ceil]: readonly [number, number] = [-Infinity, Infinity],
): readonly [number, number] => {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return [0, least];
  const low = Math.min(...finite),
    high = Math.max(...finite),
    lacking = Math.max(0, least - (high - low)) / 2;
  const room = share * Math.max(high - low, least);
  return [
    Math.max(Math.min(floor, low), low - lacking - room),
    Math.min(Math.max(ceil, high), high + lacking + room),
  ];
};

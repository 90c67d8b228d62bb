/** Which records of a data set share a row: those about one image, known by its content. */

/** How many records an example holds. */
export interface RowLimits {
  /** Most records about one image in an example. */
  readonly turns: number;
  /** Tokens of a row. */
  readonly length: number;
}

/**
 * Examples: records about one image, as many as turns and tokens allow, in the order of their first records.
 * @param images - the image of each record, by number; records with equal numbers may share a row.
 * @param tokens - the tokens that each record takes by itself.
 */
export const grouped = (
  images: ArrayLike<number>,
  tokens: ArrayLike<number>,
  { turns, length }: RowLimits,
): readonly (readonly number[])[] => {
  const out: number[][] = [], open = new Map<number, { readonly records: number[]; tokens: number }>();
  for (let i = 0; i < images.length; i++) {
    const image = images[i]!, known = open.get(image);
    // tokens of single rows together are more than those of one row with all turns
    if (known !== undefined && known.records.length < turns && known.tokens + tokens[i]! <= length) {
      known.records.push(i);
      known.tokens += tokens[i]!;
      continue;
    }
    const records = [i];
    out.push(records);
    open.set(image, { records, tokens: tokens[i]! });
  }
  return out;
};

/** Images by content: which of the distinct contents each has, and where each content is first. */
export interface DistinctImages {
  /** For each image, the number of its content. */
  readonly numbers: Uint32Array;
  /** For each content, the first image that has it. */
  readonly firsts: readonly number[];
}

/** Numbers images by their content, so that one image under two names is one, and two under one name are two. */
export const distinctImages = (contents: readonly string[]): DistinctImages => {
  const known = new Map<string, number>(), firsts: number[] = [];
  const numbers = Uint32Array.from(contents, (content, i) => {
    const number = known.get(content) ?? known.size;
    if (number === known.size) known.set(content, number), firsts.push(i);
    return number;
  });
  return { numbers, firsts };
};

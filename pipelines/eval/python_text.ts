/**
 * Text as Python's `str` treats it, for rules of scripts written in Python: `strip`, `split` and `\s` also take the
 * separators U+001C to U+001F and U+0085, and do not take U+FEFF, unlike JavaScript's.
 */

/** Python's white space, inside a character class. */
export const PYTHON_SPACE = String
  .raw`\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000`;

const edges = new RegExp(`^[${PYTHON_SPACE}]+|[${PYTHON_SPACE}]+$`, "g");
const runs = new RegExp(`[${PYTHON_SPACE}]+`, "g");

/** `str.strip()`. */
export const strip = (text: string): string => text.replace(edges, "");

/** `str.split()`: the words between runs of white space. */
export const splitWords = (text: string): readonly string[] => text.split(runs).filter((word) => word !== "");

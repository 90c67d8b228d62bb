/** Levenshtein distance over characters. */
import { distance } from "fastest-levenshtein";

// The library counts UTF-16 units. Characters of two units are renamed to single ones, the same in both texts.
const isWide = (text: string): boolean => /[\u{10000}-\u{10ffff}]/u.test(text);

/** Insertions, deletions and exchanges of Unicode characters that turn one text into the other. */
export const editDistance = (a: string, b: string): number => {
  if (!isWide(a) && !isWide(b)) return distance(a, b);
  const names = new Map<string, string>();
  const rename = (text: string): string =>
    [...text].map((char) => {
      if (!names.has(char)) names.set(char, String.fromCharCode(names.size));
      return names.get(char)!;
    }).join("");
  return distance(rename(a), rename(b));
};

/** Number of Unicode characters. */
export const characters = (text: string): number => [...text].length;

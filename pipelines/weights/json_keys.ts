/** What `JSON.parse` does not say of a text: repeated keys, which it drops, and a nesting that no honest file has. */

const closingQuote = (text: string, from: number): number => {
  let at = from + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
};

/** Whether brackets stand deeper within each other than `most`. The text need not be JSON. */
export const nestsDeeper = (text: string, most: number): boolean => {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === '"') at = closingQuote(text, at);
    else if (char === "{" || char === "[") {
      if (++depth > most) return true;
    } else if (char === "}" || char === "]") depth--;
  }
  return false;
};

const afterSpace = (text: string, from: number): number => {
  let at = from;
  while (text[at] === " " || text[at] === "\n" || text[at] === "\r" || text[at] === "\t") at++;
  return at;
};

/**
 * The first key that occurs twice in one object, or `undefined`.
 * @param text - valid JSON.
 */
export const repeatedKey = (text: string): string | undefined => {
  const open: Set<string>[] = [];
  for (let at = 0; at < text.length; at++) {
    const char = text[at];
    if (char === "{" || char === "[") open.push(new Set());
    else if (char === "}" || char === "]") open.pop();
    else if (char === '"') {
      const end = closingQuote(text, at);
      if (text[afterSpace(text, end + 1)] === ":") {
        const key = JSON.parse(text.slice(at, end + 1)) as string;
        const seen = open[open.length - 1]!;
        if (seen.has(key)) return key;
        seen.add(key);
      }
      at = end;
    }
  }
  return undefined;
};

/** How deep JSON is nested: what goes through it by recursion is safe up to {@link MAX_NESTED}. */

/** The deepest JSON that is read. */
export const MAX_NESTED = 256;

/** The depth of brackets in a text of JSON, those within strings left out. */
export const nestingOf = (text: string): number => {
  let depth = 0, most = 0, quoted = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (quoted) {
      if (code === 0x5c) i++;
      else if (code === 0x22) quoted = false;
    } else if (code === 0x22) quoted = true;
    else if (code === 0x7b || code === 0x5b) most = Math.max(most, ++depth);
    else if (code === 0x7d || code === 0x5d) depth--;
  }
  return most;
};

/** Command lines as they are typed. */

const quoted = (word: string): string =>
  /^[\w.=,:/@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;

/** Words as a POSIX shell reads them back: what is not plain is in single quotes. */
export const shellLine = (words: readonly string[]): string => words.map(quoted).join(" ");

/** Lines of the program, for tests of messages that name them. */

/** A place without its column: `file:line`. */
export const lineOf = (place: string | undefined): string => (place ?? "").replace(/:\d+$/, "");

/** The line that calls it, or one some lines below: `file:line`. */
export const here = (below = 0): string => {
  const [, file, line] = /(file:\/\/.+):(\d+):\d+/.exec(new Error().stack!.split("\n")[2]!)!;
  return `${file}:${Number(line) + below}`;
};

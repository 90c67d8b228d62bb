/**
 * Long sums of one worker in blocks: a sum of f32 that goes on for tens of thousands of terms loses digits, as small
 * terms are added to a large total. Every this many steps the totals take in what was summed, and the sums start again.
 */

/** Sums of more steps than this are blocked. */
const LONG = 2048;
/** Steps of a block. */
const BLOCK = 1024;

/** Statements that block the sums of a loop. */
export interface BlockedSums {
  /** Before the loop. */
  readonly before: readonly string[];
  /** First in the body of the loop, whose variable is a text and grows by a step. */
  readonly within: (variable: string, step: number) => readonly string[];
  /** After the loop. */
  readonly after: readonly string[];
}

/** How the sums of a loop are blocked. */
export interface BlockOptions {
  /** What the loop's variable grows by in one step; 1 by default. */
  readonly per?: number;
  /** Sums of more steps than this are blocked. */
  readonly long?: number;
}

/** Blocks sums of some names and one type; without any statement where the loop is short. */
export const blockedSums = (
  steps: number,
  names: readonly string[],
  type: "f32" | "vec4f",
  { per = 1, long = LONG }: BlockOptions = {},
): BlockedSums => {
  if (steps <= long || names.length === 0) return { before: [], within: () => [], after: [] };
  return {
    before: names.map((name) => `var ${name}_total = ${type}();`),
    within: (variable, step) => [
      `if (${variable} % ${BLOCK * per}u < ${step}u) {`,
      ...names.flatMap((name) => [`${name}_total += ${name};`, `${name} = ${type}();`]),
      "}",
    ],
    after: names.map((name) => `${name} += ${name}_total;`),
  };
};

/** Codecs of the numbers in configurations, as they are stored where they are used: f32 on the device, counts in 32 bits. */
import * as t from "io-ts";

/** The least f32 above 0 that every device holds: numbers below it may be read as 0. */
const MIN_F32 = 2 ** -126;

/** Whether f32 holds a number: neither infinite there nor lost below its least one. */
export const isF32 = (n: number): boolean =>
  n === 0 || (Number.isFinite(Math.fround(n)) && Math.abs(Math.fround(n)) >= MIN_F32);

/** A count, i32 above 0. */
export const natural: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => Number.isInteger(n) && n > 0 && n < 2 ** 31,
  "an integer above 0 and below 2^31",
);

/** A count, i32 from 0 on. */
export const whole: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 31,
  "an integer of at least 0 and below 2^31",
);

/** A seed, u32. */
export const seed: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32,
  "an integer of at least 0 and below 2^32",
);

/** A count of at most so many, for what memory is taken by before anything else is checked. */
export const countTo = (most: number): t.Type<number, number, unknown> =>
  t.refinement(
    t.number,
    (n) => Number.isInteger(n) && n > 0 && n <= most,
    `an integer above 0 and up to ${most}`,
  );

/** Rows of a batch. */
export const batchSize: t.Type<number, number, unknown> = countTo(2 ** 16);

/** Tokens of a row. */
export const rowLength: t.Type<number, number, unknown> = countTo(2 ** 18);

/** An f32 from 0 on. */
export const amount: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => n >= 0 && isF32(n),
  "a number of at least 0 that f32 holds",
);

/** An f32 above 0. */
export const positive: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => n > 0 && isF32(n),
  "a number above 0 that f32 holds",
);

/** An f32 between 0 and 1. */
export const fraction: t.Type<number, number, unknown> = t.refinement(
  t.number,
  (n) => n > 0 && n < 1 && isF32(n) && Math.fround(n) < 1,
  "a number between 0 and 1 that f32 holds",
);

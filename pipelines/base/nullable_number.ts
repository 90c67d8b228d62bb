/** Numbers that may be none: JSON has no NaN, and writes null for it. */
import * as t from "io-ts";

const amount: t.Type<number, number | null, unknown> = new t.Type<number, number | null, unknown>(
  "a number, or null for none",
  t.number.is,
  (u, context) => u === null ? t.success(NaN) : t.number.validate(u, context),
  (a) => Number.isFinite(a) ? a : null,
);

/** Codec of numbers that may be none: NaN is null in JSON. */
export const nullableNumberCodec = (): t.Type<number, number | null, unknown> => amount;

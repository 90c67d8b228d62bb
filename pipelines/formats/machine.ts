/** Machines: what formats do with the entries of their files. */
import * as E from "fp-ts/lib/Either.js";
import type * as t from "io-ts";
import { display, type Refusal, refusalsIn } from "../base/bridge.ts";
import type { Entry, LeftOut, Machine, Place, Refused, Taken, Verdict } from "./format.ts";

const placeOf = ({ file, record, at }: Place): Place => ({
  file,
  record,
  ...(at === undefined ? {} : { at }),
});

/** The verdict on an entry that was used. */
export const taken = <R>(
  entry: Place,
  records: readonly R[],
  extra: { readonly split?: string | undefined; readonly imageBytes?: Uint8Array | undefined } = {},
): Taken<R> => ({
  verdict: "taken",
  place: placeOf(entry),
  records,
  ...(extra.split === undefined ? {} : { split: extra.split }),
  ...(extra.imageBytes === undefined ? {} : { imageBytes: extra.imageBytes }),
});

/** The verdict on an entry that a rule leaves out. */
export const leftOut = (entry: Place, reason: string): LeftOut => ({
  verdict: "left out",
  place: placeOf(entry),
  reason,
});

/** The verdict on an entry with wrong fields. */
export const refused = (entry: Place, ...fields: readonly Refusal[]): Refused => ({
  verdict: "refused",
  place: placeOf(entry),
  fields,
});

/** One wrong field. */
export const field = (path: string, got: unknown, expected: string): Refusal => {
  const text = typeof got === "string" ? got : display(got);
  return { path, got: text.length > 80 ? `${text.slice(0, 79)}…` : text, expected };
};

/**
 * Reads one form.
 * @internal
 */
export type Form<A> = t.Decoder<unknown, A>;

/** The decoded value of an entry, or the verdict that refuses it. */
export const decoded = <A>(
  codec: t.Decoder<unknown, A>,
  entry: Entry,
): E.Either<Refused, A> => {
  if (entry.fault !== undefined) return E.left(refused(entry, entry.fault));
  const value = codec.decode(entry.value);
  return E.isRight(value) ? value : E.left(refused(entry, ...refusalsIn(codec as t.Mixed, entry.value)));
};

/** The machine of formats whose entries are alone. */
export const each = <A, R>(
  codec: t.Type<A, unknown, unknown>,
  judge: (value: A, entry: Entry) => Verdict<R>,
): () => Machine<R> =>
() => ({
  take: (entry) => {
    const value = decoded(codec, entry);
    return [E.isLeft(value) ? value.left : judge(value.right, entry)];
  },
  end: () => [],
});

/** Machines that put together what is apart: a question and its answers, an image and its captions. */
import * as E from "fp-ts/lib/Either.js";
import type * as t from "io-ts";
import type { Entry, Machine, Verdict } from "./format.ts";
import { decoded, field, type Form, leftOut, refused, taken } from "./machine.ts";

/** One side of a join. */
export interface Side<A> {
  /** Which entries are of this side. */
  readonly is: (entry: Entry) => boolean;
  /** Their form. */
  readonly codec: Form<A>;
  /** The field that holds the key by which sides meet, for errors. */
  readonly keyField: string;
  /** The key. */
  readonly key: (value: A, entry: Entry) => string;
}

interface Held<A> {
  readonly entry: Entry;
  readonly value: A;
}

/**
 * Pairs that share a key, in whatever order they come. What has no partner in the end is refused, as is a key that
 * comes twice on one side. Only what waits for its partner is held.
 */
export const pairs = <A, B, R>(
  left: Side<A>,
  right: Side<B>,
  judge: (a: A, b: B, entry: Entry) => Verdict<R>,
): () => Machine<R> =>
() => {
  const lefts = new Map<string, Held<A>>(), rights = new Map<string, Held<B>>(), met = new Set<string>();
  /** The entry's partner if it was there already, the verdict if it is refused, nothing if it waits. */
  const meet = <M, O>(
    entry: Entry,
    { codec, key, keyField }: Side<M>,
    mine: Map<string, Held<M>>,
    others: Map<string, Held<O>>,
    judge: (mine: Held<M>, other: Held<O>) => readonly Verdict<R>[],
  ): readonly Verdict<R>[] => {
    const value = decoded(codec, entry);
    if (E.isLeft(value)) return [value.left];
    const own = { entry, value: value.right }, name = key(own.value, entry), partner = others.get(name);
    if (met.has(name) || mine.has(name)) {
      return [refused(entry, field(keyField, name, "a value that is only once"))];
    }
    if (partner === undefined) {
      mine.set(name, own);
      return [];
    }
    others.delete(name);
    met.add(name);
    return judge(own, partner);
  };
  const both = (a: Held<A>, b: Held<B>): readonly Verdict<R>[] => [
    judge(a.value, b.value, a.entry),
    taken(b.entry, []),
  ];
  const alone = (held: Map<string, Held<unknown>>, keyField: string): readonly Verdict<R>[] =>
    [...held].map(([key, { entry }]) =>
      refused(entry, field(keyField, key, "a value that an entry of the other file has too"))
    );
  return {
    take: (entry) =>
      left.is(entry)
        ? meet(entry, left, lefts, rights, both)
        : meet(entry, right, rights, lefts, (b, a) => both(a, b)),
    end: () => [...alone(lefts, left.keyField), ...alone(rights, right.keyField)],
  };
};

/**
 * Groups: heads, and members that name their head. Everything is held until the end, as members come in any order.
 * Members without a head are refused; heads without members are judged with none.
 */
export const groups = <A, B, R>(
  head: Side<A>,
  member: Side<B>,
  judge: (head: A, members: readonly B[], entry: Entry) => Verdict<R>,
): () => Machine<R> =>
() => {
  const heads = new Map<string, Held<A>>(), members = new Map<string, Held<B>[]>();
  return {
    take: (entry) => {
      if (head.is(entry)) {
        const value = decoded(head.codec, entry);
        if (E.isLeft(value)) return [value.left];
        const key = head.key(value.right, entry);
        if (heads.has(key)) {
          return [refused(entry, field(head.keyField, key, "a value that is only once"))];
        }
        heads.set(key, { entry, value: value.right });
        return [];
      }
      const value = decoded(member.codec, entry);
      if (E.isLeft(value)) return [value.left];
      const key = member.key(value.right, entry), held = members.get(key);
      if (held === undefined) members.set(key, [{ entry, value: value.right }]);
      else held.push({ entry, value: value.right });
      return [];
    },
    end: () => {
      const out: Verdict<R>[] = [];
      for (const [key, { entry, value }] of heads) {
        const own = members.get(key) ?? [];
        members.delete(key);
        const verdict = judge(value, own.map((m) => m.value), entry);
        out.push(verdict);
        // members share their head's lot, so that the report says how much of the file was of use
        for (const { entry } of own) {
          out.push(
            verdict.verdict === "left out"
              ? leftOut(entry, verdict.reason)
              : verdict.verdict === "refused"
              ? refused(entry, field(member.keyField, key, "an entry that was not refused"))
              : taken(entry, [], { split: verdict.split }),
          );
        }
      }
      for (const [key, own] of members) {
        for (const { entry } of own) {
          out.push(refused(entry, field(member.keyField, key, `a value that an entry of the heads has`)));
        }
      }
      return out;
    },
  };
};

/** Groups of entries that share a key, without heads: one verdict with records on the first of each, at the end. */
export const clusters = <A, R>(
  codec: t.Type<A, unknown, unknown>,
  key: (value: A) => string,
  judge: (members: readonly A[], entry: Entry) => Verdict<R>,
): () => Machine<R> =>
() => {
  const held = new Map<string, Held<A>[]>();
  return {
    take: (entry) => {
      const value = decoded(codec, entry);
      if (E.isLeft(value)) return [value.left];
      const own = held.get(key(value.right));
      if (own === undefined) held.set(key(value.right), [{ entry, value: value.right }]);
      else own.push({ entry, value: value.right });
      return [];
    },
    end: () =>
      [...held.values()].flatMap((own) => [
        judge(own.map((m) => m.value), own[0]!.entry),
        ...own.slice(1).map(({ entry }) => taken(entry, [])),
      ]),
  };
};

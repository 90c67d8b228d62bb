/**
 * What things are kinds of, after WordNet 3.1 (Princeton University; `kinds.json`, made by `make.ts`). One thing is a
 * kind of another if the other's synset is among its direct or indirect hypernyms.
 */
import * as O from "fp-ts/lib/Option.js";
import { type Concept, concepts } from "../concepts.ts";
import table from "./kinds.json" with { type: "json" };

const parents: Readonly<Record<string, readonly string[]>> = table.parents;
const kinds: Readonly<Record<string, readonly string[]>> = table.kinds;
const disputed: Readonly<Record<string, readonly string[]>> = table.disputed;

/** The kinds that questions name, each in the singular. */
export const kindNames: readonly string[] = Object.keys(kinds);

const above = (synset: string, found = new Set<string>()): ReadonlySet<string> => {
  if (found.has(synset)) return found;
  found.add(synset);
  (parents[synset] ?? []).forEach((parent) => above(parent, found));
  return found;
};

const synsets: readonly (ReadonlySet<string> | undefined)[] = concepts.map(({ synset }) =>
  synset === undefined ? undefined : above(synset)
);

const membersOf = (kind: string): ReadonlySet<number> =>
  new Set(concepts.filter(({ id }) => kinds[kind]!.some((k) => synsets[id]?.has(k))).map(({ id }) => id));

const members = new Map(kindNames.map((kind) => [kind, membersOf(kind)]));
const groups = new Map(
  kindNames.map((kind) => [kind, new Set([...members.get(kind)!].map((id) => concepts[id]!.group))]),
);

/**
 * Whether a concept is of one of the {@link kindNames}. `none` where people may disagree, and where WordNet does not
 * have the concept but its group (animal, food) has members of the kind.
 */
export const isKind = (concept: number, kind: string): O.Option<boolean> => {
  const { name, group, synset } = concepts[concept]!;
  if (disputed[kind]?.includes(name)) return O.none;
  if (synset === undefined) return groups.get(kind)!.has(group) ? O.none : O.some(false);
  return O.some(members.get(kind)!.has(concept));
};

/** `name` and every shorter name that ends as it does: `pine tree`, `tree`. */
const endings = (name: string): readonly string[] => {
  const words = name.split(" ");
  return words.map((_, i) => words.slice(i).join(" "));
};

const namesOf = ({ name, synonyms }: Concept): readonly string[] => [name, ...synonyms];

const confused = (): readonly ReadonlySet<number>[] => {
  const byName = Map.groupBy(
    concepts.flatMap((c) => namesOf(c).map((name) => ({ name, id: c.id }))),
    ({ name }) => name,
  );
  const bySynset = Map.groupBy(concepts, ({ synset }) => synset);
  const out = concepts.map(() => new Set<number>());
  const join = (a: number, others: readonly { readonly id: number }[] = []): void =>
    others.filter(({ id }) => a !== id).forEach(({ id }) => (out[a]!.add(id), out[id]!.add(a)));
  concepts.forEach((c) => {
    namesOf(c).flatMap(endings).forEach((name) => join(c.id, byName.get(name)));
    synsets[c.id]?.forEach((synset) => join(c.id, bySynset.get(synset)));
  });
  return out;
};

let known: readonly ReadonlySet<number>[] | undefined;

/**
 * The concepts that a concept's name may be taken for, without itself: one is a kind of the other or the same (WordNet),
 * or one name ends with the other. With a poodle in the image nobody can be asked whether there is a dog.
 */
export const confusedWith = (concept: number): ReadonlySet<number> => (known ??= confused())[concept]!;

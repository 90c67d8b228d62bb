/** Words that questions and answers are put together from. */
import { article } from "../../text/prompts.ts";
import { concepts, nameOf } from "../concepts.ts";

/** A name behind its article. */
export const withArticle = (name: string): string => `${article(name)} ${name}`;

/** The plural of a concept's name. */
export const pluralOf = (concept: number): string => concepts[concept]!.plural;

/** So many of a concept: `a cow`, `3 cows`. */
export const some = (concept: number, count: number): string =>
  count === 1 ? withArticle(nameOf(concept)) : `${count} ${pluralOf(concept)}`;

/** Parts as a list, commas as words of their own where `spaced`. */
export const listed = (parts: readonly string[], comma = ", "): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(comma)} and ${parts.at(-1)}`;

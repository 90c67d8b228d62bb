/** Reading of the curated list `curated.txt`: its head says how it is written. */
import pluralize from "pluralize";
import { type Group, groups, type Theme, themes } from "../../pipelines/scenes/concepts.ts";

/** One entry of the list. */
export interface Entry {
  /** Name of the image. */
  readonly slug: string;
  /** What people call it. */
  readonly name: string;
  /** The same for several. */
  readonly plural: string;
  /** Its kind. */
  readonly group: Group;
  /** Where it is found, the main theme first. */
  readonly themes: readonly Theme[];
  /** Its fixed number, for the first few concepts. */
  readonly place?: number;
}

const words = (text: string): string => text.replaceAll("-", " ").replaceAll("~", "-");

// Flags are named after their countries: the head of the name takes the plural.
const naming = (slug: string, said: string | undefined, group: Group): readonly [string, string] => {
  if (group === "flag") {
    const country = slug.slice("flag-".length).replaceAll("-", " ");
    const the = /^(united|philippines|seychelles)/.test(country) ? "the " : "";
    return [`flag of ${the}${country}`, `flags of ${the}${country}`];
  }
  const [name, plural] = (said ?? slug).split("/");
  return [words(name!), plural === undefined ? pluralize(words(name!)) : words(plural)];
};

const entry = (text: string, group: Group, where: readonly Theme[]): Entry => {
  const [, slug, said, place, plural] = /^([^=@/]+)(?:=([^@/]+))?(?:@(\d+))?(?:\/(.+))?$/.exec(text)!;
  const [name, many] = naming(slug!, plural === undefined ? said : `${said ?? slug}/${plural}`, group);
  const fixed = place === undefined ? {} : { place: Number(place) };
  return { slug: slug!, name, plural: many, group, themes: where, ...fixed };
};

/** The entries of the list, those with fixed places first. Throws where a heading names no group or theme. */
export const parseCurated = (text: string): readonly Entry[] => {
  const out: Entry[] = [];
  let group: Group | undefined, where: readonly Theme[] = [];
  for (const line of text.split("\n")) {
    const heading = /^# ([a-z]+(?: [a-z]+)*)$/.exec(line)?.[1]?.split(" ");
    if (heading !== undefined && (groups as readonly string[]).includes(heading[0]!)) {
      const unknown = heading.slice(1).find((t) => !(themes as readonly string[]).includes(t));
      if (unknown !== undefined) {
        throw new Error(`curated.txt: the heading "${line}" has no theme ${unknown}`);
      }
      group = heading[0] as Group, where = heading.slice(1) as Theme[];
    } else if (!line.startsWith("#") && line.trim() !== "") {
      for (const word of line.trim().split(/\s+/)) out.push(entry(word, group!, [...new Set(where)]));
    }
  }
  return out.toSorted((a, b) => (a.place ?? Infinity) - (b.place ?? Infinity) || 0);
};

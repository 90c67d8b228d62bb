/** Names of things in other languages, after Unicode's CLDR (Unicode-3.0; `names.json`, made by `make.ts`). */
import * as O from "fp-ts/lib/Option.js";
import { concepts } from "../concepts.ts";
import table from "./names.json" with { type: "json" };

/** A language that questions may ask for, as CLDR writes it. */
export type Locale = "de" | "es" | "fr" | "it" | "ja" | "zh";

/** Every language, with its name in English. */
export const localeNames: Readonly<Record<Locale, string>> = {
  de: "German",
  es: "Spanish",
  fr: "French",
  it: "Italian",
  ja: "Japanese",
  zh: "Chinese",
};

/** Every language. */
export const locales: readonly Locale[] = Object.keys(localeNames) as Locale[];

const names: Readonly<Record<Locale, Readonly<Record<string, string>>>> = table.names;

/** The name of a concept in a language; `none` where CLDR has none. */
export const nameIn = (locale: Locale, concept: number): O.Option<string> =>
  O.fromNullable(names[locale][concepts[concept]!.emoji]);

/** Concepts that captions of scenes name, and CHAIR (arXiv 1809.02156) on them: what is named but not there. */
import { type Concept, concepts } from "../scenes/concepts.ts";
import { chairShares, mentionsOf } from "./chair.ts";
import { ptbTokens } from "./ptb.ts";
import type { Answered, CaptionRecord } from "../records/records.ts";
import { mean, ratio } from "./report.ts";

const wordsOf = (text: string): readonly string[] => ptbTokens(text.toLowerCase());

/** Synonyms that mean nothing else in a caption: of single words (top, check, lounge) many do. */
const plain = ({ synonyms }: Concept): readonly string[] => synonyms.filter((text) => text.includes(" "));

let known: { readonly byWords: ReadonlyMap<string, string>; readonly longest: number } | undefined;

const vocabulary = (): NonNullable<typeof known> => {
  if (known !== undefined) return known;
  const byWords = new Map<string, string>();
  let longest = 1;
  // Names come after synonyms, so that what is a name is never taken for another's synonym.
  for (const named of [plain, ({ name, plural }: Concept) => [name, plural]]) {
    for (const concept of concepts) {
      for (const text of named(concept)) {
        const words = wordsOf(text);
        longest = Math.max(longest, words.length);
        byWords.set(words.join(" "), concept.name);
      }
    }
  }
  return known = { byWords, longest };
};

/** The concepts that a caption names, by name, one entry for each mention; of names in one another the longest. */
export const conceptsNamed = (caption: string): readonly string[] => {
  const { byWords, longest } = vocabulary(), words = wordsOf(caption), out: string[] = [];
  for (let i = 0; i < words.length;) {
    const length = Array.from({ length: longest }, (_, k) => longest - k)
      .find((n) => byWords.has(words.slice(i, i + n).join(" ")));
    if (length !== undefined) out.push(byWords.get(words.slice(i, i + length).join(" "))!);
    i += length ?? 1;
  }
  return out;
};

/**
 * `CHAIRs`, the share of captions that name a concept that is not there; `CHAIRi`, the share of mentions that do;
 * `recall`, the share of a scene's concepts that are named. What is there are the record's `objects`.
 */
export const scoreMentions = (
  answered: readonly Answered<CaptionRecord>[],
): Readonly<Record<"CHAIRs" | "CHAIRi" | "recall", number>> => {
  const counts = answered.map(({ record, answer }) => {
    const there = new Set(record.objects), named = conceptsNamed(answer);
    return {
      ...mentionsOf(named, there),
      recall: ratio([...there].filter((name) => named.includes(name)).length, there.size),
    };
  });
  return { ...chairShares(counts), recall: mean(counts.map(({ recall }) => recall)) };
};

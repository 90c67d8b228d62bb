/**
 * RESULTS.md, a screen of verdicts; `results/claims.md`, the claims one by one; and a page for each record that their
 * numbers come from. Pure.
 */
import type { MetricInfo } from "../../engine/sample_scores.ts";
import { metricInfos } from "../../engine/sample_scores.ts";
import { claims } from "./claims.ts";
import {
  type ClaimResult,
  type ComparisonRow,
  type KeptAblation,
  resultOf,
  type TimeRow,
} from "./evidence.ts";
import { percent, points, tableOf, times } from "./markdown.ts";
import { paperSide } from "./paper_side.ts";
import { armLink, recordPage, recordPart } from "./record_part.ts";
import type { Verdict } from "./verdict.ts";

/** The command that writes the page. */
const PAGE_COMMAND = "deno task cos results";

const labelOf = (score: string): string =>
  metricInfos.find(({ name }: MetricInfo) => name === score)?.label ?? score;

const withLinks = (record: string, text: string, arms: readonly string[]): string => {
  const ordered = arms.toSorted((a, b) => b.length - a.length);
  const marked = ordered.reduce((sofar, arm, i) => sofar.replaceAll(arm, `\u0000${i}\u0000`), text);
  return ordered.reduce(
    (sofar, arm, i) => sofar.replaceAll(`\u0000${i}\u0000`, armLink(record, arm)),
    marked,
  );
};

const paperText = (row: ComparisonRow): string => {
  const paper = paperSide(row.comparison);
  return paper === undefined ? "–" : `${points(paper.points / 100)} (${paper.columns.join(", ")})`;
};

const verdictText = ({ verdict, reason }: { readonly verdict: string; readonly reason: string }): string =>
  `**${verdict}**: ${reason}`;

const scoreOf = ({ score, terms }: ComparisonRow["comparison"]): string => score ?? labelOf(terms[0]!.score);

const scoreRow = (row: ComparisonRow): readonly string[] => {
  const { comparison, record, measured, level, bySeed } = row;
  const arms = [...new Set(comparison.terms.map(({ arm }) => arm))];
  return [
    `${comparison.decides ? "" : "alongside: "}${withLinks(record, comparison.about, arms)}`,
    scoreOf(comparison),
    paperText(row),
    points(measured.value),
    `[${points(measured.low)}, ${points(measured.high)}] at ${percent(level)} %`,
    bySeed.map(points).join(", "),
    comparison.bound === 0 ? "0" : points(comparison.bound),
    link(record),
    verdictText(row),
  ];
};

const timeRow = (row: TimeRow): readonly string[] => {
  const { comparison: { arm, bound, decides }, record, baseline, measured, predicted } = row;
  return [
    `${decides ? "" : "alongside: "}${armLink(record, arm)} / ${armLink(record, baseline)}`,
    times(measured.value),
    `[${times(measured.low)}, ${times(measured.high)}]`,
    times(predicted),
    times(bound),
    link(record),
    verdictText(row),
  ];
};

const missing = ({ claim, rows, times: timed }: ClaimResult): readonly string[] => [
  ...claim.comparisons.filter((one) => one.decides && !rows.some(({ comparison }) => comparison === one))
    .map((comparison) =>
      `No record of the family \`${comparison.family}\` has ${comparison.about} in ${scoreOf(comparison)}.`
    ),
  ...claim.times.filter((one) => one.decides && !timed.some(({ comparison }) => comparison === one))
    .map(({ arm }) => `No record has the time of ${arm}.`),
];

const link = (record: string): string => `[${record}](${recordPage(record)})`;

const claimPart = (result: ClaimResult): string => {
  const { claim, rows, times: timed } = result;
  return [
    `## <a id="${claim.id}"></a>${claim.text}`,
    `${verdictText(result)}.`,
    `_In the paper._ ${claim.paper}`,
    `_Here._ ${claim.here}`,
    ...(rows.length === 0 ? [] : [tableOf(
      ["difference", "score", "paper", "points", "interval", "by seed", "above", "record", "verdict"],
      rows.map(scoreRow),
      ["score", "record", "verdict"],
    )]),
    ...(timed.length === 0 ? [] : [tableOf(
      [
        "time of pre-training",
        "measured",
        "range",
        "by FLOPs",
        "at most",
        "record",
        "verdict",
      ],
      timed.map(timeRow),
      ["record", "verdict"],
    )]),
    ...missing(result),
  ].join("\n\n");
};

const plain = (verdict: Verdict): string => verdict;

const measuredText = ({ rows, times: timed }: ClaimResult): string => {
  const shown = rows.filter(({ comparison }) => comparison.decides);
  const scores = shown.map(({ comparison, measured, verdict }) =>
    `${scoreOf(comparison)} ` +
    `${points(measured.value)} [${points(measured.low)}, ${points(measured.high)}] (${plain(verdict)})`
  );
  const ratios = timed.filter(({ comparison }) => comparison.decides).map((
    { comparison, measured, verdict },
  ) =>
    `${comparison.arm} ${times(measured.value)} [${times(measured.low)}, ${times(measured.high)}] (${
      plain(verdict)
    })`
  );
  return [...scores, ...ratios].join("; ") || "–";
};

const overview = (results: readonly ClaimResult[], folder: string): string =>
  tableOf(
    ["claim", "measured, in points or as a ratio", "verdict"],
    results.map((result) => [
      `[${result.claim.text}](${folder}/${CLAIMS}#${result.claim.id})`,
      measuredText(result),
      result.verdict === "undecided" ? `${plain(result.verdict)}: ${result.reason}` : result.verdict,
    ]),
    ["measured, in points or as a ratio", "verdict"],
  );

const reading = [
  "**Scale.** The paper trains a 7B decoder on about 65M samples and fine-tunes it on photos. Here a small decoder " +
  "that starts from nothing is trained for minutes on drawn scenes, over a frozen encoder of our own. Arms have the " +
  "names of the paper's rows, but a quarter of their tokens (336 are 84, 80 are 20, 32 are 8) and half of their " +
  "resolution. What is reproduced here is a direction at this scale, not the paper's numbers; what is not, is not " +
  "refuted at theirs.",
  "**Scores.** Presence F1 (is there a ...?) represents POPE, counting for VQA, boxes at IoU 0.5 for referring " +
  "expressions, ANLS of signs for reading.",
  "**Intervals.** Seeds and scenes are drawn again independently (10,000 times), the same draws for both arms, so " +
  "that differences are paired. The intervals that decide one claim together cover 95 % (Bonferroni within a claim, " +
  "by the number of its deciding rows); over all claims nothing is corrected: of twenty comparisons without any " +
  "difference about one would be decided by chance. With three seeds the variance between seeds is underestimated by " +
  "a third, which is why every seed alone must agree, too. Rows marked _beside_ decide nothing and have 95 %.",
  "**Verdicts.** Reproduced: interval and every seed are above the bound that the claim names. Not reproduced: all " +
  "are below. Undecided: the interval holds the bound, seeds disagree, nothing was asked, or no " +
  "arm scores beyond its controls (the average image, and the image of another scene), in which case a " +
  "difference is not of seeing. A claim with several deciding rows holds if all do and falls with any. Claims, " +
  "bounds and deciding scores are in `pipelines/report/results/claims.ts`.",
  "**Times** are of steps of pre-training. Each arm did some steps in turn in every round, so that other work on " +
  "the machine fell on all; the ratio is the median over rounds with its 95 % interval. Runs are minutes apart: their " +
  "own times are compared nowhere.",
];

const counted = (results: readonly ClaimResult[]): string => {
  const of = (wanted: Verdict): number => results.filter(({ verdict }) => verdict === wanted).length;
  return `${of("reproduced")} reproduced, ${of("not reproduced")} not reproduced, ` +
    `${of("undecided")} undecided.`;
};

/** The page of the claims in the folder of the records. */
const CLAIMS = "claims.md";

/** The pages about records and what they say about the claims. */
export interface ResultsPages {
  /** The page of verdicts, alongside the folder of the records. */
  readonly verdicts: string;
  /** Pages in the folder of the records, by their place in it. */
  readonly inside: Readonly<Record<string, string>>;
}

/** The pages about records in a folder and what they say about the claims, which is found out unless given. */
export const resultsPages = (
  records: readonly KeptAblation[],
  results: readonly ClaimResult[] = claims.map(resultOf(records)),
  folder = "results",
): ResultsPages => ({
  verdicts: `${
    [
      "# Results",
      "The claims of Chain-of-Sight (arXiv 2407.15819) alongside what was measured here with models of a few hundred " +
      `thousand parameters on drawn scenes: ${
        counted(results)
      } Written by \`${PAGE_COMMAND}\` from the records in ` +
      `\`${folder}/\`; a test holds it to them.`,
      overview(results, folder),
      `[How to read this, and every claim with what decides it](${folder}/${CLAIMS}). Records: ` +
      `${records.map(({ name }) => `[${name}](${folder}/${recordPage(name)})`).join(", ")}.`,
    ].join("\n\n")
  }\n`,
  inside: {
    [CLAIMS]: `${
      [
        "# The claims, one by one",
        `What decides [the verdicts](../RESULTS.md). Written by \`${PAGE_COMMAND}\`. The link of an arm leads to its ` +
        "line in the page of a record, which has its runs, hashes of configuration and data, and commands.",
        ...results.map(claimPart),
        "## How to read them",
        ...reading,
        "## Adding a record",
        "```sh\ndeno task cos ablate --family main --preset gpu\n" +
        "deno task cos results keep runs/main-gpu --note 'one H100, nothing else on it'\n" +
        `${PAGE_COMMAND}\n\`\`\``,
      ].join("\n\n")
    }\n`,
    ...Object.fromEntries(records.map((record) => [recordPage(record.name), recordPart(record)])),
  },
});

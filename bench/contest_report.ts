/** Text of a paired benchmark, as JSON and as Markdown. */
import { type OpponentName, opponentNames } from "./opponents/opponent.ts";
import type { Spread } from "./spread.ts";
import { aboutLine, markdownTable } from "./step_report.ts";

/** What an opponent did in a case: its times, or why it has none. */
export type OpponentResult =
  | {
    /** Who. */
    readonly opponent: OpponentName;
    /** Milliseconds of one evaluation. */
    readonly ms: Spread;
    /** Evaluations between two waits. */
    readonly series: number;
    /** Its time over ours, round by round. */
    readonly speedup: Spread;
    /** Largest difference of its results from ours, as a part of the largest number. */
    readonly difference: number;
  }
  | {
    /** Who. */
    readonly opponent: OpponentName;
    /** Why it was not timed. */
    readonly reason: string;
  };

/** One case. */
export interface CaseReport {
  /** Its name. */
  readonly case: string;
  /** FLOPs of its products; 0 where bytes count. */
  readonly flops: number;
  /** Our milliseconds of one evaluation. */
  readonly ms: Spread;
  /** Our evaluations between two waits. */
  readonly series: number;
  /** Everyone else. */
  readonly opponents: readonly OpponentResult[];
}

/** A whole run. */
export interface ContestRun {
  /** The run. */
  readonly what: "paired";
  /** Name of the device. */
  readonly deviceName: string;
  /** Versions of everything; an opponent that did not load has its reason here. */
  readonly versions: Readonly<Record<string, string>>;
  /** Rounds of every case. */
  readonly rounds: number;
  /** The cases. */
  readonly cases: readonly CaseReport[];
}

const significant = (x: number): string => x >= 100 ? x.toFixed(0) : x.toPrecision(3);

const cell = (result: OpponentResult | undefined): string =>
  result === undefined || "reason" in result
    ? "-"
    : `${result.speedup.median.toFixed(2)} (${result.speedup.q1.toFixed(2)}-${result.speedup.q3.toFixed(2)})`;

const named = (run: ContestRun): readonly OpponentName[] =>
  opponentNames.filter((name) => run.cases.some((c) => c.opponents.some((o) => o.opponent === name)));

const row = (names: readonly OpponentName[]) => (c: CaseReport): readonly string[] => [
  c.case,
  significant(c.ms.median),
  c.flops === 0 ? "" : significant(c.flops / (c.ms.median / 1000) / 1e9),
  ...names.map((name) => cell(c.opponents.find((o) => o.opponent === name))),
];

/** Reasons of opponents that were not timed, each said once with its cases. */
const reasons = (run: ContestRun): readonly string[] => {
  const cases = new Map<string, string[]>();
  for (const c of run.cases) {
    for (const o of c.opponents) {
      if (!("reason" in o)) continue;
      const key = `${o.opponent}: ${o.reason}`;
      cases.set(key, [...cases.get(key) ?? [], c.case]);
    }
  }
  return [...cases].map(([key, at]) =>
    `- ${key} (${at.length === run.cases.length ? "all cases" : at.join("; ")})`
  );
};

/** A run as Markdown: device and versions, the table, and why anyone is missing from it. */
export const contestText = (run: ContestRun): string => {
  const names = named(run), why = reasons(run);
  return [
    aboutLine(run),
    "",
    `Speed-up: the opponent's time over ours, round by round: median (quartiles) of ${run.rounds} rounds.`,
    "",
    markdownTable(
      ["case", "ours, ms", "GFLOP/s", ...names.map((name) => `over ${name}`)],
      run.cases.map(row(names)),
    ),
    ...(why.length === 0 ? [] : ["", "Not timed:", "", ...why]),
  ].join("\n");
};

/** Content of a page of the board, as its address says it. */
import * as E from "fp-ts/lib/Either.js";
import { conditionOf, meets } from "../runs/query.ts";
import { isArtefact } from "../runs/run_scores.ts";
import { type RunStatus, runStatuses } from "../runs/status.ts";
import type { RunView } from "./run_view.ts";

/** What is shown. */
export interface BoardQuery {
  /** Words that runs must hold: parts of names and devices, or conditions as of `runs query`: `seed=1`. */
  readonly words: string;
  /** Whether artefacts of stores, which runs share, are listed too. */
  readonly all: boolean;
  /** Only runs of this status. */
  readonly status: RunStatus | "all";
  /** Column that the list is sorted by, falling with a minus before it; empty keeps the latest runs first. */
  readonly sort: string;
  /** Runs whose curves are drawn, by id; none takes the one that was begun last. */
  readonly runs: readonly string[];
  /** Arms whose curves are drawn, by their labels; none takes all. */
  readonly arms: readonly string[];
  /** The metric of the large chart. */
  readonly metric: string;
  /** Whether its y axis is logarithmic. */
  readonly log: boolean;
  /** Weight of the neighbours in its smoothing, from 0 to 0.98. */
  readonly smoothing: number;
  /** The steps that it shows; all of them without. */
  readonly steps?: readonly [from: number, to: number];
  /** Width of the charts, pixels. */
  readonly width: number;
}

/** Width of the charts where no script says how much room there is. */
const WIDTH = 1180;

const SMOOTHING = 0.8;

const numberOf = (text: string | null, fallback: number, low: number, high: number): number => {
  const number = text === null || text.trim() === "" ? NaN : Number(text);
  return Number.isFinite(number) ? Math.min(high, Math.max(low, number)) : fallback;
};

const stepsOf = (text: string | null): { readonly steps?: readonly [number, number] } => {
  const [from = NaN, to = NaN] = (text ?? "").split("-").map((part) => part === "" ? NaN : Number(part));
  return from >= 0 && to > from && Number.isFinite(to) ? { steps: [from, to] } : {};
};

/** The query of an address. */
export const queryOf = (params: URLSearchParams): BoardQuery => {
  const status = params.get("status") as RunStatus | null;
  return {
    words: params.get("q") ?? "",
    all: params.get("all") === "1",
    status: status !== null && runStatuses.includes(status) ? status : "all",
    sort: params.get("sort") ?? "",
    runs: params.getAll("run"),
    arms: params.getAll("arm"),
    metric: params.get("metric") ?? "loss",
    log: params.get("log") === "1",
    smoothing: numberOf(params.get("smoothing"), SMOOTHING, 0, 0.98),
    ...stepsOf(params.get("steps")),
    width: Math.round(numberOf(params.get("width"), WIDTH, 280, 2400)),
  };
};

/** The address of a query, from the question mark on; the width is what the page says, and no part of it. */
export const searchOf = (query: BoardQuery): string => {
  const params = new URLSearchParams();
  if (query.words !== "") params.set("q", query.words);
  if (query.all) params.set("all", "1");
  if (query.status !== "all") params.set("status", query.status);
  if (query.sort !== "") params.set("sort", query.sort);
  for (const run of query.runs) params.append("run", run);
  for (const arm of query.arms) params.append("arm", arm);
  if (query.metric !== "loss") params.set("metric", query.metric);
  if (query.log) params.set("log", "1");
  if (query.smoothing !== SMOOTHING) params.set("smoothing", String(query.smoothing));
  if (query.steps !== undefined) params.set("steps", query.steps.join("-"));
  return `?${params}`;
};

// A word with a relation in it is a condition on a field; any other is a part of a name.
const holds = (run: RunView, word: string): boolean => {
  const condition = conditionOf(word), { id, label, manifest, status, scores, arms } = run;
  return E.isRight(condition)
    ? meets({ path: id, manifest, status, scores, arms }, condition.right)
    : `${id} ${label} ${manifest.device} ${status}`.toLowerCase().includes(word.toLowerCase());
};

/** The runs that a query asks for, in their order. */
export const chosenBy = (query: BoardQuery, runs: readonly RunView[]): readonly RunView[] => {
  const words = query.words.split(/\s+/).filter((word) => word !== "");
  return runs.filter((run) =>
    (query.all || !isArtefact(run.id)) && (query.status === "all" || run.status === query.status) &&
    words.every((word) => holds(run, word))
  );
};

/** The runs whose curves are drawn: the chosen ones that were ticked, or the one that was begun last. */
export const drawnBy = (query: BoardQuery, runs: readonly RunView[]): readonly RunView[] => {
  const chosen = chosenBy(query, runs), ticked = chosen.filter(({ id }) => query.runs.includes(id));
  return ticked.length > 0 ? ticked : chosen.slice(0, 1);
};

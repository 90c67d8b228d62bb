/** What a page of the board shows, as its address says it. */
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
  /** Runs whose curves are drawn, by id; none takes the one that was begun last. */
  readonly runs: readonly string[];
  /** The metric of the large chart. */
  readonly metric: string;
}

/** The query of an address. */
export const queryOf = (params: URLSearchParams): BoardQuery => {
  const status = params.get("status") as RunStatus | null;
  return {
    words: params.get("q") ?? "",
    all: params.get("all") === "1",
    status: status !== null && runStatuses.includes(status) ? status : "all",
    runs: params.getAll("run"),
    metric: params.get("metric") ?? "loss",
  };
};

/** The address of a query, from the question mark on. */
export const searchOf = ({ words, all, status, runs, metric }: BoardQuery): string => {
  const params = new URLSearchParams();
  if (words !== "") params.set("q", words);
  if (all) params.set("all", "1");
  if (status !== "all") params.set("status", status);
  for (const run of runs) params.append("run", run);
  if (metric !== "loss") params.set("metric", metric);
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

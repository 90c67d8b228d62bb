/** What a page of the board shows, as its address says it. */
import type { RunView, Status } from "./run_view.ts";
import { statuses } from "./run_view.ts";

/** What is shown. */
export interface BoardQuery {
  /** Words that runs must hold: parts of names and devices, or `field=value` of a configuration. */
  readonly words: string;
  /** Only runs of this status. */
  readonly status: Status | "all";
  /** Runs whose curves are drawn, by id; none takes the one that changed last. */
  readonly runs: readonly string[];
  /** The metric of the large chart. */
  readonly metric: string;
}

/** The query of an address. */
export const queryOf = (params: URLSearchParams): BoardQuery => {
  const status = params.get("status") as Status | null;
  return {
    words: params.get("q") ?? "",
    status: status !== null && statuses.includes(status) ? status : "all",
    runs: params.getAll("run"),
    metric: params.get("metric") ?? "loss",
  };
};

/** The address of a query, from the question mark on. */
export const searchOf = ({ words, status, runs, metric }: BoardQuery): string => {
  const params = new URLSearchParams();
  if (words !== "") params.set("q", words);
  if (status !== "all") params.set("status", status);
  for (const run of runs) params.append("run", run);
  if (metric !== "loss") params.set("metric", metric);
  return `?${params}`;
};

const fieldOf = (config: unknown, path: string): unknown =>
  path.split(".").reduce<unknown>(
    (inner, name) =>
      typeof inner === "object" && inner !== null && Object.hasOwn(inner, name)
        ? (inner as Readonly<Record<string, unknown>>)[name]
        : undefined,
    config,
  );

const holds = (run: RunView, word: string): boolean => {
  const at = word.indexOf("=");
  if (at > 0) {
    const value = fieldOf(run.manifest.config, word.slice(0, at)), wanted = word.slice(at + 1);
    return value !== undefined && (JSON.stringify(value) === wanted || String(value) === wanted);
  }
  const text = `${run.id} ${run.label} ${run.manifest.device} ${run.status}`.toLowerCase();
  return text.includes(word.toLowerCase());
};

/** The runs that a query asks for, in their order. */
export const chosenBy = (query: BoardQuery, runs: readonly RunView[]): readonly RunView[] => {
  const words = query.words.split(/\s+/).filter((word) => word !== "");
  return runs.filter((run) =>
    (query.status === "all" || run.status === query.status) && words.every((word) => holds(run, word))
  );
};

/** The runs whose curves are drawn: the chosen ones that were ticked, or the one that changed last. */
export const drawnBy = (query: BoardQuery, runs: readonly RunView[]): readonly RunView[] => {
  const chosen = chosenBy(query, runs), ticked = chosen.filter(({ id }) => query.runs.includes(id));
  return ticked.length > 0 ? ticked : chosen.slice(0, 1);
};

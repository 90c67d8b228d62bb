/**
 * The runs of a folder: which there are, which are like this, and what two of them differ in.
 *
 *     deno task cos runs list [--runs folder] [--sort field] [--json]
 *     deno task cos runs query <condition> ... [--runs folder] [--sort field] [--json]
 *     deno task cos runs diff <run> <run> [--json]
 */
import { Argument, Command } from "effect/cli";
import * as Effect from "effect/Effect";
import { fromEither } from "../base/bridge.ts";
import { diffRows, diffRuns } from "../runs/diff.ts";
import { type IndexedRun, indexRuns, type RunIndex } from "../runs/index.ts";
import { isArtefact, mainScores, type Scores } from "../runs/run_scores.ts";
import { duration } from "../terminal/progress.ts";
import { queryRuns } from "../runs/query.ts";
import { table } from "../terminal/table.ts";
import { oneLine } from "../terminal/visible.ts";
import { notice, print } from "../terminal/output.ts";
import { jsonFlag, switchFlag, textFlag } from "./flags.ts";
import { runIn } from "./run_in.ts";

const flags = {
  runs: textFlag("runs", "runs", "folder to search for runs"),
  all: switchFlag("all", "also list the artefacts of stores"),
  sort: textFlag("sort", "-started", "field to sort by, such as path or -scores.presenceF1 (largest first)"),
  json: jsonFlag,
};

const data = ({ path, status, manifest, scores, arms }: IndexedRun): unknown => {
  const { name, configHash, dataHash, device, started, finished, config } = manifest;
  return { path, status, name, configHash, dataHash, device, started, finished, scores, arms, config };
};

const display = (scores: Scores): string =>
  [
    ...mainScores.filter((name) => name in scores),
    ...Object.keys(scores).filter((name) => !mainScores.includes(name)),
  ]
    .slice(0, 3).map((name) => `${name} ${Number(scores[name]!.toPrecision(4))}`).join(", ");

/** The arm with the largest first score, where there are several. */
const bestArm = ({ arms }: IndexedRun): string => {
  const [first = ""] = mainScores.filter((name) => Object.values(arms).some((scores) => name in scores));
  const ranked = Object.entries(arms).toSorted(([, a], [, b]) => (b[first] ?? 0) - (a[first] ?? 0));
  return ranked.length < 2 || first === "" ? "" : ranked[0]![0];
};

const took = ({ manifest: { started, finished } }: IndexedRun): string =>
  finished === undefined ? "" : duration((Date.parse(finished) - Date.parse(started)) / 1000);

const report = (runs: readonly IndexedRun[], { unreadable }: RunIndex, json: boolean): void => {
  print(
    json ? JSON.stringify(runs.map(data), null, 2) : table(
      [
        "run",
        "status",
        "started",
        { name: "duration", align: "right" },
        { name: "arms", align: "right" },
        "best arm",
        "scores",
      ],
      runs.map((run) => [
        run.path,
        run.status === "finished"
          ? run.status
          : `${run.status}, ${
            run.manifest.stages.filter(({ status }) => status === "done").length
          } of ${run.manifest.stages.length} stages`,
        run.manifest.started.slice(0, 16).replace("T", " "),
        took(run),
        Object.keys(run.arms).length || undefined,
        bestArm(run),
        display(Object.keys(run.arms).length > 1 ? run.arms[bestArm(run)] ?? {} : run.scores),
      ]),
    ),
  );
  for (const { path, reason } of unreadable) notice(oneLine(`${path}: ${reason}`));
};

interface Request {
  readonly runs: string;
  readonly all: boolean;
  readonly sort: string;
  readonly json: boolean;
}

const listed = (where: readonly string[], { runs, all, sort, json }: Request) =>
  Effect.gen(function* () {
    const index = yield* indexRuns(runs);
    const own = all ? index.runs : index.runs.filter(({ path }) => !isArtefact(path));
    const found = yield* fromEither(queryRuns(own, { where, sort }));
    report(found, index, json);
    if (found.length === 0) {
      notice(own.length === 0 ? `${runs} has no runs` : `none of ${own.length} runs matches`);
    }
    const hidden = index.runs.length - own.length;
    if (hidden > 0) notice(`${hidden} artefacts of stores are not listed; --all lists them`);
  });

const list = Command.make("list", flags, (request) => listed([], request)).pipe(
  Command.withDescription("Lists the runs of a folder."),
  Command.withExamples([{
    command: "deno task cos runs list",
    description: "the latest first",
  }]),
);

const query = Command.make(
  "query",
  {
    where: Argument.String("condition").pipe(
      Argument.variadic({ min: 1 }),
      Argument.withDescription(
        "conditions such as pretrain.steps=240, with = != < <= > >= ~, on fields of the configuration, scores.<name>, status, " +
          "device, name ...; all conditions must hold",
      ),
    ),
    ...flags,
  },
  ({ where, ...request }) => listed(where, request),
).pipe(
  Command.withDescription("Queries runs by fields of their configurations and by their scores."),
  Command.withExamples([{
    command: "deno task cos runs query pretrain.steps=240 'scores.presenceF1>0.7' --sort -scores.presenceF1",
    description: "the best of those with 240 steps",
  }]),
);

const diff = Command.make(
  "diff",
  {
    a: Argument.String("a").pipe(Argument.withDescription("directory of a run")),
    b: Argument.String("b").pipe(Argument.withDescription("directory of the other run")),
    json: jsonFlag,
  },
  ({ a, b, json }) =>
    Effect.gen(function* () {
      const found = diffRuns(yield* runIn(a), yield* runIn(b));
      print(
        json
          ? JSON.stringify(found, null, 2)
          : found.length === 0
          ? "nothing differs"
          : table(["about", "field", a, b], diffRows(found)),
      );
    }),
).pipe(
  Command.withDescription(
    "Compares two runs: configuration, data, code, device, stages and scores.",
  ),
  Command.withExamples([{ command: "deno task cos runs diff runs/a runs/b", description: "field by field" }]),
);

/** The command. */
export const command = Command.make("runs").pipe(Command.withSubcommands([list, query, diff]));

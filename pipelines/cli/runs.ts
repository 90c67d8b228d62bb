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
import { queryRuns } from "../runs/query.ts";
import { table } from "../terminal/table.ts";
import { oneLine } from "../terminal/visible.ts";
import { notice, print } from "../terminal/output.ts";
import { jsonFlag, textFlag } from "./flags.ts";
import { runIn } from "./run_in.ts";

const flags = {
  runs: textFlag("runs", "runs", "folder below which runs are looked for"),
  sort: textFlag("sort", "path", "field to sort by, such as started or -scores.presenceF1 (greatest first)"),
  json: jsonFlag,
};

const data = ({ path, status, manifest, scores }: IndexedRun): unknown => {
  const { name, configHash, dataHash, device, started, finished, config } = manifest;
  return { path, status, name, configHash, dataHash, device, started, finished, scores, config };
};

const shown = ({ scores }: IndexedRun): string =>
  Object.entries(scores).slice(0, 3).map(([name, value]) => `${name} ${Number(value.toPrecision(4))}`).join(
    ", ",
  );

const tell = (runs: readonly IndexedRun[], { unreadable }: RunIndex, json: boolean): void => {
  print(
    json ? JSON.stringify(runs.map(data), null, 2) : table(
      ["run", "status", "stages", "begun", "device", "scores"],
      runs.map((run) => [
        run.path,
        run.status,
        `${
          run.manifest.stages.filter(({ status }) => status === "done").length
        }/${run.manifest.stages.length}`,
        run.manifest.started.slice(0, 16).replace("T", " "),
        run.manifest.device,
        shown(run),
      ]),
    ),
  );
  for (const { path, reason } of unreadable) notice(oneLine(`${path}: ${reason}`));
};

const asked = (folder: string, where: readonly string[], sort: string, json: boolean) =>
  Effect.gen(function* () {
    const index = yield* indexRuns(folder);
    tell(yield* fromEither(queryRuns(index, { where, sort })), index, json);
  });

const list = Command.make("list", flags, ({ runs, sort, json }) => asked(runs, [], sort, json)).pipe(
  Command.withDescription("Lists the runs of a folder."),
  Command.withExamples([{
    command: "deno task cos runs list --sort -started",
    description: "the latest first",
  }]),
);

const query = Command.make(
  "query",
  {
    where: Argument.String("condition").pipe(
      Argument.variadic({ min: 1 }),
      Argument.withDescription(
        "field, relation (= != < <= > >= ~) and value; fields of the configuration, scores.<name>, or status, " +
          "device, name ...; all must hold",
      ),
    ),
    ...flags,
  },
  ({ where, runs, sort, json }) => asked(runs, where, sort, json),
).pipe(
  Command.withDescription("Finds runs by fields of their configurations and by their scores."),
  Command.withExamples([{
    command: "deno task cos runs query pretrain.steps=240 'scores.presenceF1>0.7' --sort -scores.presenceF1",
    description: "the best of those with 240 steps",
  }]),
);

const diff = Command.make(
  "diff",
  {
    a: Argument.String("a").pipe(Argument.withDescription("directory of a run")),
    b: Argument.String("b").pipe(Argument.withDescription("directory of another")),
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
    "Says what two runs differ in: configuration, data, code, device, stages and scores.",
  ),
  Command.withExamples([{ command: "deno task cos runs diff runs/a runs/b", description: "field by field" }]),
);

/** The command. */
export const command = Command.make("runs").pipe(Command.withSubcommands([list, query, diff]));

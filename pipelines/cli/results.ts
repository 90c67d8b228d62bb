/**
 * The claims of the paper with verdicts, from small records of ablations that are kept with the code.
 *
 *     deno task cos results [--folder results] [--out RESULTS.md] [--json]
 *     deno task cos results keep <dir> [--name NAME] [--note TEXT] [--folder results]
 */
import { Argument, Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { basename } from "node:path";
import { claims } from "../report/results/claims.ts";
import { resultOf } from "../report/results/evidence.ts";
import { keepAblation } from "../report/results/keep.ts";
import { resultsPage } from "../report/results/page.ts";
import { readResults } from "../report/results/read.ts";
import { atomicWrite } from "../runs/disk.ts";
import { table } from "../terminal/table.ts";
import { jsonFlag } from "./flags.ts";

const folder = Flag.String("folder").pipe(
  Flag.withDefault("results"),
  Flag.withDescription("folder of the records"),
);

const keep = Command.make(
  "keep",
  {
    directory: Argument.String("dir").pipe(Argument.withDescription("directory of an ablation")),
    name: Flag.String("name").pipe(
      Flag.optional,
      Flag.withDescription("its name among the records; that of its directory by default"),
    ),
    note: Flag.String("note").pipe(
      Flag.withDefault(""),
      Flag.withDescription("what a reader should know of how it was run, such as what else the machine did"),
    ),
    folder,
  },
  ({ directory, name: asked, note, folder }) =>
    Effect.gen(function* () {
      const path = directory.replace(/(?<=.)\/+$/, ""), name = Option.getOrElse(asked, () => basename(path));
      const { arms } = yield* keepAblation({ directory: path, folder, name, note });
      console.error(`${folder}/${name}: ${arms.length} arms; \`deno task cos results\` writes the page`);
    }),
).pipe(Command.withDescription("Copies what is small of an ablation into the records: no weights."));

const parts = {
  folder,
  out: Flag.String("out").pipe(
    Flag.withDefault("RESULTS.md"),
    Flag.withDescription("the page"),
  ),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make("results", parts, ({ folder, out, json }) =>
  Effect.gen(function* () {
    const records = yield* readResults(folder), results = claims.map(resultOf(records));
    yield* atomicWrite(out, [new TextEncoder().encode(resultsPage(records))]);
    console.log(
      json
        ? JSON.stringify(results, null, 2)
        : table(["claim", "verdict"], results.map(({ claim, verdict }) => [claim.text, verdict])),
    );
    console.error(out);
  })).pipe(Command.withSubcommands([keep]));

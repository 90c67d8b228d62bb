/**
 * The claims of the paper with verdicts, from small records of ablations that are kept with the code.
 *
 *     deno task cos results [--folder results] [--out RESULTS.md] [--json]
 *     deno task cos results keep <dir> [--name NAME] [--note TEXT] [--folder results]
 *     deno task cos results time <name> [--steps 8] [--rounds 15] [--device cpu] [--folder results]
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import { Argument, Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { basename } from "node:path";
import { readAblation } from "../ablations/summary.ts";
import { claims } from "../report/results/claims.ts";
import { resultOf } from "../report/results/evidence.ts";
import { keepAblation } from "../report/results/keep.ts";
import { resultsPages } from "../report/results/page.ts";
import { timePaired, TIMES } from "../ablations/paired.ts";
import { readResults } from "../report/results/read.ts";
import { atomicWrite } from "../base/disk.ts";
import { writeJson } from "../runs/run_directory.ts";
import { table } from "../terminal/table.ts";
import { notice, print } from "../terminal/output.ts";
import { computeFlag, countFlag, directoryArgument, jsonFlag, optionalText, textFlag } from "./flags.ts";

const folder = textFlag("folder", "results", "folder of the records");

const keep = Command.make(
  "keep",
  {
    directory: directoryArgument("directory of an ablation"),
    name: optionalText("name", "name of the record; default: the directory's name"),
    note: optionalText(
      "note",
      "note for readers on how it was run, such as other load on the machine",
    ),
    folder,
  },
  ({ directory, name: asked, note, folder }) =>
    Effect.gen(function* () {
      const name = Option.getOrElse(asked, () => basename(directory));
      const { arms } = yield* keepAblation({
        directory,
        folder,
        name,
        ...(Option.isSome(note) ? { note: note.value } : {}),
      });
      notice(`${folder}/${name}: ${arms.length} arms; \`deno task cos results\` writes the pages`);
    }),
).pipe(
  Command.withDescription(
    "Copies scores, configurations and logs of an ablation into the records, without weights.",
  ),
);

const time = Command.make(
  "time",
  {
    name: Argument.String("name").pipe(Argument.withDescription("name of a record")),
    steps: countFlag("steps", 8, "steps per arm and round"),
    rounds: countFlag("rounds", 15, "rounds"),
    device: computeFlag,
    folder,
  },
  ({ name, folder, device, steps, rounds }) =>
    Effect.gen(function* () {
      const path = `${folder}/${name}`, { config, manifest } = yield* readAblation(path);
      const known = claims.flatMap(({ times }) => times.map(({ arm }) => arm));
      const arms = [...new Set(known)].filter((arm) => config.arms.some((one) => one.name === arm));
      const command =
        `deno task cos results time ${name} --steps ${steps} --rounds ${rounds} --device ${device}`;
      const { configHash } = manifest;
      const times = yield* timePaired({ config, configHash, arms, steps, rounds, command }).pipe(
        Effect.provide(deviceNamed(device)),
      );
      yield* writeJson(`${path}/${TIMES}`, times);
      notice(`${path}/${TIMES}: ${times.arms.length} arms`);
    }),
).pipe(Command.withDescription("Times pre-training steps of a record's arms in alternation."));

const parts = {
  folder,
  out: textFlag("out", "RESULTS.md", "the page of verdicts; the others go into the folder"),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make("results", parts, ({ folder, out, json }) =>
  Effect.gen(function* () {
    const records = yield* readResults(folder), results = claims.map(resultOf(records));
    const pages = resultsPages(records, results, folder),
      bytes = (text: string) => [new TextEncoder().encode(text)];
    yield* atomicWrite(out, bytes(pages.verdicts));
    for (const [place, text] of Object.entries(pages.inside)) {
      yield* atomicWrite(`${folder}/${place}`, bytes(text));
    }
    print(
      json
        ? JSON.stringify(results, null, 2)
        : table(["claim", "verdict"], results.map(({ claim, verdict }) => [claim.text, verdict])),
    );
    notice(out);
  })).pipe(Command.withSubcommands([keep, time]));

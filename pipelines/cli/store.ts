/**
 * What the store of artefacts holds, and the removal of what no run needs.
 *
 *     deno task cos store du [--store folder] [--runs folder ...] [--json]
 *     deno task cos store prune [--dry-run] [--store folder] [--runs folder ...] [--json]
 */
import { bytesText } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import { readStore, removeArtefact, type StoredArtefact, unused } from "../engine/store_usage.ts";
import { table } from "../terminal/table.ts";
import { notice, print } from "../terminal/output.ts";
import { jsonFlag, switchFlag, textFlag } from "./flags.ts";

const flags = {
  store: textFlag("store", DEFAULT_STORE, "the store"),
  runs: Flag.String("runs").pipe(
    Flag.atLeast(0),
    Flag.withDescription(
      "folder below which runs are looked for that need artefacts, runs by default; may be given more than once: " +
        "artefacts of runs elsewhere count as needed by none",
    ),
  ),
  json: jsonFlag,
};

const total = (all: readonly StoredArtefact[], of: "bytes" | "freed" = "bytes"): string =>
  bytesText(all.reduce((sum, artefact) => sum + artefact[of], 0));

const number = (name: string) => ({ name, align: "right" } as const);

const kindTable = (all: readonly StoredArtefact[]): string =>
  table(
    ["kind", number("artefacts"), number("size"), number("needed by no run")],
    [...Map.groupBy(all, ({ kind }) => kind)].map(([kind, some]) => [
      kind,
      some.length,
      total(some),
      total(some.filter(({ runs }) => runs.length === 0)),
    ]),
  );

const runTable = (all: readonly StoredArtefact[]): string =>
  table(
    ["run", number("artefacts"), number("size"), number("of it alone")],
    [...new Set(all.flatMap(({ runs }) => runs))].toSorted().map((run) => {
      const its = all.filter(({ runs }) => runs.includes(run));
      return [run, its.length, total(its), total(its.filter(({ runs }) => runs.length === 1))];
    }),
  );

const foldersOf = (runs: readonly string[]): readonly string[] => runs.length === 0 ? ["runs"] : runs;

const du = Command.make("du", flags, ({ store, runs, json }) =>
  Effect.gen(function* () {
    const all = yield* readStore(store, foldersOf(runs));
    if (json) return print(JSON.stringify(all, null, 2));
    print([kindTable(all), runTable(all)].join("\n\n"));
    notice(`${store}: ${all.length} artefacts, ${total(all)}; no run needs ${total(unused(all))}`);
  })).pipe(Command.withDescription("Says what the store holds, by kind and by run."));

const prune = Command.make(
  "prune",
  { ...flags, dryRun: switchFlag("dry-run", "say what would be removed, and remove nothing") },
  ({ store, runs, json, dryRun }) =>
    Effect.gen(function* () {
      const all = yield* readStore(store, foldersOf(runs)), removed: StoredArtefact[] = [];
      for (const artefact of unused(all)) {
        if (dryRun || (yield* removeArtefact(store, artefact.name))) removed.push(artefact);
      }
      const locked = all.filter(({ locked }) => locked).length;
      if (json) print(JSON.stringify(removed.map(({ name, freed }) => ({ name, freed })), null, 2));
      else for (const { name, freed } of removed) print(`${name}  ${bytesText(freed)}`);
      notice(
        `${removed.length} of ${all.length} artefacts ${dryRun ? "would be removed" : "removed"}, ${
          total(removed, "freed")
        }${locked > 0 ? `; ${locked} in use` : ""}`,
      );
    }),
).pipe(Command.withDescription("Removes artefacts that no run needs; never one that a process works on."));

/** The command. */
export const command = Command.make("store").pipe(Command.withSubcommands([du, prune]));

/**
 * Validates annotation files: counts, what was refused and where, and a sample.
 *
 *     deno task cos data <format> <file> ... [--policy stop|skip] [--split name] [--sample 3] [--json]
 */
import { Argument, Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import * as Stream from "effect/Stream";
import { formats } from "../formats/formats.ts";
import { addVerdict, emptyReport, readFormat, type ReadReport, recordsOf } from "../formats/read.ts";
import { table } from "../terminal/table.ts";
import { print } from "../terminal/output.ts";
import { choiceFlag, intFlag, jsonFlag, optionalText } from "./flags.ts";
import { command as scenes } from "./scenes.ts";
import { UsageError } from "./usage.ts";

const names = formats.map((f) => f.name);

const parts = {
  format: Argument.Literals("format", names).pipe(
    Argument.withDescription(
      `what the files are: ${formats.map((f) => `${f.name} (${f.reads})`).join("; ")}`,
    ),
  ),
  files: Argument.String("file").pipe(
    Argument.variadic({ min: 1 }),
    Argument.withDescription("the files, in the format's order"),
  ),
  policy: choiceFlag(
    "policy",
    ["stop", "skip"],
    "skip",
    "on an invalid record: stop with its error, or skip and count it",
  ),
  split: optionalText("split", "read this split only, in formats whose files hold several"),
  sample: intFlag("sample", 3, "number of records to print"),
  json: jsonFlag,
};

const countsText = (report: ReadReport): string =>
  table(["", "count"], [
    ["entries", report.entries],
    ["taken", report.taken],
    ...Object.entries(report.leftOut).map(([rule, n]): [string, number] => [`left out: ${rule}`, n]),
    ["refused", report.refused],
    ...Object.entries(report.fields).map(([path, n]): [string, number] => [`  ${path}`, n]),
    ["records", report.records],
  ]);

/** The error of files that give nothing, which are hardly what they were said to be. */
const nothingTaken = (format: string, files: readonly string[], report: ReadReport): UsageError => {
  const splits = Object.keys(report.leftOut).flatMap((rule) =>
    rule.startsWith("split ") ? [rule.slice(6)] : []
  );
  return new UsageError({
    op: files.join(", "),
    got: `${report.entries} entries, none of which is used` +
      (report.refusals[0] === undefined ? "" : `; the first: ${report.refusals[0]}`),
    expected: `entries of ${format}`,
    hint: splits.length > 0
      ? `name a split that the files have: ${splits.slice(0, 8).join(", ")}`
      : "check that these are the files of the format, in its order; `deno task cos data --help` lists all",
  });
};

/** The command. */
export const command = Command.make(
  "data",
  parts,
  ({ format: name, files, policy, split, sample, json }) =>
    Effect.gen(function* () {
      const format = formats.find((f) => f.name === name)!, shown: unknown[] = [];
      const options = { policy, ...(Option.isSome(split) ? { split: split.value } : {}) };
      const report = yield* Stream.runFold(
        readFormat(format, files, options),
        () => emptyReport,
        (sum, verdict) => {
          if (shown.length < sample) {
            shown.push(...recordsOf(verdict).map((r) => r.record).slice(0, sample - shown.length));
          }
          return addVerdict(sum, verdict);
        },
      );
      if (json) print(JSON.stringify({ format: name, files, ...report, sample: shown }, null, 2));
      else if (report.taken > 0) {
        print(countsText(report));
        for (const refusal of report.refusals) print(`refused: ${refusal}`);
        const more = report.refused - report.refusals.length;
        if (more > 0) print(`and ${more} more`);
        for (const record of shown) print(JSON.stringify(record));
      }
      if (report.taken === 0) return yield* Effect.fail(nothingTaken(name, files, report));
    }),
).pipe(Command.withSubcommands([scenes]));

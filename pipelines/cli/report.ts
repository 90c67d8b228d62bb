/**
 * Tables, figures and the HTML page of a run, made again from what is in its directory.
 *
 *     deno task cos report <dir> [--out FILE] [--json]
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { writeAblation } from "../ablations/write.ts";
import { reportData } from "../report/render.ts";
import { tableText, writeFigures, writeReportPage } from "../report/write.ts";
import { type DiskError, existing, ifThere, onDisk } from "../base/disk.ts";
import { notice, print } from "../terminal/output.ts";
import { directoryArgument, jsonFlag, optionalText } from "./flags.ts";

const parts = {
  directory: directoryArgument("directory of a run or an ablation, finished or not"),
  out: optionalText(
    "out",
    "folder or .html file that the page is written to, and nothing else; by default tables, figures and report.html go into the directory",
  ),
  json: jsonFlag,
};

/** Where the page of a directory goes: `report.html` in it, or in the folder that is named, or the file that is named. */
export const pageAt = (path: string, out: Option.Option<string>): Effect.Effect<string, DiskError> => {
  const named = Option.getOrElse(out, () => path);
  return Effect.map(
    onDisk("look for", named, () => ifThere(Deno.stat(named))),
    (info) => info?.isDirectory === true || !named.endsWith(".html") ? `${named}/report.html` : named,
  );
};

/** The command. */
export const command = Command.make(
  "report",
  parts,
  ({ directory: path, out, json }) =>
    Effect.gen(function* () {
      const page = yield* pageAt(path, out);
      const ablation = yield* existing(`${path}/record.json`);
      if (ablation && Option.isNone(out)) yield* writeAblation(path);
      const report = yield* writeReportPage(path, page);
      if (!ablation && Option.isNone(out)) yield* writeFigures(`${path}/figures`, report);
      print(
        json
          ? JSON.stringify(reportData(report), null, 2)
          : [report.headline ?? report.about, ...report.tables.map(tableText)].join("\n\n"),
      );
      notice(page);
    }),
);

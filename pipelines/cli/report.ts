/**
 * Tables, figures and the HTML page of a run, made again from what stands in its directory.
 *
 *     deno task cos report <dir> [--out FILE] [--json]
 */
import { Argument, Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { reportOf } from "../report/make.ts";
import { reportData, reportPage } from "../report/render.ts";
import { tableText } from "../report/text.ts";
import { atomicWrite } from "../runs/disk.ts";
import { jsonFlag } from "./flags.ts";

const parts = {
  directory: Argument.String("dir").pipe(
    Argument.withDescription("directory of a run or an ablation, finished or not"),
  ),
  out: Flag.String("out").pipe(
    Flag.optional,
    Flag.withDescription("the page; report.html in the directory by default"),
  ),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make("report", parts, ({ directory, out, json }) =>
  Effect.gen(function* () {
    const path = directory.replace(/(?<=.)\/+$/, ""), report = yield* reportOf(path);
    const page = Option.getOrElse(out, () => `${path}/report.html`);
    yield* atomicWrite(page, [new TextEncoder().encode(reportPage(report))]);
    console.log(
      json ? JSON.stringify(reportData(report), null, 2) : report.tables.map(tableText).join("\n\n"),
    );
    console.error(page);
  }));

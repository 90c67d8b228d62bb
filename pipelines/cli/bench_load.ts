/**
 * Loads a synthetic sharded bf16 checkpoint and reports the memory that it took beside the parameters.
 *
 *     deno task cos bench load [--megabytes 2000] [--to host|stream] [--json]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { countOf } from "../bench/flags.ts";
import { type LoadReport, measureLoad } from "../bench/load.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag } from "./flags.ts";

const flags = {
  megabytes: Flag.Int("megabytes").pipe(
    Flag.withDefault(2000),
    Flag.withDescription("size of the checkpoint, written to the temporary folder and removed"),
  ),
  to: Flag.Literals("to", ["host", "stream"] as const).pipe(
    Flag.withDefault("host" as const),
    Flag.withDescription("keep the arrays, or let each go as an upload does"),
  ),
  json: jsonFlag,
};

const mb = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;

const text = (r: LoadReport): string =>
  [
    `checkpoint   ${mb(r.fileBytes)} of bf16 in ${r.shards} shards`,
    `parameters   ${mb(r.parameterBytes)} of f32, ${r.destination === "host" ? "kept" : "let go one by one"}`,
    `resident     ${mb(r.residentBefore)} before, ${mb(r.residentPeak)} at the peak`,
    `extra        ${mb(r.extraBytes)}`,
    `time         ${r.seconds.toFixed(1)} s`,
  ].join("\n");

/** The command. */
export const command = Command.make("load", flags, ({ megabytes, to, json }) =>
  Effect.gen(function* () {
    const report = yield* measureLoad((yield* countOf("megabytes", megabytes)) * 1e6, to);
    print(json ? JSON.stringify(report, null, 2) : text(report));
  })).pipe(Command.withDescription("Measures the memory of loading a checkpoint."));

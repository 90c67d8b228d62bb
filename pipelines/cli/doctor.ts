/**
 * What this machine has to compute with: adapters, features, limits, drivers, threads, and what they reach.
 *
 *     deno task cos doctor [--device all|webgpu|dawn|cpu] [--no-measure] [--json]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { examine } from "../doctor/examine.ts";
import { doctorText, examined } from "../doctor/report.ts";
import { choiceFlag, jsonFlag, printResult } from "./flags.ts";

const flags = {
  device: choiceFlag("device", ["all", ...examined], "all", "what is looked at"),
  measure: Flag.Boolean("measure").pipe(
    Flag.withDefault(true),
    Flag.withDescription("measure what each device reaches: takes seconds"),
  ),
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "doctor",
  flags,
  ({ device, measure, json }) =>
    Effect.map(examine(device === "all" ? examined : [device], measure), (report) => {
      printResult(json, report, doctorText);
    }),
);

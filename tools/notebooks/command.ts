/**
 * Notebooks without a browser: type-checked, executed by Deno's own kernel, and rendered.
 *
 *     deno task notebooks [--only 03] [--preset smoke] [--device cpu] [--html folder]
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { runNotebooks } from "./run.ts";
import { notice, print } from "../../pipelines/terminal/output.ts";
import { ablationFlags, deviceAsked } from "../../pipelines/cli/experiment_flags.ts";
import { textFlag } from "../../pipelines/cli/flags.ts";

const flags = {
  only: Flag.String("only").pipe(
    Flag.atLeast(0),
    Flag.withDescription("beginning of the name of one to run, such as 03; may be given more than once"),
  ),
  preset: ablationFlags.preset,
  device: ablationFlags.device,
  html: textFlag("html", "runs/notebooks", "folder of executed copies and pages of HTML"),
  folder: textFlag("folder", "notebooks", "folder of notebooks"),
};

/** The command. */
export const command = Command.make(
  "notebooks",
  flags,
  ({ only, preset, device, html: out, folder }) =>
    Effect.gen(function* () {
      const ran = yield* runNotebooks({
        folder,
        only,
        preset,
        device: deviceAsked(device, preset),
        out,
        onDone: (name, { faults, seconds }) =>
          print(`${faults.length === 0 ? "ok  " : "FAIL"} ${name} ${seconds.toFixed(1)} s`),
      });
      const faults = ran.flatMap((one) => one.faults);
      faults.slice(1).forEach(({ message }) => notice(message));
      notice(`${out}: an executed copy and a page of each`);
      if (faults[0] !== undefined) return yield* Effect.fail(faults[0]);
    }),
);

/**
 * A family of arms, each with several seeds, through all stages; then tables with intervals, figures and a page.
 *
 *     deno task cos ablate [--family main] [--preset micro] [--seeds N] [--workers N] [--set field=value ...] [--json]
 *
 * Ctrl-C saves; the same command goes on from there. What two arms share is made once, and kept in the store.
 */
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { ablate, defaultDirectory } from "../ablations/ablate.ts";
import { familyNames, presetNames } from "../ablations/config.ts";
import { ablationPresets } from "../ablations/presets.ts";
import { families } from "../ablations/families.ts";
import { summaryText } from "../ablations/table.ts";
import member from "../deno.json" with { type: "json" };
import { ensureReportPage } from "../report/write.ts";
import { existing } from "../base/disk.ts";
import { notice } from "../terminal/output.ts";
import { ablationAsked, ablationFlags, deviceAsked } from "./ablation_flags.ts";
import { countFlag, jsonFlag, optionalText, printResult, switchFlag, wholeFlag } from "./flags.ts";

const flags = {
  ...ablationFlags,
  seeds: Flag.optional(wholeFlag("seeds", "keys 1 to N of weights and batches; the preset's by default")),
  workers: countFlag(
    "workers",
    1,
    "processes that train at the same time; times are those of a machine that they share",
  ),
  out: optionalText("out", "directory of the result; runs/<family>-<preset> by default"),
  list: switchFlag("list", "say which families and presets there are, and run nothing"),
  json: jsonFlag,
};

const listing = {
  families: familyNames.map((name) => ({
    name,
    about: families[name].about,
    arms: families[name].arms.map((arm) => arm.name),
  })),
  presets: presetNames.map((name) => ({ name, about: ablationPresets[name].about })),
};

const listText = (): string =>
  [
    ...listing.families.map(({ name, about, arms }) => `${name}: ${about}\n  ${arms.join(", ")}`),
    ...listing.presets.map(({ name, about }) => `${name}: ${about}`),
  ].join("\n");

/** The command. */
export const command = Command.make(
  "ablate",
  flags,
  ({ family, preset, set, store, workers, json, list, ...given }) =>
    Effect.gen(function* () {
      if (list) return printResult(json, listing, listText);
      const seeds = Option.getOrUndefined(given.seeds);
      const config = yield* ablationAsked({ family, preset, set }, seeds);
      const out = Option.getOrElse(given.out, () => defaultDirectory(config));
      const page = Effect.flatMap(
        existing(`${out}/summary.json`),
        (there) => there ? ensureReportPage(out) : Effect.void,
      );
      const { summary } = yield* ablate(
        { config, settings: set, out, store, version: member.version },
        { device: deviceAsked(given.device, preset), workers },
      ).pipe(
        // what could be done has its page, too
        Effect.tapError((error) => error._tag === "AblationError" ? Effect.ignore(page) : Effect.void),
      );
      yield* page;
      printResult(json, summary, summaryText);
      notice(`${out}: report.html, summary.json, tables as text and CSV, figures`);
    }),
);

/**
 * A family of arms, each with several seeds, through all stages; then tables with intervals, figures and a page.
 *
 *     deno task cos ablate [--family main] [--preset small] [--seeds N] [--arms a,b] [--workers N] [--set field=value ...]
 *         [--sweep field=a,b,c ...] [--log tensorboard,mlflow] [--slurm gres=gpu:1,... [--dry-run] [--requeues N]] [--json]
 *
 * Ctrl-C saves; the same command goes on from there. What two arms share is made once, and kept in the store.
 */
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { ablate } from "../ablations/ablate.ts";
import { ablationOf, defaultDirectory } from "../ablations/ablation.ts";
import { ablationCommand } from "../ablations/commands.ts";
import { familyNames } from "../ablations/config.ts";
import { families } from "../ablations/families.ts";
import { presets } from "../ablations/presets.ts";
import { fromEither } from "../base/bridge.ts";
import { presetAbout, presetNames } from "../configs/preset.ts";
import member from "../deno.json" with { type: "json" };
import { liveLogsOf } from "../runs/live.ts";
import {
  ablationFlags,
  armsFlag,
  compared,
  deviceAsked,
  printArm,
  printFlag,
  seedsFlag,
  sweepFlag,
} from "./experiment_flags.ts";
import { countFlag, jsonFlag, logFlag, optionalText, printResult, switchFlag } from "./flags.ts";
import { comparedBySlurm, slurmFlags } from "./slurm.ts";
import { UsageError } from "./usage.ts";

const flags = {
  ...ablationFlags,
  sweep: sweepFlag,
  seeds: seedsFlag,
  arms: armsFlag,
  workers: countFlag(
    "workers",
    1,
    "number of concurrent training processes; they share the machine, which affects times",
  ),
  log: logFlag,
  ...slurmFlags,
  print: printFlag,
  out: optionalText("out", "directory of the result; runs/<family>-<preset> by default"),
  list: switchFlag("list", "list the families and presets, and exit"),
  json: jsonFlag,
};

const listing = {
  families: familyNames.map((name) => ({
    name,
    about: families[name].about,
    arms: families[name].arms(presets.small.base).map((arm) => arm.name),
  })),
  presets: presetNames.map((name) => ({ name, about: presetAbout[name] })),
};

const listText = (): string =>
  [
    ...listing.families.map(({ name, about, arms }) => `${name}: ${about}\n  ${arms.join(", ")}`),
    ...listing.presets.map(({ name, about }) => `${name}: ${about}`),
  ].join("\n");

const notBoth = (): UsageError =>
  new UsageError({
    op: "ablate --slurm",
    got: "--workers next to it",
    expected: "one of them",
    hint: "leave --workers out: Slurm runs as many jobs as it has room for",
  });

/** The command. */
export const command = Command.make(
  "ablate",
  flags,
  ({ family, preset, set, sweep, store, workers, json, list, log, slurm, dryRun, requeues, ...given }) =>
    Effect.gen(function* () {
      if (list) return printResult(json, listing, listText);
      const device = deviceAsked(given.device, preset);
      const arms = Option.getOrUndefined(given.arms), seeds = Option.getOrUndefined(given.seeds);
      const logs = Option.isNone(log) ? [] : yield* fromEither(liveLogsOf(log.value));
      const config = yield* fromEither(
        ablationOf(family, preset, {
          settings: set,
          sweep,
          ...(arms === undefined ? {} : { arms }),
          ...(seeds === undefined ? {} : { seeds }),
        }),
      );
      if (Option.isSome(given.print)) return yield* printArm(config, given.print.value);
      const out = Option.getOrElse(given.out, () => defaultDirectory(config));
      const command = ablationCommand({
        words: ["ablate", "--family", family, "--preset", preset],
        settings: set,
        sweep,
        arms,
        seeds: config.seeds,
        device,
        store,
      });
      const options = { config, command, out, store, version: member.version };
      if (Option.isSome(slurm)) {
        if (workers > 1) return yield* Effect.fail(notBoth());
        return yield* comparedBySlurm(slurm.value, options, { device, log, requeues, dryRun, json });
      }
      yield* compared(ablate(options, { device, workers, logs }), out, json);
    }),
);

/**
 * One artefact of an experiment: what one stage makes of one arm and seed, after everything that it needs.
 *
 *     deno task cos pretrain|expand|finetune|evaluate --arm NAME [--family main] [--preset micro] [--seed N]
 *         [--set field=value ...] [--device NAME] [--store folder] [--json]
 *
 * What stands in the store is not made again. Ctrl-C saves; the same command goes on from there.
 */
import { deviceNamed, theDevice } from "@chain-of-sight/kernels";
import type { ConfigError } from "@chain-of-sight/core";
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { type AblationArm, type AblationConfig, experimentOf } from "../ablations/config.ts";
import { makeStage } from "../engine/make.ts";
import { jobContext } from "../engine/context.ts";
import member from "../deno.json" with { type: "json" };
import { table } from "../terminal/table.ts";
import { tuned } from "../tune/store.ts";
import { notice, print } from "../terminal/output.ts";
import { ablationAsked, ablationFlags, deviceAsked } from "./ablation_flags.ts";
import { intFlag, jsonFlag, optionalText } from "./flags.ts";
import { unknownName, type UsageError } from "./usage.ts";

const flags = {
  ...ablationFlags,
  arm: optionalText("arm", "which arm of the family; the baseline by default"),
  seed: intFlag("seed", 1, "key of initial weights and of the order of examples"),
  json: jsonFlag,
};

const armNamed = ({ arms, family }: AblationConfig, name: string): Effect.Effect<AblationArm, UsageError> => {
  const found = arms.find((arm) => arm.name === name);
  return found !== undefined
    ? Effect.succeed(found)
    : Effect.fail(unknownName("--arm", name, `an arm of ${family}`, arms.map((arm) => arm.name)));
};

interface Made {
  readonly path: string;
  readonly key: string;
  readonly stage: string;
  readonly label: string;
  readonly seconds: number;
  readonly numbers: Readonly<Record<string, number>>;
}

const text = ({ label, path, numbers, seconds }: Made): string =>
  [
    table(["", label], [
      ...Object.entries(numbers).map(([name, value]) => [name, Number(value.toPrecision(5))] as const),
      ["seconds", Number(seconds.toPrecision(4))],
    ]),
    path,
  ].join("\n");

/** The command of a stage. */
export const stageCommand = <const Name extends "pretrain" | "expand" | "finetune" | "evaluate">(
  stage: Name,
) =>
  Command.make(
    stage,
    flags,
    ({ family, preset, device, set, store, arm, seed, json }) =>
      Effect.gen(function* () {
        const config = yield* ablationAsked({ family, preset, set });
        const chosen = yield* armNamed(config, Option.getOrElse(arm, () => config.baseline));
        const { profile } = yield* theDevice(),
          experiment = yield* Effect.try({
            try: () => experimentOf(config, chosen, seed),
            catch: (cause) => cause as ConfigError,
          });
        const label = `${stage} ${chosen.name}, seed ${seed}`;
        notice(`${label}, and what it needs, on ${profile.name}`);
        const { directory, key, seconds, numbers } = yield* makeStage(
          yield* jobContext(store, profile.name, member.version),
          experiment,
          stage,
        );
        const made: Made = { path: directory, key, stage, label, seconds, numbers };
        print(json ? JSON.stringify(made, null, 2) : text(made));
      }).pipe(
        Effect.provide(tuned(deviceNamed(deviceAsked(device, preset)))),
      ),
  );

/**
 * One artefact of an experiment: what one stage makes of one arm and seed, after everything that it needs.
 *
 *     deno task cos pretrain|expand|finetune|evaluate --arm NAME [--family main] [--preset small] [--seed N]
 *         [--set field=value ...] [--device NAME] [--store folder] [--json]
 *
 * What is in the store is not made again. Ctrl-C saves; the same command goes on from there.
 */
import { deviceNamed, theDevice } from "@chain-of-sight/kernels";
import { Command } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { ablationOf } from "../ablations/ablation.ts";
import { experimentsOf } from "../ablations/config.ts";
import { families } from "../ablations/families.ts";
import { fromEither } from "../base/bridge.ts";
import { makeStage } from "../engine/make.ts";
import { DEFAULT_CACHE, jobContext } from "../engine/context.ts";
import member from "../deno.json" with { type: "json" };
import { table } from "../terminal/table.ts";
import { tuned } from "../tune/store.ts";
import { notice, print } from "../terminal/output.ts";
import { ablationFlags, deviceAsked } from "./experiment_flags.ts";
import { intFlag, jsonFlag, optionalText } from "./flags.ts";

const flags = {
  ...ablationFlags,
  arm: optionalText("arm", "arm of the family; default: its baseline"),
  seed: intFlag("seed", 1, "random seed of the initial weights and the data order"),
  json: jsonFlag,
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
    ({ family, preset, device, set, store, arm, seed, json }) => {
      const name = Option.getOrElse(arm, () => families[family].baseline);
      return Effect.gen(function* () {
        const asked = { settings: set, arms: [name, families[family].baseline], seeds: [seed] };
        const config = yield* fromEither(ablationOf(family, preset, asked));
        const { profile } = yield* theDevice(), all = yield* experimentsOf(config, DEFAULT_CACHE);
        const experiment = all.find((one) => one.experiment.name === name)!;
        const label = `${stage} ${name}, seed ${seed}`;
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
      );
    },
  );

/**
 * The whole of the project from one command: the shortest family, with one seed, in this process.
 *
 *     deno task cos quickstart [--preset smoke|small|medium|gpu|full] [--device auto|webgpu|dawn|cpu]
 *         [--half-sums] [--seed N] [--arms a,b] [--out folder] [--set field=value ...] [--sweep field=a,b,c ...]
 *         [--log tensorboard,mlflow] [--fresh] [--json]
 *
 * Ctrl-C saves; the same command goes on from there.
 */
import { deviceNamed, theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { ablateHere } from "../ablations/ablate.ts";
import { type AblationAsked, ablationOf } from "../ablations/ablation.ts";
import { ablationCommand, DEFAULT_STORE } from "../ablations/commands.ts";
import type { AblationConfig } from "../ablations/config.ts";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import { hashOf } from "../base/hash.ts";
import { folderOf } from "../base/paths.ts";
import type { PresetName } from "../configs/preset.ts";
import member from "../deno.json" with { type: "json" };
import { duration, stderrSink } from "../terminal/progress.ts";
import { notice } from "../terminal/output.ts";
import { tuned } from "../tune/store.ts";
import { armsFlag, compared, presetFlag, printArm, printFlag, sweepFlag } from "./experiment_flags.ts";
import {
  computeFlag,
  halfSumsFlag,
  intFlag,
  jsonFlag,
  logFlag,
  optionalText,
  setFlag,
  shown,
  switchFlag,
} from "./flags.ts";

const flags = {
  preset: presetFlag.pipe(
    Flag.withAlias("scale"),
    Flag.optional,
    Flag.withDescription(
      "size of models, data and training: smoke (seconds, learns nothing), small (minutes on two CPU cores), medium, " +
        "gpu, full; default: small on a CPU, gpu on a GPU",
    ),
  ),
  device: computeFlag,
  halfSums: halfSumsFlag,
  seed: intFlag("seed", 1, "random seed of the initial weights and the data order"),
  arms: armsFlag,
  print: printFlag,
  out: optionalText(
    "out",
    "run directory, runs/quickstart-<preset>-<seed> by default; one that is not in runs/ holds its store, too",
  ),
  set: setFlag,
  sweep: sweepFlag,
  fresh: switchFlag("fresh", "start over; an existing run is renamed, never overwritten"),
  log: logFlag,
  json: jsonFlag,
};

/** The arms of a quickstart: those of its family that need no decoder of their own. */
const ARMS = ["resampler-84-84", "cos-20-84", "cos-8-132"];

const configured = (
  preset: PresetName,
  asked: Required<Pick<AblationAsked, "settings" | "sweep" | "seeds">> & Pick<AblationAsked, "arms">,
): Effect.Effect<AblationConfig, DecodeError> =>
  fromEither(ablationOf("quickstart", preset, { ...asked, arms: asked.arms ?? ARMS }));

/** The command. */
export const command = Command.make(
  "quickstart",
  flags,
  (
    {
      preset: given,
      device: name,
      halfSums,
      seed,
      set,
      sweep,
      out,
      fresh,
      log,
      json,
      arms,
      print,
    },
  ) => {
    const asked = {
      settings: set,
      sweep,
      seeds: [seed],
      ...Option.match(arms, { onNone: () => ({}), onSome: (names) => ({ arms: names }) }),
    };
    const run = (preset: PresetName, config: AblationConfig) =>
      Effect.gen(function* () {
        const device = yield* theDevice(), began = performance.now();
        const plain = `runs/quickstart-${preset}-${seed}`;
        const folder = Option.getOrElse(
          out,
          () => sweep.length === 0 && Option.isNone(arms) ? plain : `${plain}-${hashOf(config).slice(0, 8)}`,
        );
        notice(`quickstart, preset ${preset}, on ${device.profile.name}; writing to ${folder}`);
        const command = ablationCommand({
          words: ["quickstart", "--preset", preset, "--seed", String(seed)],
          settings: set,
          sweep,
          arms: Option.getOrUndefined(arms),
          device: name,
        });
        const here = ablateHere({
          config,
          command,
          out: folder,
          // runs share the store among them; a folder elsewhere holds all that is made for it
          store: folderOf(folder) === "runs" ? DEFAULT_STORE : `${folder}/store`,
          fresh,
          version: member.version,
          // trainings show their own progress
          sink: { ...stderrSink, isTerminal: () => false },
        });
        yield* compared(shown(log, here), folder, json);
        notice(duration((performance.now() - began) / 1000));
      });
    const computing = tuned(deviceNamed(name, { halfSums }));
    const done = (preset: PresetName, config: AblationConfig) =>
      Effect.gen(function* () {
        if (Option.isSome(print)) return yield* printArm(config, print.value);
        yield* Effect.provide(run(preset, config), computing);
      });
    // a preset that is given is checked with its settings before any device is opened
    return Effect.gen(function* () {
      const preset = Option.isSome(given)
        ? given.value
        : (yield* Effect.provide(theDevice(), computing)).profile.software
        ? "small"
        : "gpu";
      yield* done(preset, yield* configured(preset, asked));
    });
  },
);

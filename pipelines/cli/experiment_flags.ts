/** Flags of the commands that run experiments, and how they compare several. */
import { type DeviceName, deviceNames } from "@chain-of-sight/kernels";
import { Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import type { AblateError, AblationResult } from "../ablations/ablate.ts";
import { seedsUpTo } from "../ablations/ablation.ts";
import { AblationError } from "../ablations/fault.ts";
import { DEFAULT_STORE } from "../ablations/commands.ts";
import { type AblationConfig, experimentOf, familyNames } from "../ablations/config.ts";
import { presets } from "../ablations/presets.ts";
import { summaryText } from "../ablations/summary_text.ts";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import { existing } from "../base/disk.ts";
import { type PresetName, presetNames } from "../configs/preset.ts";
import { ensureReportPage, type ReportError } from "../report/write.ts";
import { notice, print } from "../terminal/output.ts";
import { unknownName, type UsageError } from "./usage.ts";
import { choiceFlag, optionalText, presetFlagOf, printResult, setFlag, textFlag } from "./flags.ts";

/** The size of everything. */
export const presetFlag = presetFlagOf(presetNames, "size of models, data and training");

/** The folder of artefacts. */
export const storeFlag = textFlag("store", DEFAULT_STORE, "artefact store, shared between runs");

/** Fields whose values become arms. */
export const sweepFlag = Flag.String("sweep").pipe(
  Flag.atLeast(0),
  Flag.withDescription(
    "sweep a field, such as pretrain.learningRate=1e-3,3e-3: one arm per value; several sweeps form a grid",
  ),
);

const seedsIn = (text: string): Option.Option<readonly number[]> => {
  const parts = text.split(",").filter((part) => part !== "");
  if (parts.length === 0 || !parts.every((part) => /^\d{1,9}$/.test(part))) return Option.none();
  const numbers = parts.map(Number);
  return Option.some(!text.includes(",") ? seedsUpTo(Math.max(1, numbers[0]!)) : numbers);
};

/** Seeds: how many, or which. */
export const seedsFlag = Flag.String("seeds").pipe(
  Flag.filterMap(seedsIn, () => "a number of seeds, such as 3, or seeds with commas, such as 4,7"),
  Flag.optional,
  Flag.withDescription("number of seeds (1 to N), or a list such as 4,7"),
);

const namesIn = (text: string): readonly string[] => text.split(",").map((name) => name.trim());

/** Names of arms; those of the preset by default. */
export const armsFlag = optionalText(
  "arms",
  "comma-separated names of arms; default: those of the preset",
).pipe(Flag.map(Option.map(namesIn)));

/** The arm whose experiment is printed. */
export const printFlag = optionalText(
  "print",
  "print the experiment of an arm as JSON (input of `cos train`) and exit",
);

/** Prints the experiment of an arm with the first seed. */
export const printArm = (
  config: AblationConfig,
  name: string,
): Effect.Effect<void, DecodeError | UsageError> => {
  const arm = config.arms.find((one) => one.name === name);
  return arm === undefined
    ? Effect.fail(unknownName("--print", name, "an arm", config.arms.map((one) => one.name)))
    : Effect.map(
      fromEither(experimentOf(config, arm, config.seeds[0]!)),
      (experiment) => print(JSON.stringify(experiment, null, 2)),
    );
};

/** Which ablation is meant: family, preset, changed fields, device and store. */
export const ablationFlags = {
  family: choiceFlag("family", familyNames, "main", "which arms to compare"),
  preset: presetFlag.pipe(Flag.withDefault("small" as PresetName)),
  set: setFlag,
  device: Flag.Literals("device", deviceNames).pipe(
    Flag.optional,
    Flag.withDescription(
      "device to run on; default: cpu up to the preset medium, auto at gpu and full",
    ),
  ),
  store: storeFlag,
};

/** Device that runs it: what is asked for, or what the preset is made for. */
export const deviceAsked = (device: Option.Option<DeviceName>, preset: PresetName): DeviceName =>
  Option.getOrElse(device, () => presets[preset].device);

/** Runs an ablation, writes its page, and prints its tables; what could be done of one that failed has its page, too. */
export const compared = <E, R>(
  run: Effect.Effect<AblationResult, AblateError | E, R>,
  out: string,
  json: boolean,
): Effect.Effect<void, AblateError | E | ReportError, R> =>
  Effect.gen(function* () {
    const page = Effect.flatMap(
      existing(`${out}/summary.json`),
      (there) => there ? ensureReportPage(out) : Effect.void,
    );
    const { summary } = yield* run.pipe(
      Effect.tapError((error) => error instanceof AblationError ? Effect.ignore(page) : Effect.void),
    );
    yield* page;
    printResult(json, summary, summaryText);
    notice(`${out}: report.html, summary.json, tables as text and CSV, figures, samples`);
  });

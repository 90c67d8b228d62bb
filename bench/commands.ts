/** The benchmarks: against other libraries, and below that those of this library alone. */
import { theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { compileText, timeCompile } from "./compile.ts";
import { decodeText, timeDecode } from "./decode.ts";
import { flatText, runFlat } from "./flat.ts";
import { imagesText, timeImages } from "./images.ts";
import { decoderOf, llama7b } from "./checkpoint.ts";
import { loadText, measureLoad } from "./load.ts";
import { type StepPreset, stepPresets } from "../pipelines/tune/presets.ts";
import { stepDevice } from "../pipelines/tune/step_device.ts";
import { print } from "../pipelines/terminal/output.ts";
import { tuned } from "../pipelines/tune/store.ts";
import { command as contest } from "./contest_command.ts";
import { command as gpu } from "./gpu_command.ts";
import { command as mixed } from "./mixed_command.ts";
import { command as ranks } from "./ranks.ts";
import { command as step } from "./step_command.ts";
import {
  benchDeviceFlag,
  choiceFlag,
  countFlag,
  jsonFlag,
  presetFlagOf,
  printResult,
  versions,
} from "../pipelines/cli/flags.ts";

const compile = Command.make(
  "compile",
  {
    preset: presetFlagOf(stepPresets, "the model").pipe(Flag.withDefault("full" as StepPreset)),
    tokens: countFlag("tokens", 336, "number of visual tokens"),
    batch: countFlag("batch", 1, "sequences of a step"),
    device: benchDeviceFlag,
    json: jsonFlag,
  },
  ({ json, ...options }) =>
    Effect.map(
      Effect.provide(timeCompile(options, versions), tuned(stepDevice(options.device))),
      (report) => printResult(json, report, compileText),
    ),
).pipe(
  Command.withDescription(
    "Times the way from a model to a program on a device, in a new process and again in the same one.",
  ),
);

const flat = Command.make(
  "flat",
  {
    device: benchDeviceFlag,
    steps: countFlag("steps", 10000, "steps in all"),
    samples: countFlag("samples", 20, "how often memory is looked at"),
    json: jsonFlag,
  },
  ({ device, steps, samples, json }) =>
    Effect.map(
      Effect.provide(runFlat(steps, samples), stepDevice(device)),
      (report) => printResult(json, report, flatText),
    ),
).pipe(Command.withDescription("Shows that memory stays flat over many training steps."));

const load = Command.make(
  "load",
  {
    megabytes: countFlag(
      "megabytes",
      2000,
      "size of the checkpoint; a file of holes in the temporary folder, removed afterwards",
    ),
    shape: choiceFlag(
      "shape",
      ["tinyllama", "llama-7b"],
      "tinyllama",
      "TinyLlama's width with blocks to make that size, or LLaMA 2 7B whatever the size",
    ),
    to: choiceFlag("to", ["host", "stream"], "host", "keep the arrays, or let each go as an upload does"),
    json: jsonFlag,
  },
  ({ megabytes, shape, to, json }) =>
    Effect.map(
      measureLoad(shape === "llama-7b" ? llama7b : decoderOf(megabytes * 1e6), to),
      (report) => printResult(json, report, loadText),
    ),
).pipe(Command.withDescription("Measures the memory of loading a synthetic, sharded bf16 checkpoint."));

const decode = Command.make(
  "decode",
  {
    preset: presetFlagOf(stepPresets, "the model").pipe(Flag.withDefault("gpu" as StepPreset)),
    device: benchDeviceFlag,
    rows: countFlag("rows", 1, "texts that are written at once"),
    prefix: countFlag("prefix", 144, "tokens before, visual ones included"),
    tokens: countFlag("tokens", 64, "tokens that there is room for"),
    rounds: countFlag("rounds", 9, "rounds, each of which times everything once"),
    json: jsonFlag,
  },
  ({ device, json, ...bench }) =>
    Effect.gen(function* () {
      const { profile: { name: deviceName } } = yield* theDevice(), report = yield* timeDecode(bench);
      if (json) print(JSON.stringify({ what: "decode", device, deviceName, versions, ...report }, null, 2));
      else print(`${deviceName}\n${decodeText(report)}`);
    }).pipe(Effect.provide(stepDevice(device))),
).pipe(
  Command.withDescription(
    "Times the steps of a decoder with a cache against the time to read its weights once.",
  ),
);

const images = Command.make(
  "images",
  {
    images: countFlag("images", 96, "images of one round"),
    workers: countFlag("workers", 2, "workers"),
    side: countFlag("side", 224, "side of the squares, pixels"),
    rounds: countFlag("rounds", 5, "rounds, each of which times both"),
    json: jsonFlag,
  },
  ({ json, ...bench }) =>
    Effect.map(timeImages(bench), (report) => printResult(json, { what: "images", ...report }, imagesText)),
).pipe(
  Command.withDescription(
    "Times how many images/s become squares in Workers, alongside the bare decoder.",
  ),
);

/** The command. */
export const command = contest.pipe(
  Command.withSubcommands([step, gpu, compile, flat, load, decode, images, mixed, ranks]),
);

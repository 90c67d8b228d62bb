/**
 * Benchmarks against other libraries on the same back end: every round times everyone once, in one process.
 *
 *     deno task bench [--device webgpu|dawn|cpu] [--sizes 512,1024] [--preset small] [--tokens 80] [--only matmul]
 *       [--opponents jax-js] [--rounds 7] [--series 400] [--json]
 */
import { deviceNamed, theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { fileURLToPath } from "node:url";
import { cases, type CaseSizes } from "./cases.ts";
import { contest, openContender } from "./contest.ts";
import { type CaseReport, type ContestRun, contestText } from "./contest_report.ts";
import { opponentNames } from "./opponents/opponent.ts";
import { presets, type StepPreset, stepPresets } from "../pipelines/tune/presets.ts";
import { notice } from "../pipelines/terminal/output.ts";
import {
  choiceFlag,
  countFlag,
  jsonFlag,
  presetFlagOf,
  printResult,
  PRODUCT_VERSION,
  textFlag,
  versions,
  wholesFlag,
} from "../pipelines/cli/flags.ts";
import { runCommand } from "../pipelines/cli/main.ts";

const flags = {
  device: choiceFlag(
    "device",
    ["webgpu", "dawn", "cpu"],
    "webgpu",
    "what computes, on both sides; the others stay on Deno's WebGPU where it is dawn",
  ),
  sizes: Flag.optional(wholesFlag("sizes", "sides of the matrix products, with commas between")),
  preset: Flag.optional(presetFlagOf(stepPresets, "the model")).pipe(
    Flag.withDescription("the model of the decoder layer and the step"),
  ),
  tokens: countFlag("tokens", 80, "visual tokens of the step"),
  only: textFlag("only", "", "cases whose names contain one of these parts, with commas between"),
  opponents: Flag.String("opponents").pipe(
    Flag.filterMap((text) => {
      const asked = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
      const known = opponentNames.filter((name) => asked.includes(name));
      return known.length === asked.length ? Option.some(known) : Option.none();
    }, () => opponentNames.join(", ")),
    Flag.withDefault([...opponentNames]),
    Flag.withDescription("who else, with commas between"),
  ),
  rounds: countFlag("rounds", 7, "rounds of every case"),
  series: countFlag("series", 400, "milliseconds between two waits that are aimed at"),
  json: jsonFlag,
};

const sizesFor = (preset: StepPreset, tokens: number, products: readonly number[]): CaseSizes => {
  const small = preset === "smoke";
  return {
    products,
    rows: small ? [8, 16] : [2048, 1024],
    attention: small ? [1, 2, 8, 16] : preset === "small" ? [4, 4, 256, 64] : [16, 16, 512, 64],
    model: [preset, presets[preset]],
    tokens,
  };
};

/**
 * Runs the program in a process whose lock file is the one that the other libraries have of their own; this module is
 * that process's entry.
 */
const underTheirLock = <E, R>(program: Effect.Effect<void, E, R>): Effect.Effect<void, E, R> => {
  if (import.meta.main) return program;
  const lock = fileURLToPath(new URL("./opponents/deno.lock", import.meta.url));
  return Effect.promise(async () => {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", `--lock=${lock}`, fileURLToPath(import.meta.url), ...Deno.args],
    }).spawn().status;
    if (code !== 0) Deno.exit(code);
  });
};

/** The command. */
export const command = Command.make(
  "bench",
  flags,
  ({ device, tokens, json, rounds, series: seriesMs, opponents, ...given }) =>
    underTheirLock(
      Effect.gen(function* () {
        const wanted = given.only.split(",").map((part) => part.trim());
        const { profile } = yield* theDevice(), onCpu = device === "cpu";
        const usual = onCpu ? [512, 1024, 2048] : profile.software ? [512, 1024] : [1024, 2048, 4096];
        const products = Option.getOrElse(given.sizes, () => usual);
        const preset = Option.getOrElse(given.preset, () => profile.software ? "small" : "gpu");
        const contenders = yield* Effect.forEach(
          opponents,
          (name) => openContender(name, onCpu ? "wasm" : "webgpu"),
        );
        const results: CaseReport[] = [];
        for (const make of cases(sizesFor(preset, tokens, products))) {
          const c = make();
          if (!wanted.some((part) => c.name.includes(part))) continue;
          results.push(yield* contest(c, contenders, { rounds, seriesMs }));
          notice(`${c.name}: done`);
        }
        const run: ContestRun = {
          what: "paired",
          deviceName: profile.name,
          versions: {
            ...versions,
            ...Object.fromEntries(
              contenders.map((c) => [c.name, "opponent" in c ? c.opponent.version : c.reason]),
            ),
          },
          rounds,
          cases: results,
        };
        printResult(json, run, contestText);
      }).pipe(Effect.provide(deviceNamed(device))),
    ),
);

if (import.meta.main) await runCommand(Command.run(command, { version: PRODUCT_VERSION }), "nothing");

/**
 * Makes the shipped decoder again.
 *
 *     deno task cos language [--steps N] [--seed N] [--out folder] [--set field=value]
 *
 * Ctrl-C saves; the same command goes on from there.
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { fromEither, tried } from "../base/bridge.ts";
import { onDisk, ownFolder } from "../base/disk.ts";
import type { Json } from "../base/hash.ts";
import { override, settingsOf } from "../configs/override.ts";
import { saveDecoder } from "../decoder/shipped.ts";
import { acquireLock } from "../runs/run_lock.ts";
import { decoderCodec, decoderTraining, defaultDecoder } from "../stages/decoder.ts";
import { tokenizerFor } from "../stages/encoding.ts";
import { notice, print } from "../terminal/output.ts";
import { shellLine } from "../terminal/shell_line.ts";
import { table } from "../terminal/table.ts";
import { digestMetrics } from "../train/digest.ts";
import { train } from "../train/trainer.ts";
import { lastMean } from "../train/timing.ts";
import { computeFlag, jsonFlag, setFlag } from "./flags.ts";

const d = defaultDecoder;
const flags = {
  steps: Flag.Int("steps").pipe(
    Flag.withDefault(d.training.steps),
    Flag.withDescription("optimiser steps"),
  ),
  seed: Flag.Int("seed").pipe(Flag.withDefault(d.seed), Flag.withDescription("random seed")),
  device: computeFlag,
  out: Flag.String("out").pipe(
    Flag.withDefault("runs/language"),
    Flag.withDescription("output folder of the run and its weights"),
  ),
  set: setFlag,
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "language",
  flags,
  ({ device, steps, seed, out, set, json }) =>
    Effect.scoped(Effect.gen(function* () {
      const flagged = { ...d, seed, training: { ...d.training, steps } };
      const config = yield* fromEither(override(decoderCodec(), "language configuration")(flagged, set));
      yield* ownFolder(out, ["lock", "decoder.json"]);
      yield* onDisk("make", out, () => Deno.mkdir(out, { recursive: true }));
      yield* acquireLock(`${out}/lock`);
      const tokenizer = tokenizerFor(config);
      const training = yield* tried(() =>
        decoderTraining(config, tokenizer, {
          checkpoint: `${out}/state.safetensors`,
          metrics: `${out}/language.jsonl`,
          every: config.training.every,
        })
      );
      const trained = yield* train(training);
      const { bridge: _words, ...decoder } = trained.params as Readonly<Record<string, Json>>;
      const { first, losses, timing } = yield* digestMetrics(trained.metrics);
      const loss = { first: first.loss as number, last: lastMean(losses) };
      const hash = yield* saveDecoder(out, decoder as never, tokenizer, {
        what: "questions about scenes that are described in words where visual tokens will be",
        command: shellLine([
          ...["deno", "task", "cos", "language"],
          ...settingsOf(d, config).flatMap((setting) => ["--set", setting]),
        ]),
        config: config as unknown as Json,
        loss,
        stepSeconds: timing.stepSeconds,
        finished: new Date().toISOString(),
      });
      const found = { out, hash, ...loss, stepSeconds: timing.stepSeconds };
      print(
        json ? JSON.stringify(found, null, 2) : table(["", "value"], [
          ["loss, first step", loss.first],
          ["loss, last tenth of steps", loss.last],
        ]),
      );
      notice(
        `decoder: ${out}/decoder.safetensors; copy it, tokenizer.json and decoder.json to pipelines/decoder/weights ` +
          "to ship it",
      );
    })).pipe(Effect.provide(deviceNamed(device))),
);

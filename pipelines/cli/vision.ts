/**
 * Makes the shipped weights of the encoder again.
 *
 *     deno task cos vision [--steps N] [--batch N] [--batch224 N] [--scenes N] [--rate R] [--seed N] [--out folder]
 *
 * Ctrl-C saves; the same command goes on from there.
 */
import { deviceNamed } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { fromEither } from "../base/bridge.ts";
import { override, settingsOf } from "../configs/override.ts";
import { shellLine } from "../terminal/shell_line.ts";
import { onDisk } from "../base/disk.ts";
import type { Json } from "../base/hash.ts";
import { acquireLock } from "../runs/run_lock.ts";
import { runVision } from "../stages/vision.ts";
import { defaultVision, visionConfigCodec } from "../stages/vision_config.ts";
import { table } from "../terminal/table.ts";
import { digestMetrics } from "../train/digest.ts";
import { visionTower } from "../vision/tower.ts";
import { saveVision } from "../vision/weights.ts";
import { notice, print } from "../terminal/output.ts";
import { computeFlag, jsonFlag, setFlag, textFlag } from "./flags.ts";

const d = defaultVision;
const flags = {
  steps: Flag.Int("steps").pipe(Flag.withDefault(d.steps), Flag.withDescription("optimiser steps")),
  batch: Flag.Int("batch").pipe(
    Flag.withDefault(d.batch[0]),
    Flag.withDescription("batch size at 112 px"),
  ),
  batch224: Flag.Int("batch224").pipe(
    Flag.withDefault(d.batch[1]),
    Flag.withDescription("batch size at 224 px"),
  ),
  scenes: Flag.Int("scenes").pipe(Flag.withDefault(d.scenes), Flag.withDescription("training scenes")),
  evalScenes: Flag.Int("eval-scenes").pipe(
    Flag.withDefault(d.evalScenes),
    Flag.withDescription("held-out scenes"),
  ),
  concepts: Flag.Int("concepts").pipe(Flag.withDefault(d.data.concepts), Flag.withDescription("vocabulary")),
  rate: Flag.Finite("rate").pipe(Flag.withDefault(d.rate), Flag.withDescription("peak learning rate")),
  warmup: Flag.Int("warmup").pipe(Flag.withDefault(d.warmup), Flag.withDescription("warm-up steps")),
  seed: Flag.Int("seed").pipe(Flag.withDefault(d.seed), Flag.withDescription("random seed")),
  every: Flag.Int("every").pipe(Flag.withDefault(d.every), Flag.withDescription("steps between checkpoints")),
  device: computeFlag,
  out: textFlag("out", "runs/vision", "output folder of the run and its weights"),
  set: setFlag,
  json: jsonFlag,
};

/** The command. */
export const command = Command.make(
  "vision",
  flags,
  ({ device, ...given }) =>
    Effect.scoped(Effect.gen(function* () {
      const { out, batch, batch224, concepts, set, json, ...rest } = given;
      const flagged = { ...d, ...rest, data: { ...d.data, concepts }, batch: [batch, batch224] as const };
      const config = yield* fromEither(override(visionConfigCodec, "vision configuration")(flagged, set));
      yield* onDisk("make", out, () => Deno.mkdir(out, { recursive: true }));
      yield* acquireLock(`${out}/lock`);
      const places = {
        checkpoint: `${out}/state.safetensors`,
        metrics: `${out}/vision.jsonl`,
        every: config.every,
      };
      const result = yield* runVision(config, places, "cache/scenes");
      const { first, last, timing } = yield* digestMetrics(result.trained.metrics);
      const manifest = {
        what: "region-text contrast: pooled patch features of every object against a table of concept names",
        command: shellLine([
          ...["deno", "task", "cos", "vision"],
          ...settingsOf(d, config).flatMap((setting) => ["--set", setting]),
        ]),
        tower: visionTower,
        config,
        dataHash: result.dataHash,
        loss: { first: first.loss, last: last.loss },
        heldOut: result.heldOut,
        stepSeconds: timing.stepSeconds,
        finished: new Date().toISOString(),
      };
      yield* saveVision(out, result.params.vit, manifest as unknown as Json);
      const { loss, heldOut, stepSeconds } = manifest;
      print(
        json ? JSON.stringify({ out, loss, heldOut, stepSeconds }, null, 2) : table(["", "value"], [
          ["loss, first step", loss.first as number],
          ["loss, last step", loss.last as number],
          ...Object.entries(heldOut).flatMap(([side, scores]) =>
            Object.entries(scores).map(([name, value]) =>
              [`held out at ${side} px: ${name}`, Number(value)] as const
            )
          ),
        ]),
      );
      notice(
        `weights: ${out}/vit.safetensors; copy them and vit.json to pipelines/vision/weights to ship them`,
      );
    })).pipe(Effect.provide(deviceNamed(device))),
);

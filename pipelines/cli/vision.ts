/**
 * Makes the shipped weights of the encoder again.
 *
 *     deno task cos vision [--steps N] [--batch N] [--batch224 N] [--scenes N] [--rate R] [--seed N] [--out folder]
 *
 * Ctrl-C saves; the same command goes on from there.
 */
import { deviceNamed, deviceNames } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import { decode } from "../bridge.ts";
import { onDisk } from "../runs/disk.ts";
import type { Json } from "../runs/hash.ts";
import { acquireLock } from "../runs/run_lock.ts";
import { runVision } from "../stages/vision.ts";
import { defaultVision, visionConfigCodec } from "../stages/vision_config.ts";
import { timingOf } from "../train/timing.ts";
import { visionTower } from "../vision/tower.ts";
import { saveVision } from "../vision/weights.ts";

const d = defaultVision;
const flags = {
  steps: Flag.Int("steps").pipe(Flag.withDefault(d.steps), Flag.withDescription("optimiser steps")),
  batch: Flag.Int("batch").pipe(
    Flag.withDefault(d.batch[0]),
    Flag.withDescription("pictures of a step at 112 px"),
  ),
  batch224: Flag.Int("batch224").pipe(
    Flag.withDefault(d.batch[1]),
    Flag.withDescription("pictures of a step at 224 px"),
  ),
  scenes: Flag.Int("scenes").pipe(Flag.withDefault(d.scenes), Flag.withDescription("training scenes")),
  evalScenes: Flag.Int("eval-scenes").pipe(
    Flag.withDefault(d.evalScenes),
    Flag.withDescription("held-out scenes"),
  ),
  concepts: Flag.Int("concepts").pipe(Flag.withDefault(d.data.concepts), Flag.withDescription("vocabulary")),
  rate: Flag.Finite("rate").pipe(Flag.withDefault(d.rate), Flag.withDescription("highest learning rate")),
  warmup: Flag.Int("warmup").pipe(Flag.withDefault(d.warmup), Flag.withDescription("steps of warm-up")),
  seed: Flag.Int("seed").pipe(Flag.withDefault(d.seed), Flag.withDescription("key of all random numbers")),
  every: Flag.Int("every").pipe(Flag.withDefault(d.every), Flag.withDescription("steps between checkpoints")),
  device: Flag.Literals("device", deviceNames).pipe(
    Flag.withDefault("auto" as const),
    Flag.withDescription("what computes: auto takes WebGPU where there is an adapter, the CPU otherwise"),
  ),
  out: Flag.String("out").pipe(
    Flag.withDefault("runs/vision"),
    Flag.withDescription("folder of the run and weights"),
  ),
};

/** The command. */
export const command = Command.make(
  "vision",
  flags,
  ({ device, ...given }) =>
    Effect.scoped(Effect.gen(function* () {
      const { out, batch, batch224, concepts, ...rest } = given;
      const config = yield* decode(visionConfigCodec(), "vision configuration")({
        ...d,
        ...rest,
        data: { ...d.data, concepts },
        batch: [batch, batch224],
      });
      yield* onDisk("make", out, () => Deno.mkdir(out, { recursive: true }));
      yield* acquireLock(`${out}/lock`);
      const places = {
        checkpoint: `${out}/state.safetensors`,
        metrics: `${out}/vision.jsonl`,
        every: config.every,
      };
      const result = yield* runVision(config, places, "cache/scenes");
      const { records } = result.trained, timing = timingOf(records);
      const manifest = {
        what: "region-text contrast: pooled patch features of every object against a table of concept names",
        command: `deno task cos vision --steps ${config.steps} --batch ${batch} --batch224 ${batch224} ` +
          `--scenes ${config.scenes} --concepts ${concepts} --rate ${config.rate} --warmup ${config.warmup} ` +
          `--seed ${config.seed}`,
        tower: visionTower,
        config,
        dataHash: result.dataHash,
        loss: { first: records[0]?.loss, last: records.at(-1)?.loss },
        heldOut: result.heldOut,
        stepSeconds: timing.stepSeconds,
        finished: new Date().toISOString(),
      };
      yield* saveVision(out, result.params.vit, manifest as unknown as Json);
      console.log(JSON.stringify({ loss: manifest.loss, heldOut: result.heldOut }, null, 2));
      console.log(
        `weights: ${out}/vit.safetensors; copy them and vit.json to pipelines/vision/weights to ship them`,
      );
    })).pipe(Effect.provide(deviceNamed(device))),
);

/**
 * Cost of a named configuration, from its description alone: no weights, no device.
 *
 *     deno task cos plan <config> [--compile] [--geometry full|small] [--device h100-mixed|...]
 *       [--device-peak FLOP/s,bytes/s[,bytes]] [--precision f32|mixed] [--gpus N] [--utilisation X]
 *       [--ranks N] [--shard-optimiser] [--exchange-rate bytes/s]
 *       [--batch N] [--json]
 */
import { Argument, Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import * as Option from "effect/Option";
import { fromEither } from "../base/bridge.ts";
import { geometries } from "../configs/config.ts";
import { configNamed } from "../configs/named.ts";
import {
  deviceOfRoofline,
  type PlanDevice,
  type PlanDeviceName,
  planDeviceNames,
  planDevices,
  PlanError,
} from "../plan/device.ts";
import { compiledPlan, planOf } from "../plan/plan.ts";
import { planText } from "../plan/show.ts";
import { type Precision, precisions } from "../train/precision.ts";
import { print } from "../terminal/output.ts";
import { jsonFlag, switchFlag, wholeFlag } from "./flags.ts";

const parts = {
  name: Argument.String("config").pipe(
    Argument.withDescription(
      "name of a configuration; cos-80-1296 is CoS-7B; `cos configs` lists all",
    ),
  ),
  geometry: Flag.Literals("geometry", geometries).pipe(
    Flag.withDefault("full" as const),
    Flag.withDescription("full: as in the paper; small: a quarter of the tokens, trains on a CPU"),
  ),
  device: Flag.optional(Flag.Literals("device", planDeviceNames)).pipe(
    Flag.withDescription("device with known peak rates; default: h100-f32"),
  ),
  roofline: Flag.optional(Flag.String("device-peak")).pipe(
    Flag.withDescription("peak rates of another device: FLOP/s,bytes/s[,bytes of memory]"),
  ),
  precision: Flag.optional(Flag.Literals("precision", precisions)).pipe(
    Flag.withDescription("precision of --device-peak; default: f32"),
  ),
  gpus: Flag.Int("gpus").pipe(Flag.withDefault(1), Flag.withDescription("number of data-parallel devices")),
  ranks: Flag.optional(wholeFlag(
    "ranks",
    "processes that share every step, one a device, and exchange gradients: a power of two",
  )),
  shardOptimiser: switchFlag(
    "shard-optimiser",
    "with --ranks: each keeps its part of the optimiser's memory alone",
  ),
  rate: Flag.Finite("exchange-rate").pipe(
    Flag.withDefault(2e9),
    Flag.withDescription("bytes that a rank moves in a second"),
  ),
  utilisation: Flag.Finite("utilisation").pipe(
    Flag.withDefault(0.4),
    Flag.withDescription("utilisation of the peak rates (MFU), above 0 and at most 1"),
  ),
  batch: Flag.optional(Flag.Int("batch")).pipe(
    Flag.withDescription("batch size in images; default: as configured"),
  ),
  compile: switchFlag(
    "compile",
    "also compile the cheapest step that fits the device, and compare it with the estimate",
  ),
  json: jsonFlag,
};

interface DeviceFlags {
  readonly device: Option.Option<PlanDeviceName>;
  readonly roofline: Option.Option<string>;
  readonly precision: Option.Option<Precision>;
}

const deviceOf = ({ device, roofline, precision }: DeviceFlags): E.Either<PlanError, PlanDevice> => {
  if (Option.isSome(roofline) && Option.isNone(device)) {
    return deviceOfRoofline(roofline.value, Option.getOrUndefined(precision));
  }
  if (Option.isSome(roofline) || Option.isSome(precision)) {
    return E.left(
      new PlanError({
        op: Option.isSome(roofline) ? "--device-peak" : "--precision",
        got: Option.isSome(device) ? `it alongside --device ${device.value}` : "it without --device-peak",
        expected: "a device by name, or peak rates with their precision",
        hint: "leave one of them out",
      }),
    );
  }
  return E.right(planDevices[Option.getOrElse(device, () => "h100-f32" as const)]);
};

const notBoth = (): PlanError =>
  new PlanError({
    op: "plan --ranks",
    got: "--gpus next to it, or --shard-optimiser with --compile or without several ranks",
    expected: "ranks, each with a device, and their optimiser's memory as estimated",
    hint: "leave one of them out",
  });

/** The command. */
export const command = Command.make(
  "plan",
  parts,
  ({ name, geometry, gpus, utilisation, batch, compile, json, ranks, shardOptimiser, rate, ...flags }) =>
    Effect.gen(function* () {
      const shards = shardOptimiser, several = Option.getOrElse(ranks, () => 1) > 1;
      if ((several && gpus !== 1) || (shards && (!several || compile))) return yield* Effect.fail(notBoth());
      const config = yield* fromEither(configNamed(name, geometry));
      const device = yield* fromEither(deviceOf(flags));
      const settings = {
        device,
        gpus: Option.getOrElse(ranks, () => gpus),
        utilisation,
        ...(several ? { ranks: { shards, rate } } : {}),
        ...(Option.isSome(batch) ? { batch: batch.value } : {}),
      };
      const plan = yield* (compile ? compiledPlan(config, settings) : fromEither(planOf(config, settings)));
      print(json ? JSON.stringify(plan, null, 2) : planText(plan));
    }),
);

/**
 * What a named configuration costs, from its description alone: no weights, no device.
 *
 *     deno task cos plan <config> [--compile] [--geometry full|small] [--device h100-mixed|...]
 *       [--device-ceilings FLOP/s,bytes/s[,bytes]] [--precision f32|mixed] [--gpus N] [--utilisation X]
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
  deviceOfCeilings,
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
      "a configuration by name; cos-80-1296 is CoS-7B; deno task cos configs lists all",
    ),
  ),
  geometry: Flag.Literals("geometry", geometries).pipe(
    Flag.withDefault("full" as const),
    Flag.withDescription("full: as in the paper; small: a quarter of the tokens, trains anywhere"),
  ),
  device: Flag.optional(Flag.Literals("device", planDeviceNames)).pipe(
    Flag.withDescription("a device whose ceilings are known; h100-f32 by default"),
  ),
  ceilings: Flag.optional(Flag.String("device-ceilings")).pipe(
    Flag.withDescription("another device: FLOP/s,bytes/s or FLOP/s,bytes/s,bytes of memory"),
  ),
  precision: Flag.optional(Flag.Literals("precision", precisions)).pipe(
    Flag.withDescription("element types that the given ceilings are for; f32 by default"),
  ),
  gpus: Flag.Int("gpus").pipe(Flag.withDefault(1), Flag.withDescription("devices that share the batch")),
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
    Flag.withDescription("share of the ceilings that is reached, above 0 and at most 1"),
  ),
  batch: Flag.optional(Flag.Int("batch")).pipe(
    Flag.withDescription("images of a step; as configured by default"),
  ),
  compile: switchFlag(
    "compile",
    "compile the cheapest step that fits, for the device, and set it beside the estimate",
  ),
  json: jsonFlag,
};

interface DeviceFlags {
  readonly device: Option.Option<PlanDeviceName>;
  readonly ceilings: Option.Option<string>;
  readonly precision: Option.Option<Precision>;
}

const deviceOf = ({ device, ceilings, precision }: DeviceFlags): E.Either<PlanError, PlanDevice> => {
  if (Option.isSome(ceilings) && Option.isNone(device)) {
    return deviceOfCeilings(ceilings.value, Option.getOrUndefined(precision));
  }
  if (Option.isSome(ceilings) || Option.isSome(precision)) {
    return E.left(
      new PlanError({
        op: Option.isSome(ceilings) ? "--device-ceilings" : "--precision",
        got: Option.isSome(device) ? `it beside --device ${device.value}` : "it without --device-ceilings",
        expected: "a device by name, or ceilings with their precision",
        hint: "leave one of them out",
      }),
    );
  }
  return E.right(planDevices[Option.getOrElse(device, () => "h100-f32" as const)]);
};

const notBoth = (): PlanError =>
  new PlanError({
    op: "plan --ranks",
    got: "--gpus beside it, or --shard-optimiser with --compile or without several ranks",
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

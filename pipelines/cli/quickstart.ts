/**
 * The whole of the project from one command.
 *
 *     deno task cos quickstart [--scale micro|software|gpu] [--device auto|webgpu|dawn|cpu] [--unchecked] [--half-sums] [--seed N] [--out folder] [--set field=value ...] [--log tensorboard,mlflow] [--fresh]
 *
 * Ctrl-C saves; the same command goes on from there.
 */
import { type Device, deviceNamed, theDevice } from "@chain-of-sight/kernels";
import { Command, Flag } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { type DecodeError, fromEither } from "../base/bridge.ts";
import member from "../deno.json" with { type: "json" };
import {
  quickstartCodec,
  type QuickstartConfig,
  type Scale,
  scales,
} from "../ablations/quickstart_config.ts";
import { override } from "../configs/override.ts";
import { presets } from "../ablations/quickstart_presets.ts";
import { summaryTable } from "../quickstart/report.ts";
import type { MakeError } from "../engine/make.ts";
import { quickstart } from "../quickstart/run.ts";
import { ensureReportPage, type ReportError } from "../report/write.ts";
import type { LiveLogError } from "../runs/live.ts";
import { duration } from "../terminal/progress.ts";
import { tuned } from "../tune/store.ts";
import { notice, print } from "../terminal/output.ts";
import { computeFlag, halfSumsFlag, jsonFlag, logFlag, setFlag, shown } from "./flags.ts";

const flags = {
  scale: Flag.Literals("scale", scales).pipe(
    Flag.optional,
    Flag.withDescription("size of everything; by default the device decides between software and gpu"),
  ),
  device: computeFlag,
  unchecked: Flag.Boolean("unchecked").pipe(
    Flag.withDefault(false),
    Flag.withDescription("leave out the bounds checks of dawn, which then takes proved programs alone"),
  ),
  halfSums: halfSumsFlag,
  seed: Flag.Int("seed").pipe(
    Flag.optional,
    Flag.withDescription("key of initial weights and of the order of examples"),
  ),
  out: Flag.String("out").pipe(
    Flag.optional,
    Flag.withDescription("run directory; runs/quickstart-<scale>-<seed> by default"),
  ),
  set: setFlag,
  fresh: Flag.Boolean("fresh").pipe(
    Flag.withDefault(false),
    Flag.withDescription("start again; a run that stands there is moved aside"),
  ),
  log: logFlag,
  json: jsonFlag,
};

interface Given {
  readonly seed: Option.Option<number>;
  readonly out: Option.Option<string>;
  readonly set: readonly string[];
  readonly fresh: boolean;
  readonly log: Option.Option<string>;
  readonly json: boolean;
}

const configured = (size: Scale, { seed, set }: Given): Effect.Effect<QuickstartConfig, DecodeError> => {
  const seeded = Option.match(seed, { onNone: () => [], onSome: (n) => [`seed=${n}`] });
  return fromEither(
    override(quickstartCodec(), "quickstart configuration")(presets[size], [...seeded, ...set]),
  );
};

const show = (
  config: QuickstartConfig,
  { out, fresh, log, json }: Given,
): Effect.Effect<void, LiveLogError | MakeError | ReportError, Device> =>
  Effect.gen(function* () {
    const device = yield* theDevice();
    const folder = Option.getOrElse(out, () => `runs/quickstart-${config.scale}-${config.seed}`);
    notice(`quickstart, scale ${config.scale}, on ${device.profile.name}; writing to ${folder}`);
    const summary = yield* shown(log, quickstart(config, { out: folder, fresh, version: member.version }));
    yield* ensureReportPage(folder);
    print(
      json
        ? JSON.stringify(summary, null, 2)
        : `${
          summaryTable(summary)
        }\npre-training time is relative to the first row, as measured; intervals are ` +
          "bootstrap 95 %",
    );
    notice(
      `${folder}: report.html, summary.json, figures, samples, metrics, checkpoints; ` +
        duration(summary.wallSeconds),
    );
  });

// A scale that is given is checked with its settings before any device is opened.
/** The command. */
export const command = Command.make(
  "quickstart",
  flags,
  ({ scale, device: name, unchecked, halfSums, ...given }) =>
    Option.match(scale, {
      onSome: (size) =>
        Effect.flatMap(
          configured(size, given),
          (config) =>
            show(config, given).pipe(Effect.provide(tuned(deviceNamed(name, { unchecked, halfSums })))),
        ),
      onNone: () =>
        Effect.gen(function* () {
          const device = yield* theDevice();
          yield* show(yield* configured(device.profile.software ? "software" : "gpu", given), given);
        }).pipe(Effect.provide(tuned(deviceNamed(name, { unchecked, halfSums })))),
    }),
);

/** Actions of one batch job of an ablation, as a file says, on the node that it is given. */
import {
  type Device,
  type DeviceError,
  type DeviceName,
  deviceNamed,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Effect from "effect/Effect";
import * as t from "io-ts";
import { fromEither, type TypeOf } from "../base/bridge.ts";
import { jobContext } from "../engine/context.ts";
import type { MakeError } from "../engine/make.ts";
import { lineOf, requestCodec, wireFault } from "../engine/messages.ts";
import { makeRequested } from "../engine/worker.ts";
import { type LiveLogError, liveLogsOf, withLiveLogs } from "../runs/live.ts";
import { notice, print } from "../terminal/output.ts";
import { tuned } from "../tune/store.ts";
import { type AblateError, timeArms } from "./ablate.ts";

/** Codec of tasks: artefacts to be made in this order, the arms of an ablation to be timed, or the device's name. */
export const slurmTaskCodec = t.union([
  t.strict({
    kind: t.literal("make"),
    store: t.string,
    cache: t.string,
    version: t.string,
    logs: t.string,
    requests: t.readonlyArray(requestCodec),
  }),
  t.strict({ kind: t.literal("time"), directory: t.string }),
  t.strict({ kind: t.literal("device") }),
]);

/** A task. */
export type SlurmTask = TypeOf<typeof slurmTaskCodec>;

/** Threads that Slurm gives a task. */
const threads = (): { readonly threads?: number } => {
  const given = Number(Deno.env.get("SLURM_CPUS_PER_TASK"));
  return given > 0 ? { threads: given } : {};
};

const make = ({ store, cache, version, logs, requests }: SlurmTask & { readonly kind: "make" }) =>
  Effect.gen(function* () {
    const { profile } = yield* theDevice(), context = yield* jobContext(store, profile.name, version, cache);
    const making = Effect.forEach(
      requests,
      (request) => makeRequested(context, request, (holder) => notice(`waits for ${holder}`)),
      { discard: true },
    );
    yield* logs === "" ? making : withLiveLogs(yield* fromEither(liveLogsOf(logs)), making);
  });

/** Does a task; what it says for the one who follows is a line as those of worker processes. */
export const doSlurmTask = (
  task: SlurmTask,
  device: DeviceName,
): Effect.Effect<void, AblateError | DeviceError | LiveLogError | MakeError> => {
  const doing: Effect.Effect<void, AblateError | LiveLogError | MakeError, Device> = task.kind === "make"
    ? make(task)
    : task.kind === "time"
    ? Effect.asVoid(timeArms(task.directory))
    : Effect.map(
      theDevice(),
      ({ profile }) => print(lineOf({ kind: "ready", device: profile.name }).trimEnd()),
    );
  return doing.pipe(
    Effect.provide(tuned(deviceNamed(device, threads()))),
    Effect.tapError((error) =>
      Effect.sync(() =>
        print(lineOf({ kind: "failed", id: 0, fault: wireFault(error, "do a task of Slurm") }).trimEnd())
      )
    ),
  );
};

/**
 * A worker process: opens one device, makes one artefact after the other as requests come on standard input,
 * and ends when that closes, which it does when who started it ends in any way. What it is doing then is saved first.
 *
 *     deno run -A pipelines/engine/worker.ts <store> <device> <version> <cache> [logs]
 */
import {
  type Device,
  type DeviceError,
  type DeviceName,
  deviceNamed,
  theDevice,
} from "@chain-of-sight/kernels";
import * as Cause from "effect/Cause";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as E from "fp-ts/lib/Either.js";
import { tried } from "../base/bridge.ts";
import { liveLogsOf, withLiveLogs } from "../runs/live.ts";
import { RunError } from "../runs/run_directory.ts";
import { tuned } from "../tune/store.ts";
import { jobsOf } from "./jobs.ts";
import { makeArtefact, type MakeError, type OnWait } from "./make.ts";
import { openParts } from "./resolve.ts";
import { lineOf, linesOf, readRequest, type Reply, type Request, wireFault } from "./messages.ts";
import { type JobContext, jobContext } from "./context.ts";

const say = (reply: Reply): void => {
  const bytes = new TextEncoder().encode(lineOf(reply));
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
};

// The worker was started after the run, which knows the code as it was then.
const otherCode = (key: string): RunError =>
  new RunError({
    op: "make an artefact",
    got: `no job with the key ${key.slice(0, 16)}`,
    expected: "the code that the run began with",
    hint: "the sources have changed since: give the same command again, which then makes all by the new code",
    path: "",
  });

/** Makes the artefact that a request names, if the code is still that of its key. */
export const makeRequested = (
  context: JobContext,
  { experiment, hashes, key }: Request,
  onWait: OnWait,
): Effect.Effect<void, MakeError, Device> =>
  Effect.gen(function* () {
    const parts = yield* openParts(experiment), resolved = { experiment, parts, hashes, lengths: {} };
    const job = (yield* tried(() => jobsOf(resolved, context))).find((one) => one.key === key);
    if (job === undefined) return yield* Effect.fail(otherCode(key));
    yield* makeArtefact(context, job, onWait);
  });

const answered = (context: JobContext, request: Request): Effect.Effect<void, never, Device> => {
  const { id } = request;
  return makeRequested(context, request, (holder) => say({ kind: "waiting", id, holder })).pipe(
    Effect.exit,
    Effect.flatMap((exit) =>
      Effect.sync(() => {
        if (Exit.isSuccess(exit)) return say({ kind: "done", id });
        if (Cause.hasInterruptsOnly(exit.cause)) return;
        console.error(Cause.pretty(exit.cause));
        say({ kind: "failed", id, fault: wireFault(Cause.squash(exit.cause), "make an artefact") });
      })
    ),
  );
};

const serve = (store: string, version: string, cache: string): Effect.Effect<void, RunError, Device> =>
  Effect.gen(function* () {
    const { profile } = yield* theDevice(), context = yield* jobContext(store, profile.name, version, cache);
    say({ kind: "ready", device: profile.name });
    let current: Fiber.Fiber<void> | undefined;
    for (const lines = linesOf(Deno.stdin.readable);;) {
      const next = yield* Effect.promise(() => lines.next());
      if (next.done === true) break;
      const request = readRequest(next.value);
      if (E.isLeft(request)) throw request.left;
      current = yield* Effect.forkChild(answered(context, request.right));
    }
    // whatever asked is gone
    if (current !== undefined) yield* Fiber.interrupt(current);
  });

if (import.meta.main) {
  const [store, device, version, cache, shown = ""] = Deno.args as [
    string,
    DeviceName,
    string,
    string,
    string?,
  ];
  const logs = shown === "" ? E.right([]) : liveLogsOf(shown);
  if (E.isLeft(logs)) throw logs.left;
  Deno.addSignalListener("SIGINT", () => {}); // a terminal sends it to all: who started it decides
  const program: Effect.Effect<void, DeviceError | RunError> = withLiveLogs(
    logs.right,
    serve(store, version, cache),
  ).pipe(
    Effect.provide(tuned(deviceNamed(device))),
  ) as Effect.Effect<void, DeviceError | RunError>;
  const exit = await Effect.runPromiseExit(program);
  if (Exit.isFailure(exit)) console.error(Cause.pretty(exit.cause));
  Deno.exit(Exit.isSuccess(exit) ? 0 : 1);
}

/**
 * Trainings shown by other programs while they go on: their metrics as TensorBoard's event files in the run directory, or
 * in a file store of MLflow. Which, is said alongside the program, not in configurations: it decides no number.
 */
import * as Context from "effect/Context";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Cause from "effect/Cause";
import type * as Scope from "effect/Scope";
import * as E from "fp-ts/lib/Either.js";
import { TaggedFault } from "../base/fault.ts";
import { checkPlace, openOwn } from "../base/own_file.ts";
import { writeAll } from "../base/disk.ts";
import { folderOf } from "../base/paths.ts";
import { notice } from "../terminal/output.ts";
import { type MetricRecord, takeMetrics } from "./metrics.ts";
import { mlflowWriter } from "./mlflow.ts";
import { eventFileName, eventWriter } from "./tensorboard.ts";

/** Where metrics are shown: by TensorBoard, or in the file store of MLflow in a folder. */
export type LiveLog = { readonly kind: "tensorboard" } | { readonly kind: "mlflow"; readonly store: string };

/** Live logs that cannot be. */
export class LiveLogError extends TaggedFault("LiveLogError")<Record<never, never>> {}

/** The folder in which MLflow looks by itself. */
const MLRUNS = "mlruns";

/** The logs that a text such as `tensorboard,mlflow` or `mlflow:folder` names. */
export const liveLogsOf = (text: string): E.Either<LiveLogError, readonly LiveLog[]> => {
  const logs: LiveLog[] = [];
  for (const name of text.split(",").map((one) => one.trim())) {
    if (name === "tensorboard") logs.push({ kind: "tensorboard" });
    else if (name === "mlflow") logs.push({ kind: "mlflow", store: MLRUNS });
    else if (/^mlflow:./.test(name)) logs.push({ kind: "mlflow", store: name.slice("mlflow:".length) });
    else {
      return E.left(
        new LiveLogError({
          op: "--log",
          got: name === "" ? "no name" : name,
          expected: "tensorboard, mlflow, mlflow:<folder>, or several with commas between them",
          hint: "name one of those, or leave --log out",
        }),
      );
    }
  }
  return E.right(logs);
};

/** The text that {@link liveLogsOf} reads as these logs. */
export const liveLogsText = (logs: readonly LiveLog[]): string =>
  logs.map((log) => log.kind === "mlflow" ? `mlflow:${log.store}` : log.kind).join(",");

const LiveLogs = Context.Reference<readonly LiveLog[]>("chain-of-sight/LiveLogs", { defaultValue: () => [] });

/** Runs a program whose trainings are shown in some logs; in none without it. */
export const withLiveLogs = <A, Er, R>(
  logs: readonly LiveLog[],
  program: Effect.Effect<A, Er, R>,
): Effect.Effect<A, Er, R> => Effect.provideService(program, LiveLogs, logs);

/** How a training ended. */
export type LiveEnd = "finished" | "failed" | "killed";

/** Something that a training's records are added to. */
export interface LiveWriter {
  /** Adds records. */
  readonly add: (records: readonly MetricRecord[]) => Promise<void>;
  /** Says how the training ended. */
  readonly close: (end: LiveEnd) => Promise<void>;
}

/** A training, by its metrics. */
export interface LiveTraining {
  /** Its run directory. */
  readonly run: string;
  /** Its stage. */
  readonly stage: string;
  /** When it began, seconds since 1970. */
  readonly began: number;
}

/** A training by the place of its metrics, `<run>/metrics/<stage>.jsonl`. */
const trainingAt = async (metrics: string): Promise<LiveTraining> => {
  const folder = folderOf(metrics), { birthtime, mtime } = await Deno.lstat(metrics);
  return {
    run: folder.endsWith("/metrics") ? folderOf(folder) : folder,
    stage: metrics.slice(metrics.lastIndexOf("/") + 1).replace(/\.jsonl$/, ""),
    began: (birthtime ?? mtime ?? new Date()).getTime() / 1000,
  };
};

const tensorboardWriter = async ({ run, stage, began }: LiveTraining): Promise<LiveWriter> => {
  const folder = `${run}/logs/tensorboard/${stage}`;
  checkPlace(`${run}/logs/`);
  await Deno.mkdir(folder, { recursive: true });
  const older = (await Array.fromAsync(Deno.readDir(folder))).flatMap(({ name, isFile }) => {
    const at = isFile ? /^events\.out\.tfevents\.(\d+)\./.exec(name) : null;
    return at !== null && name === eventFileName(Number(at[1])) ? [Number(at[1])] : [];
  });
  // readers take files in the order of their names
  const at = Math.max(Math.floor(Date.now() / 1000), ...older.map((one) => one + 1));
  const file = openOwn(`${folder}/${eventFileName(at)}`, { write: true });
  const { start, events } = eventWriter(began, older.length > 0);
  await writeAll(file, start);
  for (const one of older) await Deno.remove(`${folder}/${eventFileName(one)}`);
  return {
    add: (records) => writeAll(file, events(records)),
    close: () => Promise.resolve(file.close()),
  };
};

const writerOf = (log: LiveLog, training: LiveTraining): Promise<LiveWriter> =>
  log.kind === "tensorboard" ? tensorboardWriter(training) : mlflowWriter(log.store, training);

/** Adds records of a training to all its live logs. */
export interface LiveTail {
  /** Adds records; a log that cannot be written is reported once, and left out from then on. */
  readonly add: (records: readonly MetricRecord[]) => Effect.Effect<void>;
}

/**
 * Opens the live logs of a training for as long as the scope lives, with the records that its metrics hold already. A
 * training that resumes begins them again, so that nothing of what it does again is shown twice.
 */
export const openLiveTail = (metrics: string): Effect.Effect<LiveTail, never, Scope.Scope> =>
  Effect.gen(function* () {
    const open = new Map<string, LiveWriter>();
    const tried = (name: string, what: () => Promise<void>): Effect.Effect<void> =>
      Effect.promise(() =>
        what().catch((cause) => {
          open.delete(name);
          notice(
            `${name} does not show ${metrics} any more: ${cause instanceof Error ? cause.message : cause}`,
          );
        })
      );
    const all = (what: (writer: LiveWriter) => Promise<void>): Effect.Effect<void> =>
      Effect.forEach([...open], ([name, writer]) => tried(name, () => what(writer)), { discard: true });
    const logs = yield* LiveLogs;
    yield* Effect.addFinalizer((exit) =>
      all((writer) =>
        writer.close(
          Exit.isSuccess(exit) ? "finished" : Cause.hasInterruptsOnly(exit.cause) ? "killed" : "failed",
        )
      )
    );
    for (const log of logs) {
      yield* tried(log.kind, async () => {
        const writer = await writerOf(log, await trainingAt(metrics));
        open.set(log.kind, writer);
        await takeMetrics(metrics, (await Deno.lstat(metrics)).size, writer.add);
      });
    }
    return { add: (records) => all((writer) => writer.add(records)) };
  });

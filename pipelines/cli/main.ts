/** How every command of this repository ends: a clear paragraph and an exit code. */
import { LanguageError } from "@chain-of-sight/core";
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as Cause from "effect/Cause";
import { CliOutput } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Logger from "effect/Logger";
import process from "node:process";
import { news, notice, results } from "../terminal/output.ts";
import {
  ignoresSigint,
  listenToSignals,
  MAY_HELP_AGAIN,
  receivedSignal,
  signalCodes,
} from "../base/signals.ts";
import { wireFault } from "../engine/messages.ts";
import { ExitCode } from "./usage.ts";

interface FaultLike {
  readonly op: string;
  readonly got: string;
  readonly expected: string;
  readonly hint: string;
}

const isFault = (x: unknown): x is FaultLike =>
  typeof x === "object" && x !== null && "op" in x && "got" in x && "expected" in x && "hint" in x;

/** A failure as a paragraph for people: what was got, what was expected, how to fix it, and at which line. */
export const paragraph = (error: unknown): string => {
  if (error instanceof LanguageError) {
    return `${paragraph(error.fault)}${error.at === undefined ? "" : `\n  at:       ${error.at}`}`;
  }
  if (isFault(error)) {
    const { op, got, expected, hint } = error;
    return `${op}\n  got:      ${got}\n  expected: ${expected}\n  hint:     ${hint}`;
  }
  if (error instanceof Error) {
    return "_tag" in error ? error.message : `${error.message}\n${error.stack ?? ""}`;
  }
  return String(error);
};

// Standard output is for results alone: what is wrong with a command line goes to standard error, in a few lines.
const presenter: CliOutput.Presenter = {
  present: (event) =>
    event._tag === "InvalidInvocation"
      ? Effect.sync(() => {
        const said = event.errors.map((error) => error.message).join("\n");
        notice(`error: ${said}\n\nsee ${event.commandPath.join(" ")} --help`);
      })
      : CliOutput.defaultPresenter.present(event),
};

// The command line's own errors were printed before.
const saidAlready = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "ShowHelp";

/** Milliseconds that news have to reach the terminal when the command ends. */
const FAREWELL = 1000;

const within = (ms: number, promise: Promise<void>): Promise<void> =>
  Promise.race([promise, new Promise<void>((resolve) => setTimeout(resolve, ms))]);

/** Ends the process once what was said is out: all results, unless a signal ended the command. */
const end = async (code: number): Promise<never> => {
  const lost = results.lost();
  await (receivedSignal() === undefined ? results.drained() : within(FAREWELL, results.drained()));
  const gone = lost ?? results.lost();
  // a reader that closes a pipe has read enough; any other loss is a failure
  if (gone !== undefined && gone !== "EPIPE") {
    notice(`error: standard output took no more (${gone}); results are lost`);
  }
  await within(FAREWELL, news.drained());
  return Deno.exit(code === 0 && gone !== undefined && gone !== "EPIPE" ? 1 : code);
};

const logger = Logger.make<unknown, void>(({ message }) =>
  notice((Array.isArray(message) ? message : [message]).map(String).join(" "))
);

/** How a command takes a signal. */
export type OnSignal =
  // it saves what it did, so that the same command goes on from there
  | "saves"
  // it ends what it started, such as processes and temporary folders
  | "cleans up"
  // there is nothing to do: the system ends it at once
  | "nothing";

/**
 * Runs a command to its end and exits. A signal ends it as `onSignal` says, with the exit code that shells have for it; a
 * second one ends it at once.
 */
export const runCommand = async (
  command: Effect.Effect<unknown, unknown, NodeServices.NodeServices>,
  onSignal: OnSignal,
): Promise<never> => {
  process.stdout.on("error", () => {}); // help goes there; a reader may have enough of it
  const fiber = Effect.runFork(
    command.pipe(
      Effect.provide(NodeServices.layer),
      Effect.provide(Logger.layer([logger])),
      Effect.provideService(CliOutput.Presenter, presenter),
    ),
  );
  const saves = onSignal === "saves";
  if (onSignal !== "nothing" || ignoresSigint()) {
    listenToSignals(() => {
      notice(`\nstopping${saves ? ": the state is being saved" : ""} (press Ctrl-C again to quit now)`);
      Effect.runFork(Fiber.interrupt(fiber));
    });
  }
  const exit = await Effect.runPromise(Fiber.await(fiber)), signal = receivedSignal();
  if (Exit.isSuccess(exit)) return await end(0);
  if (signal !== undefined) {
    notice(
      saves ? "stopped; the last checkpoint is kept, and the same command goes on from there" : "stopped",
    );
    return await end(signalCodes[signal]);
  }
  const error = Cause.squash(exit.cause);
  if (error instanceof ExitCode) return await end(error.code);
  if (!saidAlready(error)) notice(`\nerror: ${paragraph(error)}`);
  return await end(wireFault(error, "").again ? MAY_HELP_AGAIN : 1);
};

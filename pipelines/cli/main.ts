/** How every command of this repository ends: a clear paragraph and an exit code. */
import { LanguageError } from "@chain-of-sight/core";
import * as NodeServices from "@effect/platform-node/NodeServices";
import * as Cause from "effect/Cause";
import { CliOutput } from "effect/cli";
import * as Effect from "effect/Effect";
import * as Exit from "effect/Exit";
import * as Fiber from "effect/Fiber";
import * as Logger from "effect/Logger";

interface FaultLike {
  readonly op: string;
  readonly got: string;
  readonly expected: string;
  readonly mend: string;
}

const isFault = (x: unknown): x is FaultLike =>
  typeof x === "object" && x !== null && "op" in x && "got" in x && "expected" in x && "mend" in x;

/** A failure as a paragraph for people: what was got, what was expected, how to mend it, and at which line. */
export const paragraph = (error: unknown): string => {
  if (error instanceof LanguageError) {
    return `${paragraph(error.fault)}${error.at === undefined ? "" : `\n  at:       ${error.at}`}`;
  }
  if (isFault(error)) {
    const { op, got, expected, mend } = error;
    return `${op}\n  got:      ${got}\n  expected: ${expected}\n  mend:     ${mend}`;
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
        console.error(`error: ${said}\n\nsee ${event.commandPath.join(" ")} --help`);
      })
      : CliOutput.defaultPresenter.present(event),
};

// The command line's own errors were printed before.
const saidAlready = (error: unknown): boolean =>
  typeof error === "object" && error !== null && "_tag" in error && error._tag === "ShowHelp";

/** Exit code of an interrupted command, as shells have it for SIGINT. */
export const INTERRUPTED = 130;

/**
 * Runs a command to its end and exits. SIGINT and SIGTERM interrupt it, so that it can save; a second one ends it at
 * once.
 * @param goesOn - whether it saves what it did, so that the same command goes on from there.
 */
export const runCommand = async (
  command: Effect.Effect<unknown, unknown, NodeServices.NodeServices>,
  goesOn: boolean,
): Promise<never> => {
  const fiber = Effect.runFork(
    command.pipe(
      Effect.provide(NodeServices.layer),
      Effect.provideService(Logger.LogToStderr, true),
      Effect.provideService(CliOutput.Presenter, presenter),
    ),
  );
  let signals = 0;
  const interrupt = (): void => {
    signals++;
    if (signals > 1) Deno.exit(INTERRUPTED);
    console.error(`\nstopping${goesOn ? ": the state is being saved" : ""} (once more to stop at once)`);
    Effect.runFork(Fiber.interrupt(fiber));
  };
  Deno.addSignalListener("SIGINT", interrupt);
  Deno.addSignalListener("SIGTERM", interrupt);
  const exit = await Effect.runPromise(Fiber.await(fiber));
  if (Exit.isSuccess(exit)) return Deno.exit(0);
  if (Cause.hasInterruptsOnly(exit.cause) || signals > 0) {
    console.error(
      goesOn ? "stopped; the last checkpoint is kept, and the same command goes on from there" : "stopped",
    );
    return Deno.exit(INTERRUPTED);
  }
  const error = Cause.squash(exit.cause);
  if (!saidAlready(error)) console.error(`\nerror: ${paragraph(error)}`);
  return Deno.exit(1);
};

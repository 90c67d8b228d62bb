/** Starts this command again as ranks on this machine, by Open MPI's mpirun. */
import * as Effect from "effect/Effect";
import { MAY_HELP_AGAIN, signalCodes } from "../base/signals.ts";
import { notice } from "../terminal/output.ts";
import { RanksError } from "./ranks.ts";

/**
 * Arguments of mpirun: ranks wait without keeping a core from those that compute, share all cores, and hear SIGUSR1, which
 * mpirun hands on.
 */
export const mpirunArguments = (
  ranks: number,
  command: readonly string[],
  root: boolean,
): readonly string[] => [
  ...["-q", "--oversubscribe", "--bind-to", "none", "--mca", "mpi_yield_when_idle", "1"],
  ...(root ? ["--allow-run-as-root"] : []),
  ...["-np", String(ranks), ...command],
];

const missing = (cause: unknown): RanksError =>
  new RanksError({
    op: "start ranks",
    got: cause instanceof Deno.errors.NotFound ? "no mpirun on this machine" : String(cause),
    expected: "Open MPI",
    hint: "install Debian's package openmpi-bin, or your system's Open MPI",
    rank: 0,
  });

/** The command line of this process, for another one. */
export const thisCommand =
  (): readonly string[] => [Deno.execPath(), "run", "-A", Deno.mainModule, ...Deno.args];

const own: readonly number[] = Object.values(signalCodes);

/**
 * Runs this command as so many ranks, and gives their exit code; 75 where the system ended one of them, since the same command
 * may go on. Interrupted, all save what they did before they end.
 */
export const launch = (ranks: number): Effect.Effect<number, RanksError> =>
  Effect.flatMap(
    Effect.try({
      try: () =>
        new Deno.Command("mpirun", {
          args: [...mpirunArguments(ranks, thisCommand(), Deno.uid() === 0)],
          stdin: "null",
          stdout: "inherit",
          stderr: "inherit",
          // a terminal's Ctrl-C is for this process: mpirun would end its ranks before they have saved
          detached: true,
        }).spawn(),
      catch: missing,
    }),
    (child) =>
      Effect.callback<number>((resume) => {
        child.status.then(({ code }) => {
          if (code < 128 || own.includes(code)) return resume(Effect.succeed(code));
          notice(
            `a rank was ended by signal ${code - 128}; the same command goes on from the last checkpoint`,
          );
          resume(Effect.succeed(MAY_HELP_AGAIN));
        });
        return Effect.promise(async () => {
          child.kill("SIGUSR1");
          await child.status;
        });
      }),
  );

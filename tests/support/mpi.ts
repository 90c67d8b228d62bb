/**
 * Open MPI for tests. Where `OPEN_MPI` is set, as `.ci/run` does, mpirun must be there; elsewhere tests that need it are left
 * out, and the runner says so.
 */
const installed = (): boolean => {
  try {
    return new Deno.Command("mpirun", { args: ["--version"], stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
};

/** Whether tests start several ranks. */
export const openMpi: boolean = Deno.env.has("OPEN_MPI") || installed();

if (!openMpi) console.log("not run: tests of several ranks, which need mpirun (Debian's openmpi-bin)");

/** How something ended, and what it said. */
export interface Said {
  /** Exit code. */
  readonly code: number;
  /** Standard output. */
  readonly out: string;
  /** Standard error. */
  readonly err: string;
}

/** Runs a program of Deno by itself, or as so many ranks. */
export const ranksOf = async (
  ranks: number,
  args: readonly string[],
  more: readonly string[] = [],
): Promise<Said> => {
  const deno = [Deno.execPath(), "run", "-A", ...args];
  const mpirun = [
    ...["mpirun", "-q", "--allow-run-as-root", "--oversubscribe", "--bind-to", "none"],
    ...["--mca", "mpi_yield_when_idle", "1", ...more, "-np", String(ranks)],
  ];
  const [command, ...rest] = ranks === 1 ? deno : [...mpirun, ...deno];
  const { code, stdout, stderr } = await new Deno.Command(command!, {
    args: rest,
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
};

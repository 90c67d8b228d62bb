/** Batch scripts for Slurm, as text. Pure. */
import { ConfigError } from "@chain-of-sight/core";
import * as E from "fp-ts/lib/Either.js";
import { MAY_HELP_AGAIN } from "../base/signals.ts";
import { shellLine } from "../terminal/shell_line.ts";

/** Options of sbatch by their long names: `nodes`, `ntasks-per-node`, `gres`, `time`. */
export type Resources = Readonly<Record<string, string>>;

/** Options that scripts set themselves. */
const OWN = ["job-name", "output", "requeue", "open-mode", "signal", "array", "dependency", "export"];

const refused = (got: string, expected: string): E.Either<ConfigError, never> =>
  E.left(
    new ConfigError({
      op: "--slurm",
      got,
      expected,
      hint:
        "give options of sbatch by their long names, such as nodes=2,ntasks-per-node=4,gres=gpu:4,time=4:00:00",
    }),
  );

/** Reads `nodes=2,gres=gpu:4`; a part without `=` belongs to the value before it, as in `exclude=n1,n2`. */
export const resourcesOf = (text: string): E.Either<ConfigError, Resources> => {
  const found: Record<string, string> = {};
  let last: string | undefined;
  for (const part of text.split(",")) {
    const [, name, value] = /^([a-z][a-z-]*)=(.+)$/.exec(part) ?? [];
    if (name === undefined || value === undefined) {
      if (last === undefined || part === "") return refused(part === "" ? text : part, "option=value");
      found[last] += `,${part}`;
      continue;
    }
    if (OWN.includes(name)) {
      return refused(part, `other options than ${OWN.join(", ")}, which jobs set themselves`);
    }
    found[name] = value;
    last = name;
  }
  return E.right(found);
};

/** Tasks that resources ask for: one rank each. A number that is no whole number is NaN. */
export const tasksOf = (resources: Resources): number =>
  Number(
    resources.ntasks ??
      Number((resources.nodes ?? "1").split("-")[0]) * Number(resources["ntasks-per-node"] ?? 1),
  );

/** A batch job. */
export interface Batch {
  /** Its name, by which it is found again. */
  readonly name: string;
  /** Its inputs. */
  readonly resources: Resources;
  /** Where it runs. */
  readonly folder: string;
  /** Text of it and its tasks, with Slurm's `%j` for the number of the job. */
  readonly log: string;
  /** The command line of every task. */
  readonly command: readonly string[];
  /** How often the same is asked for again, where that may help. */
  readonly requeues: number;
  /** Numbers of the jobs that must end well before. */
  readonly after?: readonly string[];
}

/** Seconds before the time limit at which tasks are configured to save. */
const NOTICE = 120;

/**
 * The script of a batch job. Tasks hear SIGUSR1 before the time limit and save; a job that ends with exit code 75, or by a
 * signal, is asked for again, and goes on from its checkpoint. What fails otherwise has failed.
 */
export const batchScript = (
  { name, resources, folder, log, command, requeues, after = [] }: Batch,
): string => {
  const options = [
    ...Object.entries({
      "job-name": name,
      ...resources,
      output: log,
      signal: `USR1@${NOTICE}`,
      "open-mode": "append",
    }),
    ...(after.length === 0
      ? []
      : [["dependency", `afterok:${after.join(":")}`], ["kill-on-invalid-dep", "yes"]]),
  ].map(([option, value]) => `#SBATCH --${option}=${value}`);
  const mpi = tasksOf(resources) > 1 ? "--mpi=pmix" : "--mpi=none";
  return `${
    [
      "#!/bin/bash",
      ...options,
      "#SBATCH --requeue",
      `cd ${shellLine([folder])} || exit 1`,
      `echo "try \${SLURM_RESTART_COUNT:-0} of job $SLURM_JOB_ID on $SLURM_JOB_NODELIST"`,
      // Slurm may be set up to give steps no processors of the job
      "export SRUN_CPUS_PER_TASK=${SLURM_CPUS_PER_TASK:-1}",
      `srun --kill-on-bad-exit=1 ${mpi} ${shellLine(command)}`,
      "code=$?",
      `if { [ $code -eq ${MAY_HELP_AGAIN} ] || [ $code -ge 128 ]; } && [ "\${SLURM_RESTART_COUNT:-0}" -lt ${requeues} ]; then`,
      '  scontrol requeue "$SLURM_JOB_ID" && sleep 60',
      "fi",
      "exit $code",
    ].join("\n")
  }\n`;
};

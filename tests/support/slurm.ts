/**
 * A virtual cluster of Slurm for tests. Where `SLURM_TESTS` is set, as `.ci/run` does, its programs must be there; elsewhere
 * tests that need it are left out, and the runner says so.
 */
const installed = (): boolean => {
  try {
    return Deno.uid() === 0 &&
      ["sbatch", "slurmctld", "slurmd", "munged"].every((name) =>
        new Deno.Command("which", { args: [name], stdout: "null", stderr: "null" }).outputSync().success
      );
  } catch {
    return false;
  }
};

/** Whether tests start a cluster. */
export const slurm: boolean = Deno.env.has("SLURM_TESTS") || installed();

if (!slurm) {
  console.log(
    "not run: tests on Slurm, which need root and Debian's slurm-wlm, munge, libpmix-dev and openmpi-bin",
  );
}

const script = new URL("./virtual_cluster.sh", import.meta.url).pathname;

const cluster = async (folder: string, what: "up" | "down"): Promise<string> => {
  const { success, stdout, stderr } = await new Deno.Command(script, {
    args: [folder, what],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`the virtual cluster: ${text.decode(stderr)}`);
  return text.decode(stdout).trim();
};

/** Starts four virtual nodes; Slurm's commands of this process then speak to them. */
export const startCluster = async (folder: string): Promise<void> => {
  Deno.env.set("SLURM_CONF", await cluster(folder, "up"));
};

/** Ends them. */
export const endCluster = (folder: string): Promise<string> => cluster(folder, "down");

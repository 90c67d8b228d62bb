/** Batch jobs: their scripts, the queue in the forms of old and new Slurm, and on a virtual cluster a training that is killed. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withoutSlurm } from "../../pipelines/cli/slurm.ts";
import { followJob, isOpen, readQueue, submit } from "../../pipelines/slurm/client.ts";
import { batchScript, resourcesOf, tasksOf } from "../../pipelines/slurm/script.ts";
import { ranksOf } from "../support/mpi.ts";
import type { Ask } from "../support/rank_worker.ts";
import { endCluster, slurm, startCluster } from "../support/slurm.ts";

const test = suite("Slurm");

const right = (text: string) => {
  const read = resourcesOf(text);
  if (E.isLeft(read)) throw read.left;
  return read.right;
};

test("options of sbatch are read, lists in values included; what jobs set themselves is refused", () => {
  assert.equal(right("nodes=2,exclude=n1,n[3-4],gres=gpu:4"), {
    nodes: "2",
    exclude: "n1,n[3-4]",
    gres: "gpu:4",
  });
  for (
    const [text, says] of [["", "option=value"], ["nodes", "option=value"], [
      "output=x",
      "set themselves",
    ]] as const
  ) {
    const read = resourcesOf(text);
    assert.match(String(E.isLeft(read) && read.left), says);
  }
});

test("every task is a rank", () => {
  const tasks = (text: string) => tasksOf(right(text));
  assert.equal([tasks("time=5"), tasks("nodes=2"), tasks("nodes=2,ntasks-per-node=4"), tasks("ntasks=8")], [
    1,
    2,
    8,
    8,
  ]);
});

test("a script asks for resources, a notice before the time limit, and the same again where that may help", () => {
  const script = batchScript({
    name: "cos-a",
    resources: right("nodes=2,time=4:00:00"),
    folder: "/data/my runs",
    log: "/logs/%j.log",
    command: ["deno", "run", "it's"],
    requeues: 3,
    after: ["7", "9"],
  });
  for (
    const line of [
      "#SBATCH --nodes=2",
      "#SBATCH --time=4:00:00",
      "#SBATCH --signal=USR1@120",
      "#SBATCH --dependency=afterok:7:9",
      "#SBATCH --requeue",
      "cd '/data/my runs' || exit 1",
      `srun --kill-on-bad-exit=1 --mpi=pmix deno run 'it'\\''s'`,
      `if { [ $code -eq 75 ] || [ $code -ge 128 ]; } && [ "\${SLURM_RESTART_COUNT:-0}" -lt 3 ]; then`,
    ]
  ) assert.ok(script.split("\n").includes(line), `${line}\n${script}`);
});

test("the command of a job is this command without what is for Slurm", () => {
  const line = "train run.json --slurm nodes=2,time=5 --requeues=4 --set a.ranks=2 --dry-run --ranks 2";
  assert.equal(withoutSlurm(line.split(" ")), ["train", "run.json", "--set", "a.ranks=2"]);
});

test("the queue is read in the forms of Slurm 22 and of 23", async () => {
  const job = { job_id: 4, name: "a", nodes: "n[1-2]", restart_cnt: 1 };
  for (const job_state of ["RUNNING", ["RUNNING"]]) {
    const [read] = await Effect.runPromise(readQueue(JSON.stringify({ jobs: [{ ...job, job_state }] })));
    assert.equal(read, { id: "4", name: "a", state: "RUNNING", nodes: "n[1-2]", restarts: 1 });
    assert.ok(isOpen(read!));
  }
  assert.not.ok(isOpen({ state: "COMPLETED" }) || isOpen({ state: "TIMEOUT" }));
  const wrong = await Effect.runPromise(Effect.flip(readQueue('{"jobs":[{"job_id":"4"}]}')));
  assert.match(String(wrong), "squeue --json");
});

if (slurm) {
  test("two ranks on two nodes of which one is killed are begun again by Slurm, and end with the bytes of one process", async () => {
    const folder = await Deno.makeTempDir({ prefix: "slurm" }),
      root = new URL("../..", import.meta.url).pathname;
    const worker = new URL("../support/rank_worker.ts", import.meta.url).pathname;
    const ask = (name: string, more: Partial<Ask> = {}): string => {
      Deno.mkdirSync(`${folder}/${name}`, { recursive: true });
      return JSON.stringify({ folder: `${folder}/${name}`, micro: 4, steps: 8, every: 2, ...more });
    };
    await startCluster(`${folder}/lab`);
    try {
      const log = `${folder}/job-%j.log`;
      const script = batchScript({
        name: "tiny",
        resources: right("nodes=2,time=5"),
        folder: root,
        log,
        command: [
          ...[Deno.execPath(), "run", "-A", worker],
          ask("ranks", { fault: { rank: 1, step: 5, kind: "SIGKILL" } }),
        ],
        requeues: 1,
      });
      const id = await Effect.runPromise(submit(script));
      const whole = await ranksOf(1, [worker, ask("whole")]);
      await Effect.runPromise(followJob(id, log, Effect.succeed(false)));
      const said = Deno.readTextFileSync(log.replace("%j", id));
      assert.match(said, /try 0 of job[\s\S]*Killed[\s\S]*try 1 of job/);
      assert.ok(said.includes(whole.out.trim()), said);
    } finally {
      await endCluster(`${folder}/lab`);
      await Deno.remove(folder, { recursive: true }).catch(() => {}); // daemons write as they end
    }
  });
}

test.run();

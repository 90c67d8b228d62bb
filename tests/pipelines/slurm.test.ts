/** Batch jobs: their scripts, the queue in the forms of old and new Slurm, and on a virtual cluster a training that is killed. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { deviceNamed } from "@chain-of-sight/kernels";
import { ablateHere } from "../../pipelines/ablations/ablate.ts";
import { chainsOf } from "../../pipelines/ablations/slurm_chains.ts";
import type { Job } from "../../pipelines/engine/jobs.ts";
import { withoutSlurm } from "../../pipelines/cli/slurm.ts";
import { followJob, isOpen, queue, readQueue, submit } from "../../pipelines/slurm/client.ts";
import { batchScript, resourcesOf, tasksOf } from "../../pipelines/slurm/script.ts";
import { ablation } from "../support/ablations.ts";
import { contentOf, numbersOf } from "../support/store_content.ts";
import { ranksOf } from "../support/mpi.ts";
import type { Ask } from "../support/rank_worker.ts";
import { endCluster, slurm, startCluster } from "../support/slurm.ts";

const test = suite("Slurm");

/** Processes that do tasks of a store. */
const tasksIn = (store: string): readonly { readonly pid: number; readonly task: string }[] =>
  [...Deno.readDirSync("/proc")].flatMap(({ name }) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const words = Deno.readTextFileSync(`/proc/${name}/cmdline`).split("\0"), task = words.at(-2) ?? "";
      return words[0] === Deno.execPath() && task.startsWith(`${store}/slurm/`)
        ? [{ pid: Number(name), task }]
        : [];
    } catch {
      return []; // it has ended
    }
  });

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

/** A graph of jobs by what each needs. */
const graph = (needs: Readonly<Record<string, string>>): readonly Job[] =>
  Object.entries(needs).map(([name, of]) => {
    const job = { name, kind: "train" as const, key: name };
    return { ...job, needs: [...of].map((key) => ({ ...job, name: key, key })) } as unknown as Job;
  });

test("a job that one other needs is made by its batch job, and batch jobs wait for those whose last is needed", () => {
  // d is needed by e and f; c by e alone, which goes on with it
  const jobs = graph({ a: "", b: "a", d: "b", c: "", e: "cd", f: "d" });
  const shown = (done: readonly string[]) =>
    chainsOf(jobs, new Set(done)).map(({ jobs, after }) =>
      `${jobs.map(({ key }) => key).join("")} after ${after.join(" ")}`.trim()
    );
  assert.equal(shown([]), ["abd after", "ce after d-d", "f after d-d"]);
  assert.equal(shown(["a", "b", "d", "c"]), ["e after", "f after"]);
  assert.equal(shown(["a", "b", "c", "d", "e", "f"]), []);
});

if (slurm) {
  const folder = await Deno.makeTempDir({ prefix: "slurm" }),
    root = new URL("../..", import.meta.url).pathname;
  test.before(() => startCluster(`${folder}/lab`));
  test.after(async () => {
    await endCluster(`${folder}/lab`);
    await Deno.remove(folder, { recursive: true }).catch(() => {}); // daemons write as they end
  });

  test("two ranks on two nodes of which one is killed are begun again by Slurm, and end with the bytes of one process", async () => {
    const worker = new URL("../support/rank_worker.ts", import.meta.url).pathname;
    const ask = (name: string, more: Partial<Ask> = {}): string => {
      Deno.mkdirSync(`${folder}/${name}`, { recursive: true });
      return JSON.stringify({ folder: `${folder}/${name}`, micro: 4, steps: 8, every: 2, ...more });
    };
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
  });

  test("the jobs of a family outlive two killed tasks, a killed node and the command, and end with the same store", async () => {
    const arms = ["cos-20-20", "cos-20-84"];
    const command = () =>
      new Deno.Command(Deno.execPath(), {
        args: [
          ...["run", "-A", "--quiet", `${root}pipelines/cli/cos.ts`, "ablate", "--preset", "smoke"],
          ...[
            "--arms",
            arms.join(","),
            "--seeds",
            "1",
            "--store",
            `${folder}/store`,
            "--out",
            `${folder}/family`,
            "--slurm",
            "time=5",
          ],
        ],
        stdout: "piped",
        stderr: "piped",
      });
    const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
    const config = ablation("main", "smoke", { arms, seeds: [1] });
    const whole = {
      config,
      command: "again",
      out: `${folder}/alone`,
      store: `${folder}/alone-store`,
      version: "test",
    };
    const child = command().spawn(), first = child.output(), killed = new Set<string>();
    // the tasks of two batch jobs, and the daemon of the node that makes the first pre-training
    for (let node = ""; killed.size < 2 || node === "";) {
      for (const { pid, task } of tasksIn(`${folder}/store`)) {
        const name = /(\w+)-\w+\.json$/.exec(task)![1]!;
        if (node === "" && name === "pretrain") {
          const { nodes } = (await Effect.runPromise(queue)).find(({ name }) =>
            name.startsWith("cos-pretrain")
          )!;
          Deno.kill(Number(Deno.readTextFileSync(`${folder}/lab/run/${node = nodes}`)), "SIGKILL");
          child.kill("SIGINT");
        } else if (name !== "pretrain" && killed.size < 2 && !killed.has(task)) {
          killed.add(task);
          Deno.kill(pid, "SIGKILL");
        }
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const { code, stderr } = await first;
    assert.is(code, 130, text(stderr));
    assert.match(text(stderr), "the same command follows them");
    const following = command().output();
    await Effect.runPromise(ablateHere(whole).pipe(Effect.provide(deviceNamed("cpu"))));
    const again = await following;
    assert.is(again.code, 0, text(again.stderr));
    assert.match(text(again.stderr), /of them before/);
    const expected = contentOf(whole.store), found = contentOf(`${folder}/store`);
    assert.equal([...found.keys()].toSorted(), [...expected.keys()].toSorted());
    for (const [key, value] of expected) assert.equal(found.get(key), value, key);
    assert.equal(numbersOf(`${folder}/family`), numbersOf(whole.out));
    for (const file of ["times.json", "table.txt", "report.html"]) Deno.statSync(`${folder}/family/${file}`);
  });
}

test.run();

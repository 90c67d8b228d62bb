/** The proof of a store's locks: two processes here, and a mount that keeps locks to itself. */
import * as Effect from "effect/Effect";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { holdLock, storeText, tryLock } from "../../pipelines/doctor/store.ts";

const test = suite("locks of stores");
const folder = await Deno.makeTempDir({ prefix: "store" }), root = new URL("../..", import.meta.url).pathname;
test.after(() => Deno.remove(folder, { recursive: true }));

test("locks of two processes on one file system exclude, and nothing is left there", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "pipelines/cli/cos.ts", "doctor", "--store", folder, "--json"],
    cwd: root,
    stdout: "piped",
    stderr: "null",
  }).output();
  assert.is(code, 0);
  const checks = JSON.parse(new TextDecoder().decode(stdout)) as { readonly holds: boolean }[];
  assert.equal(checks.map(({ holds }) => holds), [true, true, true]);
  assert.equal([...Deno.readDirSync(folder)], []);
});

test("a lock that both get is found, and said", async () => {
  const mine = `${folder}/mine`, theirs = `${folder}/theirs`;
  // signs are shared, locks are not: as where a mount keeps them to itself
  Deno.mkdirSync(mine);
  Deno.mkdirSync(theirs);
  const shared = setInterval(() => {
    for (const [from, to] of [[mine, theirs], [theirs, mine]] as const) {
      for (const { name } of Deno.readDirSync(from)) {
        if (name.endsWith(".sign")) Deno.copyFileSync(`${from}/${name}`, `${to}/${name}`);
      }
    }
  }, 20);
  const [, checks] = await Effect.runPromise(
    Effect.all([holdLock(mine), tryLock(theirs)], { concurrency: 2 }),
  ).finally(() => clearInterval(shared));
  assert.equal(checks.map(({ holds }) => holds), [true, false, true]);
  assert.match(
    storeText("/shared", checks),
    /NO {3}a lock that one process holds[\s\S]*\/shared cannot be shared.*NFS/,
  );
});

/** Takes a lock as a job of Slurm that asks a queue in which job 5 has a state. */
const takenBy = async (job: string, state: string, lock: string): Promise<string> => {
  const bin = `${folder}/bin-${state}`, jobs = [{ job_id: 5, name: "a", job_state: state, nodes: "n9" }];
  Deno.mkdirSync(bin, { recursive: true });
  Deno.writeTextFileSync(`${bin}/squeue`, `#!/bin/sh\necho '${JSON.stringify({ jobs })}'\n`, { mode: 0o755 });
  const script = `
    import * as Effect from "effect/Effect";
    import { acquireLock } from "./pipelines/runs/run_lock.ts";
    const held = Effect.map(acquireLock(${JSON.stringify(lock)}), () => Deno.readTextFileSync(${
    JSON.stringify(`${lock}.lease`)
  }));
    console.log(String(await Effect.runPromise(Effect.scoped(held)).catch((error) => error)));
    Deno.exit(0);`;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--ext=ts", script],
    cwd: root,
    env: { PATH: `${bin}:${Deno.env.get("PATH")}`, SLURM_JOB_ID: job, NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
};

test("where locks of two machines do not exclude, a job's lease does, until its job is gone or begun again", async () => {
  const lock = `${folder}/lock`, lease = `${lock}.lease`;
  const holder = { pid: 1, host: "n9", since: "2026-01-01T00:00:00.000Z", job: "5" };
  const held = (): void => Deno.writeTextFileSync(lease, JSON.stringify(holder));
  held();
  const [running, gone, again] = [
    await takenBy("6", "RUNNING", lock),
    await takenBy("6", "COMPLETED", lock),
    (held(), await takenBy("5", "RUNNING", lock)),
  ];
  assert.match(running, /a lock held by process 1 on n9, Slurm's job 5, since 2026-01-01/);
  assert.match(gone, /"job":"6"/);
  assert.match(again, /"job":"5"/);
  assert.throws(() => Deno.statSync(lease), "os error 2");
  // what was made a moment ago and says nothing yet is being written
  Deno.writeTextFileSync(lease, "");
  assert.match(await takenBy("6", "COMPLETED", lock), /a lock held by process 0 on another machine/);
});

test.run();

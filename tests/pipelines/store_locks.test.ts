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

test.run();

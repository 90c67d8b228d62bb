/**
 * Ablations that are killed: with SIGKILL at random moments and started again they end with the numbers of one that
 * nobody touched, bit for bit; so do two at once over one store, and one whose worker is killed. `COS_KILLS` says how
 * often.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rngOf } from "../../pipelines/base/rng.ts";
import { contentOf, jsonOf, numbersOf } from "../support/store_content.ts";

const test = suite("killed ablations");
const kills = Number(Deno.env.get("COS_KILLS") ?? 3);
const root = Deno.makeTempDirSync({ prefix: "ablation" });

const start = (name: string, store: string, more: readonly string[] = []): Deno.ChildProcess =>
  new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      new URL("../support/ablate_smoke.ts", import.meta.url).href,
      `${root}/${name}`,
      `${root}/${store}`,
      "1",
      JSON.stringify(more),
    ],
    stdout: "null",
    stderr: "piped",
  }).spawn();

const whole = async (child: Deno.ChildProcess): Promise<string> => {
  const { code, stderr } = await child.output(), said = new TextDecoder().decode(stderr);
  assert.is(code, 0, said);
  return said;
};

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Processes that hold a lock in a store. */
const holders = (store: string): readonly number[] => {
  const found: number[] = [];
  try {
    for (const { name } of Deno.readDirSync(`${root}/${store}`)) {
      const pid = /"pid":(\d+)/.exec(Deno.readTextFileSync(`${root}/${store}/${name}/lock`))?.[1];
      if (pid !== undefined) found.push(Number(pid));
    }
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotFound)) throw cause;
  }
  return found;
};

const killAll = (pids: readonly number[]): void => {
  for (const pid of pids) {
    try {
      Deno.kill(pid, "SIGKILL");
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotFound)) throw cause;
    }
  }
};

const same = (name: string, store: string): void => {
  const expected = contentOf(`${root}/store`), found = contentOf(`${root}/${store}`);
  assert.equal([...found.keys()].toSorted(), [...expected.keys()].toSorted());
  for (const [key, value] of expected) assert.equal(found.get(key), value, key);
  assert.equal(numbersOf(`${root}/${name}`), numbersOf(`${root}/untouched`));
};

let seconds = 0;

test.before(async () => {
  const began = performance.now();
  await whole(start("untouched", "store"));
  seconds = (performance.now() - began) / 1000;
});

test("an ablation shares what its arms have in common", () => {
  const record = jsonOf(`${root}/untouched/record.json`);
  const stages = (record.jobs as readonly { readonly stage: string }[]).map(({ stage }) => stage);
  const count = (stage: string): number => stages.filter((s) => s === stage).length;
  assert.equal([count("pretrain"), count("finetune"), count("evaluate")], [1, 2, 2]);
});

test(`killed ${kills} times, it ends with the same numbers`, async () => {
  const rng = rngOf("kills", kills);
  let killed = 0, round = 0;
  while (killed < kills) {
    const name = `killed${round}`, store = `store-killed${round}`;
    for (;;) {
      const child = start(name, store), moment = 300 + rng.below(Math.ceil(700 * seconds));
      const ended = child.output();
      const first = await Promise.race([ended.then(() => "ended"), sleep(moment).then(() => "kill")]);
      if (first === "ended") {
        const { code, stderr } = await ended;
        assert.is(code, 0, new TextDecoder().decode(stderr));
        break;
      }
      // with its worker, and without, which then hears that nobody wants its work any more
      killAll([child.pid, ...(killed % 3 === 2 ? [] : holders(store))]);
      await ended;
      killed++;
      if (killed < kills) continue;
      await whole(start(name, store));
      break;
    }
    same(name, store);
    round++;
  }
});

test("two ablations over one store wait for each other's artefacts", async () => {
  const said = await Promise.all([whole(start("left", "both")), whole(start("right", "both"))]);
  assert.match(said.join(""), /waits for a lock held by process \d+/);
  same("left", "both");
  same("right", "both");
});

test("a worker that is killed is replaced, and its job done again", async () => {
  const child = start("orphaned", "store-orphaned"), ended = whole(child);
  for (let pids: readonly number[] = []; pids.length === 0; await sleep(5)) {
    pids = holders("store-orphaned");
    killAll(pids);
  }
  assert.match(await ended, /a worker that ended with signal SIGKILL.*; again in 0\.2 s/);
  same("orphaned", "store-orphaned");
});

test.run();

/** The store of artefacts: what runs need is found through others, and pruning removes only the rest. */
import * as Effect from "effect/Effect";
import * as Option from "effect/Option";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readStore, removeArtefact, unused } from "../../pipelines/engine/store_usage.ts";
import { pageAt } from "../../pipelines/cli/report.ts";
import { openOrCreateRun } from "../../pipelines/runs/run_directory.ts";
import { acquireLock } from "../../pipelines/runs/run_lock.ts";
import { manifestOf, writeRun } from "../board/runs_on_disk.ts";

const test = suite("store");
const root = await Deno.makeTempDir(), store = `${root}/runs/store`;
const key = (digit: string): string => digit.repeat(16);

const artefact = async (name: string, needs: readonly string[] = []): Promise<void> => {
  await writeRun(`${store}/${name}`, { name, config: { needs: [...needs] }, done: 1 });
};

test.before(async () => {
  await artefact(`scenes-${key("a")}`);
  await artefact(`pretrain-${key("b")}`, [`scenes-${key("a")}`]);
  await artefact(`pretrain-${key("c")}`);
  await artefact(`evaluate-${key("d")}`);
  await Deno.mkdir(`${store}/mine`);
  await writeRun(`${root}/runs/q`, { name: "q", config: {} });
  await Deno.writeTextFile(`${root}/runs/q/record.json`, JSON.stringify({ jobs: [`pretrain-${key("b")}`] }));
  // a run that cannot be read keeps what it names, too
  await Deno.mkdir(`${root}/runs/broken`);
  const broken = JSON.stringify(manifestOf({ name: "x" })).slice(0, -9);
  await Deno.writeTextFile(`${root}/runs/broken/manifest.json`, `${broken} evaluate-${key("d")}`);
});

const read = () => Effect.runPromise(readStore(store, [`${root}/runs`]));

test("a run needs what it names and what that needs in turn; a file with another name is not freed", async () => {
  await Deno.link(`${store}/pretrain-${key("c")}/samples/a.png`, `${root}/a.png`);
  const all = await read();
  assert.equal(all.map(({ name, runs }) => [name, runs.map((run) => run.slice(root.length))]), [
    [`evaluate-${key("d")}`, ["/runs/broken"]],
    [`pretrain-${key("b")}`, ["/runs/q"]],
    [`pretrain-${key("c")}`, []],
    [`scenes-${key("a")}`, ["/runs/q"]],
  ]);
  const free = all.find(({ name }) => name === `pretrain-${key("c")}`)!;
  assert.is(free.bytes - free.freed, Deno.statSync(`${root}/a.png`).size);
  assert.equal(unused(all).map(({ name }) => name), [`pretrain-${key("c")}`]);
});

test("what a process works on stays; what no run needs goes, and nothing else", async () => {
  const name = `pretrain-${key("c")}`;
  const kept = await Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    yield* acquireLock(`${store}/${name}/lock`);
    return [yield* removeArtefact(store, name), unused(yield* readStore(store, [`${root}/runs`])).length];
  })));
  assert.equal(kept, [false, 0]);
  assert.is(await Effect.runPromise(removeArtefact(store, name)), true);
  assert.equal([...Deno.readDirSync(store)].map(({ name }) => name).toSorted(), [
    `evaluate-${key("d")}`,
    "mine",
    `pretrain-${key("b")}`,
    `scenes-${key("a")}`,
  ]);
});

test("nothing is written among files of somebody else, nor onto a file", async () => {
  await Deno.mkdir(`${root}/photos`);
  await Deno.writeTextFile(`${root}/photos/a.jpg`, "x");
  const open = (path: string) =>
    Effect.runPromise(Effect.flip(Effect.scoped(openOrCreateRun(path, manifestOf({ name: "r" })))));
  assert.match((await open(`${root}/photos`)).message, /photos[^]*other files, such as a\.jpg/);
  assert.match((await open(`${root}/photos/a.jpg`)).message, /a\.jpg[^]*a file/);
  assert.equal([...Deno.readDirSync(`${root}/photos`)].map(({ name }) => name), ["a.jpg"]);
  await Deno.mkdir(`${root}/new`);
  for (const _ of ["new", "again"]) {
    await Effect.runPromise(Effect.scoped(openOrCreateRun(`${root}/new`, manifestOf({ name: "r" }))));
  }
  const page = (out: string) => Effect.runPromise(pageAt("runs/q", Option.some(out)));
  assert.is(await page(`${root}/photos`), `${root}/photos/report.html`);
  assert.is(await page(`${root}/fresh`), `${root}/fresh/report.html`);
  assert.is(await page(`${root}/a.html`), `${root}/a.html`);
});

test.after(() => Deno.remove(root, { recursive: true }));
test.run();

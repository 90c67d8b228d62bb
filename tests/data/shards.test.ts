/** Folders of scenes: the same hash whatever draws, completed after a kill, damage found and named, cards that count. */
import * as Effect from "effect/Effect";
import * as Fiber from "effect/Fiber";
import * as Logger from "effect/Logger";
import * as Option from "effect/Option";
import sharp from "sharp";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { cardOf, sourcesOf } from "../../pipelines/scenes/card.ts";
import { cardMarkdown } from "../../pipelines/scenes/card_text.ts";
import { concepts } from "../../pipelines/scenes/concepts.ts";
import { type DataConfig, defaultData, fullData } from "../../pipelines/scenes/config.ts";
import { loadPacks } from "../../pipelines/scenes/world_packs.ts";
import { findRealism } from "../../pipelines/scenes/realism_pack.ts";
import { sampleScene } from "../../pipelines/scenes/scene.ts";
import { sceneGrid } from "../../pipelines/scenes/image_grid.ts";
import { makeScenes } from "../../pipelines/scenes/shards/make.ts";
import { dealt, shardPath, type SplitCount } from "../../pipelines/scenes/shards/plan.ts";
import { openScenes, readRecord, readScene, verifyScenes } from "../../pipelines/scenes/shards/read.ts";
import {
  encodeShard,
  isWhole,
  placeIn,
  readFooter,
  unpackFrame,
} from "../../pipelines/scenes/shards/shard.ts";
import { painterOf } from "../../pipelines/scenes/painter.ts";
import { renderDataset } from "../../pipelines/scenes/workers.ts";

const temp = await Deno.makeTempDir(), cache = `${temp}/cache`, shard = 16;
const small: DataConfig = {
  ...fullData,
  master: 128,
  size: [0.06, 0.3],
  concepts: 56,
  styles: { train: ["fluent-flat"], eval: ["fluent-flat"] },
  world: { ...fullData.world!, heldOutStyles: ["noto"], letters: [0.06, 0.1] },
};
const splits: readonly SplitCount[] = [{ split: "finetune", count: 40 }, {
  split: "held-out-styles",
  count: 5,
}];
const run = <A, E>(program: Effect.Effect<A, E>): Promise<A> => Effect.runPromise(program);
const make = (folder: string, workers = 2, config = small) =>
  run(makeScenes(config, splits, `${temp}/${folder}`, { cache, shard, workers }));
const first = await make("first");

/** The warnings of a program, with its outcome. */
const warned = async <A, E>(program: Effect.Effect<A, E>) => {
  const lines: string[] = [];
  const logger = Logger.make(({ message }) => void lines.push(String(message)));
  return { outcome: await run(program.pipe(Effect.provide(Logger.layer([logger])))), lines };
};

test("the hash is the same for any number of workers, and another for another seed or split", async () => {
  assert.is((await make("one", 1)).hash, first.hash);
  assert.is.not((await make("seed", 2, { ...small, seed: 2 })).hash, first.hash);
  assert.equal(first.shards.map((s) => s.contents.length), [3, 1]);
});

test("the bytes are those that a painter draws, and those of rendering in memory", async () => {
  const folder = await run(openScenes(`${temp}/first`)),
    painter = painterOf(await run(loadPacks(small, ["finetune"], cache)), small);
  const inMemory = await run(renderDataset(small, "finetune", 40, { cache, workers: 1 }));
  for (const i of [0, 15, 16, 39]) {
    const { scene, image } = await run(readScene(folder, "finetune", i));
    assert.equal(scene, sampleScene(small, "finetune", i));
    assert.equal(image, painter.paint(scene));
    assert.equal(image, inMemory.images[128]!.subarray(i * 128 * 128 * 3, (i + 1) * 128 * 128 * 3));
    assert.equal(await run(readRecord(folder, "finetune", i)), scene);
  }
});

test("a whole folder has no damaged shard", async () => {
  assert.equal(await run(verifyScenes(await run(openScenes(`${temp}/first`)))), []);
});

test("a run that is ended goes on where it was: whole shards stay, and the hash is the same", async () => {
  const folder = `${temp}/killed`;
  let seen = 0;
  const fiber = Effect.runFork(makeScenes(small, splits, folder, {
    cache,
    shard,
    workers: 1,
    onShard: () => {
      seen++;
      if (seen === 2) Effect.runFork(Fiber.interrupt(fiber));
    },
  }));
  await Effect.runPromise(Fiber.await(fiber));
  const unfinished = await run(Effect.flip(openScenes(folder)));
  assert.match(unfinished.message, "scenes.json");
  const kept = (await Deno.stat(shardPath(folder, "finetune", 0))).mtime;
  // What a kill leaves behind: a temporary file, and a shard cut short by a broken disk.
  await Deno.writeTextFile(`${folder}/finetune/00002.shard.1.0123abcd.tmp`, "half");
  const cut = shardPath(folder, "finetune", 1), bytes = await Deno.readFile(cut);
  await Deno.writeFile(cut, bytes.subarray(0, bytes.length - 100));
  const reports: (readonly number[])[] = [];
  const { outcome, lines } = await warned(
    makeScenes(small, splits, folder, { cache, shard, onShard: (...n) => reports.push(n) }),
  );
  assert.is(outcome.hash, first.hash);
  assert.equal(lines.filter((l) => l.includes(cut) && l.includes("damaged")).length, 1);
  assert.equal((await Deno.stat(shardPath(folder, "finetune", 0))).mtime, kept);
  assert.equal(reports[0], [16, 45, 16]);
  assert.equal(reports.at(-1), [45, 45, 16]);
});

test("damage is found and named, at reading and at checking, and repaired by making again", async () => {
  const path = shardPath(`${temp}/one`, "finetune", 1), whole = await Deno.readFile(path);
  const folder = await run(openScenes(`${temp}/one`));
  for (
    const at of [10, Math.floor(whole.length / 2), whole.length - 120, whole.length - 60, whole.length - 3]
  ) {
    const bytes = whole.slice();
    bytes[at] = bytes[at]! ^ 0x40;
    await Deno.writeFile(path, bytes);
    assert.equal(await run(verifyScenes(folder)), [path], `byte ${at}`);
  }
  const [recordAt] = placeIn(whole.subarray(readFooter(whole)!.index), 3), torn = whole.slice();
  torn[recordAt + 20] = torn[recordAt + 20]! ^ 1;
  await Deno.writeFile(path, torn);
  const error = await run(Effect.flip(readScene(folder, "finetune", 19)));
  assert.match(error.message, path);
  assert.match(error.message, "scene 19 of finetune");
  assert.is(
    (await run(readScene(folder, "finetune", 18))).scene.index,
    18,
    "the scenes next to it can be read",
  );
  await Deno.remove(path);
  assert.equal(await run(verifyScenes(folder)), [path]);
  assert.is((await make("one")).hash, first.hash);
  assert.equal(await run(verifyScenes(await run(openScenes(`${temp}/one`)))), []);
});

test("what cannot be: scenes out of range, other plans, splits without rules, folders of nothing", async () => {
  const folder = await run(openScenes(`${temp}/first`));
  for (const [split, i] of [["finetune", 40], ["finetune", -1], ["finetune", 0.5], ["eval", 0]] as const) {
    assert.is((await run(Effect.flip(readScene(folder, split, i))))._tag, "DataError");
  }
  const other = makeScenes({ ...small, seed: 3 }, splits, `${temp}/first`, { cache, shard });
  assert.match((await run(Effect.flip(other))).message, "another plan");
  const ruleless = makeScenes(defaultData, [{ split: "large-objects", count: 1 }], `${temp}/none`);
  assert.match((await run(Effect.flip(ruleless))).message, "large-objects");
  assert.match((await run(Effect.flip(openScenes(`${temp}/none`)))).message, "no such file");
});

test("small worlds are kept in folders, too", async () => {
  const config = { ...defaultData, master: 64 }, folder = `${temp}/small`;
  await run(makeScenes(config, [{ split: "eval", count: 6 }], folder, { shard: 4, workers: 1 }));
  const { image } = await run(readScene(await run(openScenes(folder)), "eval", 5));
  const drawn = await run(renderDataset(config, "eval", 6, { workers: 1 }));
  assert.equal(image, drawn.images[64]!.subarray(5 * 64 * 64 * 3));
});

test("a shard's bytes: every frame has its place, and any changed byte shows", () => {
  const parts = [3, 1, 2].map((n) => ({ record: `{"n":${n}}`, image: new Uint8Array(12).fill(n) }));
  const { bytes, content } = encodeShard(7, 2, parts), footer = readFooter(bytes)!;
  assert.equal([footer.count, footer.first, footer.side, footer.content], [3, 7, 2, content]);
  parts.forEach(({ record, image }, i) => {
    const [a, n, b, m] = placeIn(bytes.subarray(footer.index), i);
    assert.is(new TextDecoder().decode(unpackFrame(bytes.subarray(a, a + n), record.length * 2)), record);
    assert.equal(unpackFrame(bytes.subarray(b, b + m), image.length), image);
  });
  assert.ok(isWhole(bytes));
  for (let at = 0; at < bytes.length; at++) {
    const torn = bytes.slice();
    torn[at] = torn[at]! ^ 4;
    assert.not.ok(isWhole(torn), `byte ${at}`);
    assert.not.ok(isWhole(bytes.subarray(0, at)), `cut at ${at}`);
  }
});

test("counts are dealt to the splits: all of them there, most for training", () => {
  for (const count of [20, 1000, 100_000]) {
    const plan = dealt(fullData, count), sum = plan.reduce((n, s) => n + s.count, 0);
    assert.is(sum, count);
    assert.is(plan.length, 10);
    const training = plan.slice(0, 3).reduce((n, s) => n + s.count, 0);
    if (count >= 1000) assert.ok(training / count > 0.83 && training / count < 0.86);
  }
  for (let count = 1; count < 60; count++) {
    for (const config of [fullData, defaultData]) {
      assert.is(dealt(config, count).reduce((n, s) => n + s.count, 0), count);
    }
  }
  assert.equal(dealt(defaultData, 100).map((s) => s.split), ["vision", "pretrain", "finetune", "eval"]);
});

test("the card counts what the records say, and names sources, licences and the command", async () => {
  const folder = await run(openScenes(`${temp}/first`)),
    card = await run(cardOf(folder, "the command", 4500));
  for (const { split, scenes, objects, plates, styles, sizes, concepts: named, counts } of card.splits) {
    const all = Array.from({ length: folder.count(split) }, (_, i) => sampleScene(small, split, i));
    const sum = (tally: Readonly<Record<string, number>>) => Object.values(tally).reduce((a, b) => a + b, 0);
    assert.is(scenes, all.length);
    assert.is(objects, all.reduce((n, s) => n + s.objects.length, 0));
    assert.is(plates, all.reduce((n, s) => n + s.plates.length, 0));
    assert.equal([sum(styles), sum(sizes), sum(named)], [objects, objects, objects]);
    assert.is(Object.entries(counts).reduce((n, [size, groups]) => n + Number(size) * groups, 0), objects);
  }
  const text = cardMarkdown(card, "card.json");
  for (
    const part of [
      first.hash,
      "the command",
      "4500 (100 per scene)",
      "MIT",
      "Apache-2.0",
      "OFL-1.1",
      "card.json",
    ]
  ) {
    assert.ok(text.includes(part), part);
  }
  assert.not.ok(text.includes("undefined") || text.includes("NaN"));
  const full = sourcesOf(fullData).map((s) => s.licence);
  assert.ok(full.includes("CC-BY-SA-4.0") && full.includes("CC-BY-4.0"));
});

test("a sheet is a PNG of the scenes' size", async () => {
  const folder = await run(openScenes(`${temp}/first`));
  const some = await run(Effect.forEach([0, 1, 2, 3, 4], (i) => readScene(folder, "finetune", i)));
  const { format, width, height } = await sharp(sceneGrid(some, 128)).metadata();
  assert.equal([format, width, height], ["png", 10 + 4 * 138, 10 + 2 * 156]);
});

test("the realism pack: found where it is installed, drawn, refused when it changes; nothing without it", async () => {
  const root = `${temp}/root`, stamps = `${root}/usr/share/tuxpaint/stamps/animals`;
  const papers = `${root}/usr/share/wallpapers/Autumn/contents/images`;
  assert.ok(Option.isNone(await run(findRealism(`${temp}/nothing`))));
  for (const folder of [stamps, papers, `${root}/var/lib/dpkg`]) {
    await Deno.mkdir(folder, { recursive: true });
  }
  await Deno.writeTextFile(
    `${root}/var/lib/dpkg/status`,
    "Package: tuxpaint-stamps-default\nStatus: install ok installed\nVersion: 2022\n\nPackage: bash\nStatus: install ok installed\nVersion: 5\n",
  );
  const png = (w: number, h: number, channels: 3 | 4, colour: string) =>
    sharp({ create: { width: w, height: h, channels, background: colour } }).png().toBuffer();
  await Deno.writeFile(`${stamps}/moo.png`, await png(120, 60, 4, "#336699"));
  await Deno.writeTextFile(`${stamps}/moo.txt`, "A cow.\nde.utf8=Eine Kuh.\n");
  await Deno.writeFile(`${stamps}/thing.png`, await png(120, 60, 4, "#000"));
  await Deno.writeTextFile(`${stamps}/thing.txt`, "A thing that has no name.\n");
  for (const [name, w, h] of [["320x200", 320, 200], ["1000x600", 1000, 600]] as const) {
    await Deno.writeFile(`${papers}/${name}.png`, await png(w, h, 3, "#884422"));
  }
  const found = Option.getOrThrow(await run(findRealism(root)));
  assert.equal(found.packages, ["tuxpaint-stamps-default=2022"]);
  assert.equal(found.stamps.map((s) => [concepts[s.concept]!.name, s.aspect]), [["cow", 2]]);
  assert.equal(found.photos.map((p) => p.file), [`${papers}/1000x600.png`]);
  const config: DataConfig = { ...small, world: { ...small.world!, realism: found } };
  const drawn = await run(renderDataset(config, "finetune", 30, { workers: 1 }));
  const at = drawn.scenes.findIndex((s) => s.background.photo === 0);
  assert.equal([...drawn.images[128]!.subarray(at * 128 * 128 * 3, at * 128 * 128 * 3 + 3)], [
    0x88,
    0x44,
    0x22,
  ]);
  assert.ok(drawn.scenes.some((s) => s.objects.some((o) => o.style === "stamp")));
  await Deno.writeFile(`${papers}/1000x600.png`, await png(1000, 600, 3, "#000000"));
  const changed = await run(Effect.flip(renderDataset(config, "finetune", 1, { workers: 1 })));
  assert.match(changed.message, "1000x600.png");
});

test("damaged packs of sprites are made again, which is said", async () => {
  for await (const { name } of Deno.readDir(cache)) {
    if (!name.startsWith("sprites-noto")) continue;
    const bytes = await Deno.readFile(`${cache}/${name}`);
    bytes[bytes.length >> 1] = bytes[bytes.length >> 1]! ^ 8;
    await Deno.writeFile(`${cache}/${name}`, bytes);
  }
  const { lines } = await warned(loadPacks(small, ["held-out-styles"], cache));
  assert.is(lines.filter((l) => l.includes("sprites-noto") && l.includes("damaged")).length, 1);
  assert.equal((await warned(loadPacks(small, ["held-out-styles"], cache))).lines, []);
});

test.after(() => Deno.remove(temp, { recursive: true }));
test.run();

/** The store of features: rows by content, killed and concurrent writers, damage of every kind. */
import { Buffer } from "node:buffer";
import * as Effect from "effect/Effect";
import type * as Scope from "effect/Scope";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "@chain-of-sight/kernels";
import { ImageError } from "../../../pipelines/images/decode.ts";
import { type ImageFile, imageFile } from "../../../pipelines/images/image_files.ts";
import { photoSet } from "./photo_set.ts";
import { sha256 } from "../../../pipelines/base/hash.ts";
import { ENTRY } from "../../../pipelines/train/feature_segment.ts";
import { FeatureStoreError } from "../../../pipelines/train/feature_rows.ts";
import { type FeatureStore, openFeatureStore, rowBytes } from "../../../pipelines/train/feature_store.ts";
import { featuresOf } from "../../../pipelines/train/features.ts";
import { fillFeatures, type FillReport } from "../../../pipelines/train/fill_features.ts";
import { loadVision, shippedWeights } from "../../../pipelines/vision/weights.ts";
import { closeCpu, cpuServices } from "../../support/cpu.ts";

const test = suite("feature store");
const weights = await Effect.runPromise(loadVision(shippedWeights()));
const services = await cpuServices();
const run = <A>(effect: Effect.Effect<A, unknown, Device | Scope.Scope>): Promise<A> =>
  Effect.runPromise(Effect.provide(Effect.scoped(effect), services));
const folder = await Deno.makeTempDir({ prefix: "store" });
const whole = { side: 112, tiles: 1 };

const photo = async (key: number): Promise<ImageFile & { readonly bytes: Uint8Array }> => {
  const rgb = new Uint8Array(60 * 45 * 3).map((_, i) => (i * (key + 3) + key) % 251);
  const image = sharp(Buffer.from(rgb), { raw: { width: 60, height: 45, channels: 3 } });
  const bytes = new Uint8Array(await (key % 2 === 0 ? image.png() : image.jpeg()).toBuffer());
  const path = `${folder}/images/${String(key).padStart(3, "0")}`;
  await Deno.writeFile(path, bytes);
  return { ...imageFile({ name: path, path }, sha256(bytes)), bytes };
};
await Deno.mkdir(`${folder}/images`);
const photos = await Promise.all(Array.from({ length: 24 }, (_, key) => photo(key)));
const contents = photos.map(({ content }) => content);

const by = { device: "CPU", code: "c" };
const open = (cache: string): Effect.Effect<FeatureStore, unknown, Scope.Scope> =>
  openFeatureStore(`${folder}/${cache}`, weights, whole, by);
const fill = (
  cache: string,
  some: readonly ImageFile[],
  policy: "stop" | "skip" = "stop",
): Promise<FillReport> =>
  run(
    Effect.flatMap(open(cache), (store) =>
      fillFeatures(store, some, weights, whole, { batch: 4, workers: 2, policy, label: "test" })),
  );
const rows = (cache: string, of: readonly string[]) =>
  run(Effect.flatMap(open(cache), (store) => store.read(of)));
const filesOf = (cache: string, kind: string): readonly string[] => {
  const [key] = [...Deno.readDirSync(`${folder}/${cache}`)].map(({ name }) => name);
  return [...Deno.readDirSync(`${folder}/${cache}/${key}`)].map(({ name }) =>
    `${folder}/${cache}/${key}/${name}`
  )
    .filter((path) => path.endsWith(kind));
};
const flip = (path: string, at: number): void => {
  const bytes = Deno.readFileSync(path);
  bytes[at]! ^= 1;
  Deno.writeFileSync(path, bytes);
};

test("rows are the features of the images, in any order, and are computed once", async () => {
  const report = await fill("once", [...photos.slice(0, 6), photos[0]!]);
  assert.equal(report, { images: 6, computed: 6, refused: [] });
  const set = await Effect.runPromise(
    photoSet(photos.slice(0, 6).map(({ name, bytes }) => ({ file: name, bytes })), { side: 112, workers: 1 }),
  );
  const options = { side: 112, batch: 4, cache: `${folder}/sets`, label: "set" };
  const expected = await run(featuresOf(set, weights, options));
  const got = await rows("once", [5, 0, 3].map((i) => contents[i]!));
  const row = expected.cells * expected.width;
  [5, 0, 3].forEach((index, i) =>
    got.forEach((level, l) => {
      const want = expected.levels[l]!.data.subarray(index * row, (index + 1) * row);
      level.data.subarray(i * row, (i + 1) * row).forEach((v, k) => assert.ok(Math.abs(v - want[k]!) < 1e-4));
    })
  );
  assert.equal([got.length, got[0]!.shape], [2, [3, 64, 128]]);
  assert.is((await fill("once", photos.slice(0, 6))).computed, 0);
  assert.is(
    (await fill("once", photos.slice(3, 9))).computed,
    3,
    "other sets share what they have in common",
  );
});

test("other weights, sides, tiles, devices and code are other stores", async () => {
  const keys = await run(Effect.forEach(
    [
      [weights.hash, whole, by],
      ["other", whole, by],
      [weights.hash, { side: 224, tiles: 1 }, by],
      [weights.hash, { side: 224, tiles: 2 }, by],
      [weights.hash, whole, { ...by, device: "another" }],
      [weights.hash, whole, { ...by, code: "other" }],
    ] as const,
    ([hash, views, made]) =>
      Effect.map(openFeatureStore(`${folder}/keys`, { ...weights, hash }, views, made), ({ key }) => key),
  ));
  assert.is(new Set(keys).size, 6);
});

test("a row that changed on disk is found when it is read, by file and row", async () => {
  await fill("damaged", photos);
  const [path] = filesOf("damaged", ".rows"), before = await rows("damaged", contents.slice(0, 4));
  flip(path!, rowBytes({ levels: 2, cells: 64, width: 128 }) * 2 + 5);
  assert.equal((await rows("damaged", [contents[0]!, contents[3]!]))[0]!.shape, [2, 64, 128]);
  const error = await run(
    Effect.flip(Effect.flatMap(open("damaged"), (store) => store.read([contents[2]!]))),
  );
  assert.instance(error, FeatureStoreError);
  assert.equal([(error as FeatureStoreError).reason, (error as FeatureStoreError).path], ["damaged", path]);
  assert.match(String(error), "row 2");
  // what the error says repairs it
  await Deno.remove(path!);
  assert.is((await fill("damaged", photos)).computed, photos.length);
  const after = await rows("damaged", contents.slice(0, 4));
  assert.equal(after, before);
});

test("rows that never reached the disk before a power cut are recomputed", async () => {
  await fill("power", photos.slice(0, 6));
  const [path] = filesOf("power", ".rows"), size = rowBytes({ levels: 2, cells: 64, width: 128 });
  const bytes = Deno.readFileSync(path!);
  bytes.fill(0, 4 * size);
  Deno.writeFileSync(path!, bytes);
  assert.is((await fill("power", photos.slice(0, 6))).computed, 2);
  assert.equal((await rows("power", contents.slice(0, 6)))[0]!.shape, [6, 64, 128]);
});

test("a damaged or cut index counts its rows as missing, and no others", async () => {
  await fill("index", photos.slice(0, 6));
  const [index] = filesOf("index", ".index"), [data] = filesOf("index", ".rows");
  flip(index!, ENTRY * 1 + 3);
  assert.is((await fill("index", photos.slice(0, 6))).computed, 1);
  // as a process leaves them that is killed in the middle of a row, and in the middle of an entry
  for (const file of filesOf("index", ".index")) Deno.truncateSync(file, Deno.statSync(file).size - 7);
  Deno.truncateSync(data!, Deno.statSync(data!).size - 1000);
  const report = await fill("index", photos.slice(0, 6));
  assert.ok(report.computed >= 1 && report.computed <= 2, `${report.computed}`);
  assert.equal((await rows("index", contents.slice(0, 6)))[0]!.shape, [6, 64, 128]);
});

test("what is not there is refused by its content", async () => {
  const error = await run(Effect.flip(Effect.flatMap(open("none"), (store) => store.read([contents[0]!]))));
  assert.equal([(error as FeatureStoreError).reason, (error as FeatureStoreError).content], [
    "missing",
    contents[0],
  ]);
});

test("images that cannot be decoded stop, or are noted once and counted", async () => {
  const path = `${folder}/half.jpg`, bytes = photos[1]!.bytes.slice(0, 900);
  await Deno.writeFile(path, bytes);
  const half = imageFile({ name: path, path }, sha256(bytes));
  const stopped = await run(
    Effect.flip(
      Effect.flatMap(
        open("half"),
        (store) =>
          fillFeatures(store, [half, ...photos.slice(0, 3)], weights, whole, {
            batch: 4,
            workers: 1,
            label: "test",
          }),
      ),
    ),
  );
  assert.instance(stopped, ImageError, String(stopped));
  assert.is((stopped as ImageError).file, path);
  const first = await fill("half", [photos[0]!, half, photos[2]!], "skip");
  assert.equal([first.images, first.computed, first.refused.length], [3, 2, 1]);
  assert.equal([first.refused[0]!.content, first.refused[0]!.reason], [half.content, "damaged"]);
  const again = await fill("half", [photos[0]!, half], "skip");
  assert.equal([again.computed, again.refused.length], [0, 1]);
  assert.match(String(await fill("half", [half]).catch((cause) => cause)), path);
});

test("two processes fill one store, one is killed: finished rows are whole, the rest is computed", async () => {
  const start = () =>
    new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        new URL("./fill_process.ts", import.meta.url).pathname,
        `${folder}/shared`,
        `${folder}/images`,
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn();
  const killed = start(), lasting = start();
  // killed as soon as it has stored something, or when it ends
  const size = (): number => {
    try {
      return filesOf("shared", ".index").reduce((n, path) => n + Deno.statSync(path).size, 0);
    } catch {
      return 0;
    }
  };
  let ended = false;
  const over = killed.status.then(() => ended = true);
  while (size() < ENTRY && !ended) await new Promise((resolve) => setTimeout(resolve, 5));
  if (!ended) killed.kill("SIGKILL");
  await over;
  await killed.stdout.cancel();
  const said = new TextDecoder().decode((await lasting.output()).stdout);
  assert.match(said, '"images":24');
  assert.is((await fill("shared", photos)).computed, 0);
  const alone = await fill("alone", photos);
  assert.is(alone.computed, 24);
  const [shared, single] = await Promise.all(["shared", "alone"].map((cache) => rows(cache, contents)));
  shared!.forEach((level, l) =>
    level.data.forEach((v, k) => {
      if (Math.abs(v - single![l]!.data[k]!) > 1e-4) assert.unreachable(`level ${l}, value ${k}`);
    })
  );
});

test.after(async () => {
  await closeCpu();
  await Deno.remove(folder, { recursive: true });
});
test.run();

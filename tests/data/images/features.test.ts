/** Features of photos: computed once, kept on disk by the photos' pixels and the weights. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ImageError } from "../../../pipelines/images/decode.ts";
import { photoSet } from "./photo_set.ts";
import { featuresOf } from "../../../pipelines/train/features.ts";
import { loadVision, shippedWeights } from "../../../pipelines/vision/weights.ts";
import { closeCpu, cpuServices } from "../../support/cpu.ts";

const photo = async (key: number) => {
  const rgb = new Uint8Array(80 * 60 * 3).map((_, i) => (i * (key + 3)) % 251);
  const file = sharp(Buffer.from(rgb), { raw: { width: 80, height: 60, channels: 3 } }).png();
  return { file: `${key}.png`, bytes: new Uint8Array(await file.toBuffer()) };
};
const photos = await Promise.all([1, 2, 3].map(photo));
const side = 112;

test("photos are computed once; other photos, or an order that differs, again", async () => {
  const cache = await Deno.makeTempDir(), weights = await Effect.runPromise(loadVision(shippedWeights()));
  const services = await cpuServices();
  const features = async (of: typeof photos) => {
    const set = await Effect.runPromise(photoSet(of, { side, workers: 1 }));
    const run = featuresOf(set, weights, { side, batch: 2, cache, label: "photos" });
    return await Effect.runPromise(Effect.provide(run, services));
  };
  const files = () => [...Deno.readDirSync(cache)].map((f) => f.name);
  const first = await features(photos);
  assert.is(first.count, 3);
  assert.is(files().length, 1);
  const written = (await Deno.stat(`${cache}/${files()[0]}`)).mtime?.getTime();
  const again = await features(photos);
  assert.is((await Deno.stat(`${cache}/${files()[0]}`)).mtime?.getTime(), written);
  assert.equal(again.levels, first.levels);
  const turned = await features(photos.toReversed());
  assert.is(files().length, 2);
  const row = first.cells * first.width, level = first.levels[0]!.data as Float32Array;
  const last = (turned.levels[0]!.data as Float32Array).subarray(2 * row, 3 * row);
  const worst = last.reduce((most, v, i) => Math.max(most, Math.abs(v - level[i]!)), 0);
  assert.ok(worst < 1e-4, `${worst}`);
  await Deno.remove(cache, { recursive: true });
});

test("of tiled images the thumbnail's and each tile's features are kept", async () => {
  const cache = await Deno.makeTempDir(), weights = await Effect.runPromise(loadVision(shippedWeights()));
  const services = await cpuServices();
  const set = await Effect.runPromise(photoSet(photos, { side: 2 * side, workers: 1 }));
  const of = (squares: typeof set, at: number, tiles: number) =>
    Effect.runPromise(
      Effect.provide(
        featuresOf(squares, weights, { side: at, tiles, batch: 2, cache, label: "tiles" }),
        services,
      ),
    );
  const tiled = await of(set, 2 * side, 2), cells = tiled.cells / 5, row = cells * tiled.width;
  assert.equal([tiled.count, cells], [3, 64]);
  // the same images cut by hand: the tile in row 1, column 0 is the fourth view
  const cut = new Uint8Array(3 * side * side * 3), whole = set.images[2 * side]!;
  for (let i = 0; i < 3; i++) {
    for (let y = 0; y < side; y++) {
      const from = ((i * 2 * side + side + y) * 2 * side) * 3;
      cut.set(whole.subarray(from, from + side * 3), (i * side + y) * side * 3);
    }
  }
  const alone = await of({ images: { [side]: cut }, hash: "cut" }, side, 1);
  for (const level of [0, 1]) {
    for (let i = 0; i < 3; i++) {
      const expected = alone.levels[level]!.data.subarray(i * row, (i + 1) * row) as Float32Array;
      const at = (i * 5 + 3) * row, got = tiled.levels[level]!.data.subarray(at, at + row) as Float32Array;
      assert.ok(expected.every((v, k) => Math.abs(v - got[k]!) < 1e-4), `level ${level}, image ${i}`);
    }
  }
  assert.is([...Deno.readDirSync(cache)].length, 2, "tiles and whole images are kept apart");
  await Deno.remove(cache, { recursive: true });
});

test("a photo that is refused ends the set, by name", async () => {
  const bad = { file: "bad.jpg", bytes: Uint8Array.of(1, 2, 3) };
  const error = await Effect.runPromise(Effect.flip(photoSet([photos[0]!, bad], { side, workers: 1 })));
  assert.instance(error, ImageError);
  assert.match(error.message, "decode bad.jpg");
});

test.after(closeCpu);
test.run();

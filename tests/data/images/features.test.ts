/** Features of photos: computed once, kept on disk by the photos' pixels and the weights. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import sharp from "sharp";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ImageError } from "../../../pipelines/data/images/decode.ts";
import { photoSet } from "../../../pipelines/data/images/photo_set.ts";
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

test("a photo that is refused ends the set, by name", async () => {
  const bad = { file: "bad.jpg", bytes: Uint8Array.of(1, 2, 3) };
  const error = await Effect.runPromise(Effect.flip(photoSet([photos[0]!, bad], { side, workers: 1 })));
  assert.instance(error, ImageError);
  assert.match(error.message, "decode bad.jpg");
});

test.after(closeCpu);
test.run();

/** Pixels of scenes at full strength: exact boxes, the same bytes everywhere, legible letters, lower sides from the master. */
import * as Effect from "effect/Effect";
import fc from "fast-check";
import { createHash } from "node:crypto";
import sharp from "sharp";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type DataConfig, fullData } from "../../pipelines/scenes/config.ts";
import { paintCoverage, paintSprite } from "../../pipelines/scenes/paint.ts";
import { levelFor, packerOf, storeOf } from "../../pipelines/scenes/sprite_pack.ts";
import { plateFonts } from "../../pipelines/scenes/plate_fonts.ts";
import {
  div255,
  type Raster,
  rasterFile,
  rasterSvg,
  scaled,
  trimmed,
} from "../../pipelines/scenes/raster.ts";
import type { Plate, Scene } from "../../pipelines/scenes/record.ts";
import { resampleArea } from "../../pipelines/images/resample.ts";
import { rngOf } from "../../pipelines/base/rng.ts";
import { sampleScene, sampleScenes } from "../../pipelines/scenes/scene.ts";
import { paintPattern } from "../../pipelines/scenes/world_background.ts";
import { painterOf } from "../../pipelines/scenes/painter.ts";
import { pixelBox, shareBox } from "../../pipelines/scenes/world_layout.ts";
import { levelsOf, loadPacks } from "../../pipelines/scenes/world_packs.ts";
import { property } from "../support/property.ts";

/** By pattern: the first half of the sha-256 of a background of 448 pixels. */
const BACKGROUNDS: Readonly<Record<string, string>> = {
  solid: "4af8d34a0044f96caa4d6e605909a593",
  gradient: "7bf803fdb0deb8aa04163368a9a4de7d",
  stripes: "4b44dfc66c8fc765874500b66e83266a",
  checks: "c701639d72fff4300cf082fecf1d6499",
  blobs: "d4b5a198117cad4c14af26be21f7761f",
  clouds: "ae344564528d84b6f60ca09fb973859d",
  grain: "c24b94f8f7bf37cefff91833ee6a7a0f",
  dots: "1fca67195fc3b7ab99b7d81934ce0470",
  waves: "deee59eba043233275a18c874ec7b856",
  bricks: "41a549e865cb51efb2129667027000db",
  rings: "c5859c87805ff00300338b176457b5e3",
  weave: "0d3cc374f8994a3c390ec8f1f07dbec2",
};
/** The first half of the sha-256 of the masters of three scenes. */
const MASTERS = "26d4092cdbc68261a188bc6a7db2c87f";

const small: DataConfig = {
  ...fullData,
  concepts: 56,
  styles: { train: ["fluent-flat", "fluent-3d"], eval: ["fluent-flat", "fluent-3d"] },
  world: { ...fullData.world!, heldOutStyles: ["noto"] },
};
const side = small.master;
const packs = await Effect.runPromise(loadPacks(small, ["finetune", "held-out-styles"]));
const painter = painterOf(packs, small);
const sha = (...parts: readonly Uint8Array[]): string => {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 32);
};

test("backgrounds are the same bytes on every machine", () => {
  const { train, heldOut } = fullData.world!.patterns;
  const hashes = [...train, ...heldOut].map((pattern) => {
    const surface = { side, rgb: new Uint8Array(side * side * 3) };
    const colours = [[200, 120, 40], [20, 60, 180]] as const;
    paintPattern(surface, { pattern, colours, angle: 0.7312, scale: 0.1234, key: 123456789 });
    return [pattern, sha(surface.rgb)];
  });
  assert.is(new Set(hashes.map(([, hash]) => hash)).size, hashes.length);
  assert.equal(Object.fromEntries(hashes), BACKGROUNDS);
});

test("masters are the same bytes on every machine, with a store of any size", () => {
  const scenes = [0, 1, 2].map((i) => sampleScene(small, i === 2 ? "held-out-styles" : "finetune", i));
  assert.is(sha(...scenes.map(painter.paint)), MASTERS);
  assert.is(sha(...scenes.map(painter.paint)), MASTERS, "drawn again");
});

test("an object changes its box and nothing else, and reaches every edge of it", () => {
  for (const scene of sampleScenes(small, "finetune", 25)) {
    const [largest] = scene.objects.filter((o) =>
      pixelBox(o.box, side).w > 12 && pixelBox(o.box, side).h > 12
    );
    if (largest === undefined) continue;
    const alone: Scene = {
      ...scene,
      plates: [],
      objects: [largest],
      background: { ...scene.background, pattern: "solid" },
    };
    const bare = painter.paint({ ...alone, objects: [] }),
      drawn = painter.paint(alone),
      { x, y, w, h } = pixelBox(largest.box, side);
    let x1 = side, y1 = side, x2 = 0, y2 = 0;
    for (let p = 0; p < side * side; p++) {
      if ([0, 1, 2].every((c) => bare[p * 3 + c] === drawn[p * 3 + c])) continue;
      const px = p % side, py = Math.floor(p / side);
      x1 = Math.min(x1, px), x2 = Math.max(x2, px + 1), y1 = Math.min(y1, py), y2 = Math.max(y2, py + 1);
    }
    assert.ok(x1 >= x && y1 >= y && x2 <= x + w && y2 <= y + h, `${scene.id}: outside its box`);
    assert.ok(
      x1 <= x + 2 && y1 <= y + 2 && x2 >= x + w - 2 && y2 >= y + h - 2,
      `${scene.id}: ${[x1, y1, x2, y2]}`,
    );
  }
});

test("lower sides are area means of the same master", () => {
  const scene = sampleScene(small, "eval", 3), drawn = painter.render(scene, [224, 336, 448]);
  assert.equal(drawn[448], painter.paint(scene));
  assert.equal(drawn[224], resampleArea(drawn[448]!, 448, 224));
  assert.equal(drawn[336], resampleArea(drawn[448]!, 448, 336));
});

test("letters have their height, keep to their plate and stand out in every typeface and size", () => {
  for (const font of plateFonts.keys()) {
    for (const height of [11, 14, 20, 36]) {
      const at = { x: 20, y: 40, w: 400, h: height * 2 };
      const plate: Plate = {
        text: "HILL 10",
        box: shareBox(at, side),
        colours: [[0, 0, 0], [255, 255, 255]],
        font,
        letters: Math.round(1e4 * height / side) / 1e4,
      };
      const scene = { ...sampleScene(small, "eval", 0), objects: [], plates: [plate] };
      const rgb = painter.paint({
        ...scene,
        background: { ...scene.background, pattern: "solid", colours: [[255, 255, 255], [0, 0, 0]] },
      });
      let top = side, bottom = 0, left = side, right = 0, darkest = 255;
      for (let p = 0; p < side * side; p++) {
        const value = rgb[p * 3]!;
        darkest = Math.min(darkest, value);
        if (value > 127) continue;
        top = Math.min(top, Math.floor(p / side)), bottom = Math.max(bottom, Math.floor(p / side) + 1);
        left = Math.min(left, p % side), right = Math.max(right, p % side + 1);
      }
      assert.ok(
        Math.abs(bottom - top - height) <= Math.max(2, height * 0.12),
        `font ${font}: ${bottom - top} of ${height}`,
      );
      assert.ok(darkest < 90 && left >= at.x && right <= at.x + at.w && top >= at.y && bottom <= at.y + at.h);
    }
  }
});

const image = fc.tuple(fc.integer({ min: 1, max: 24 }), fc.integer({ min: 1, max: 24 }), fc.nat());

property(test, "an image scaled by areas keeps its mean, and one scaled to itself is itself", [
  image,
  fc.integer({ min: 1, max: 24 }),
  fc.integer({ min: 1, max: 24 }),
], ([w, h, key], a, b) => {
  const rng = rngOf("scaled", key), rgba = Uint8Array.from({ length: w * h * 4 }, () => rng.below(256));
  const raster = { width: w, height: h, rgba };
  assert.equal(scaled(raster, w, h).rgba, rgba);
  const small = scaled(raster, Math.min(a, w), Math.min(b, h));
  const mean = (r: Raster) => r.rgba.reduce((sum, v) => sum + v, 0) / r.rgba.length;
  assert.ok(Math.abs(mean(raster) - mean(small)) <= 0.51);
});

test("painting: what is opaque replaces, what is clear leaves, mirrored is the reverse", () => {
  const rgb = () => Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => i % 251);
  const data = new Uint8Array(2 * 2 * 4), at = { x: 2, y: 3, w: 2, h: 2 };
  data.set([10, 20, 30, 255], 0), data.set([40, 50, 60, 255], 12);
  const plain = { side: 8, rgb: rgb() }, turned = { side: 8, rgb: rgb() };
  paintSprite(plain, { data, width: 2, height: 2 }, at, false);
  paintSprite(turned, { data, width: 2, height: 2 }, at, true);
  const pixel = (
    s: typeof plain,
    x: number,
    y: number,
  ) => [...s.rgb.subarray((y * 8 + x) * 3, (y * 8 + x) * 3 + 3)];
  assert.equal(pixel(plain, 2, 3), [10, 20, 30]);
  assert.equal(pixel(plain, 3, 4), [40, 50, 60]);
  assert.equal(pixel(turned, 3, 3), [10, 20, 30]);
  assert.equal(pixel(plain, 3, 3), [...rgb().subarray(27 * 3, 27 * 3 + 3)]);
  const half = { side: 8, rgb: new Uint8Array(192) };
  paintCoverage(half, { data: Uint8Array.of(128), width: 1, height: 1 }, { x: 7, y: 7, w: 3, h: 3 }, [
    200,
    100,
    0,
  ]);
  assert.equal(pixel(half, 7, 7), [div255(200 * 128), div255(100 * 128), 0]);
});

test("division by 255 is rounded exactly", () => {
  for (let x = 0; x <= 255 * 255; x++) assert.is(div255(x), Math.round(x / 255));
});

test("levels of sprites: longer sides of 24 to 192, and the least that is large enough is taken", () => {
  const drawing = rasterSvg(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><rect x="2" y="5" width="16" height="8" fill="red"/></svg>',
  );
  assert.ok(Math.abs(drawing.width - 384) <= 8 && Math.abs(drawing.height - 192) <= 4);
  assert.equal(levelsOf(drawing).map((l) => [l.width, l.height]), [[192, 96], [96, 48], [48, 24], [24, 12]]);
  assert.equal([10, 24, 25, 160, 400].map(levelFor), [24, 24, 48, 192, 192]);
});

test("files with opacity: trimmed to what is visible, colours multiplied", async () => {
  const rgba = new Uint8Array(10 * 8 * 4);
  for (let y = 2; y < 6; y++) for (let x = 3; x < 9; x++) rgba.set([200, 100, 50, 128], (y * 10 + x) * 4);
  const webp = await sharp(rgba, { raw: { width: 10, height: 8, channels: 4 } }).webp({
    lossless: true,
    exact: true,
  }).toBuffer();
  const raster = await rasterFile(webp);
  assert.equal([raster.width, raster.height], [6, 4]);
  assert.equal([...raster.rgba.subarray(0, 4)], [
    div255(200 * 128),
    div255(100 * 128),
    div255(50 * 128),
    128,
  ]);
  const clear = { width: 2, height: 2, rgba: new Uint8Array(16) };
  assert.equal(trimmed(clear), clear);
});

test("a store gives what was packed, holds no more than its room, and knows what it lacks", () => {
  const packer = packerOf(), rng = rngOf("store");
  const images = Array.from(
    { length: 20 },
    (_, i) => ({
      width: 8,
      height: i + 1,
      data: Uint8Array.from({ length: 8 * (i + 1) }, () => rng.below(256)),
    }),
  );
  images.forEach((p, i) => packer.add(`p${i}`, p));
  const pack = packer.pack(), store = storeOf([pack], 200);
  for (let k = 0; k < 200; k++) {
    const i = rng.below(20);
    assert.equal(store.get(`p${i}`), images[i]);
  }
  assert.is(store.get("p20"), undefined);
  assert.throws(() => painterOf([pack], small).paint(sampleScene(small, "eval", 0)), /no image/);
});

test.run();

/** Bicubic squares against Pillow 9.4, byte for byte. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sha256 } from "../../pipelines/base/hash.ts";
import { clipPixels, type RgbImage, squareBicubic } from "../../pipelines/images/bicubic.ts";

const image = (width: number, height: number): RgbImage => {
  const rgb = new Uint8Array(width * height * 3);
  for (let i = 0; i < rgb.length; i++) {
    const c = i % 3, x = Math.floor(i / 3) % width, y = Math.floor(i / 3 / width);
    rgb[i] = (x * x * 7 + y * 13 * (c + 1) + ((x * y) ^ (c * 91)) + 31 * c) & 255;
  }
  return { width, height, rgb };
};

/** Width, height, side, the sha-256 of `Image.resize((side, side), Image.BICUBIC)`, and its first bytes. */
const pillow = [
  [7, 5, 4, "14d8a1ed9573870d209da1f496015921138bc98af2a6b7033b36ab8dd18dcbb7", [4, 127, 205, 33]],
  [5, 7, 9, "930d114adc67d70b9b3402b62b01192ebd539bc091c7339a1b28b447bce094df", [0, 120, 253, 0]],
  [40, 23, 14, "17bd2104d7aa04fdd34dd5ecb89ec3c004c1c50418a204ea223a466226f4248a", [14, 149, 113, 111]],
  [3, 3, 3, "b4f64f18bbaa487082f0635e9b1e2f1006950a38a54c504ca056afa957438a50", [0, 122, 244, 7]],
  [101, 60, 16, "dd47b6dcff28c44d3a54b782191be48b405fa06a048d5e4fd273e7e2d1f0ca3c", [89, 155, 122, 139]],
  [16, 16, 20, "bec4f86cf88c7bb38d6f9152bffc71869446ac8b2353beb6fffad6c65f081dda", [0, 121, 253, 3]],
] as const;

const test = suite("bicubic squares");

test("are those of Pillow, smaller, larger and of other proportions", () => {
  for (const [width, height, side, hash, first] of pillow) {
    const got = squareBicubic(image(width, height), side);
    assert.equal([...got.slice(0, first.length)], [...first], `${width} x ${height} to ${side}`);
    assert.is(sha256(got), hash, `${width} x ${height} to ${side}`);
  }
});

test("become CLIP's numbers", () => {
  const flat: RgbImage = {
    width: 3,
    height: 2,
    rgb: Uint8Array.from({ length: 18 }, (_, i) => [255, 0, 128][i % 3]!),
  };
  const { shape, data } = clipPixels(flat, 4);
  assert.equal(shape, [1, 4, 4, 3]);
  const want = [
    (1 - 0.48145466) / 0.26862954,
    -0.4578275 / 0.26130258,
    (128 / 255 - 0.40821073) / 0.27577711,
  ];
  data.forEach((x, i) => assert.ok(Math.abs(x - want[i % 3]!) < 1e-6));
});

test("refuse bytes that are no such image", () => {
  assert.throws(() => squareBicubic({ width: 2, height: 2, rgb: new Uint8Array(11) }, 2), RangeError);
  assert.throws(() => squareBicubic({ width: 0, height: 2, rgb: new Uint8Array(0) }, 2), RangeError);
  assert.throws(() => squareBicubic(image(2, 2), 0), RangeError);
  assert.throws(() => squareBicubic(image(2, 2), 1.5), RangeError);
});

test.run();

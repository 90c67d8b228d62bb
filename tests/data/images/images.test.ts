/** Images of every kind through the one decoder, and those that are refused. */
import * as Effect from "effect/Effect";
import { Buffer } from "node:buffer";
import { crc32 } from "node:zlib";
import sharp from "sharp";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { decodeImage, ImageError, type ImageReason } from "../../../pipelines/images/decode.ts";
import { squaresOf } from "./photo_set.ts";
import { sha256 } from "../../../pipelines/base/hash.ts";
import { squareBicubic } from "../../../pipelines/images/bicubic.ts";

const W = 48, H = 32;
/** Left half red, right half blue, the top eight rows green. */
const scene = new Uint8Array(W * H * 3).map((_, i) => {
  const x = Math.floor(i / 3) % W, y = Math.floor(i / 3 / W), c = i % 3;
  return y < 8 ? (c === 1 ? 255 : 0) : x < W / 2 ? (c === 0 ? 255 : 0) : c === 2 ? 255 : 0;
});
const image = () => sharp(Buffer.from(scene), { raw: { width: W, height: H, channels: 3 } });
const bytesOf = async (made: { toBuffer: () => Promise<Uint8Array> }): Promise<Uint8Array> =>
  new Uint8Array(await made.toBuffer());
const at = (decoded: { rgb: Uint8Array; width: number }, x: number, y: number): readonly number[] => [
  ...decoded.rgb.subarray((y * decoded.width + x) * 3, (y * decoded.width + x) * 3 + 3),
];
const near = (a: readonly number[], b: readonly number[], by: number): void =>
  assert.ok(a.every((v, i) => Math.abs(v - b[i]!) <= by), `${a} is not near ${b}`);
const refused = async (
  bytes: Uint8Array,
  reasons: readonly ImageReason[],
  most?: number,
): Promise<string> => {
  try {
    await decodeImage("photos/a.jpg", bytes, most);
  } catch (error) {
    assert.instance(error, ImageError);
    assert.is((error as ImageError).file, "photos/a.jpg");
    assert.ok(reasons.includes((error as ImageError).reason), (error as ImageError).message);
    assert.match((error as ImageError).message, "photos/a.jpg");
    return (error as ImageError).message;
  }
  throw new Error(`not refused: ${reasons}`);
};

test("lossless files give their own bytes", async () => {
  for (const bytes of [await bytesOf(image().png()), await bytesOf(image().webp({ lossless: true }))]) {
    const { width, height, rgb } = await decodeImage("a", bytes);
    assert.equal([width, height, sha256(rgb)], [W, H, sha256(scene)]);
  }
});

test("JPEG: the same bytes as the pinned decoder gave", async () => {
  const decoded = await decodeImage(
    "a",
    await bytesOf(image().jpeg({ quality: 90, chromaSubsampling: "4:4:4" })),
  );
  assert.equal([decoded.width, decoded.height, decoded.rgb.length], [W, H, W * H * 3]);
  near(at(decoded, 4, 20), [255, 0, 0], 4);
  near(at(decoded, 40, 20), [0, 0, 255], 4);
  assert.is(sha256(decoded.rgb), "b0ea2acb74219bd3acdd041e156fd4b13f774e326a99122b3da2a968a8edf0a7");
});

test("every EXIF orientation comes out upright", async () => {
  // where the stored image's top left corner (green) and left edge (red) end up
  for (let orientation = 1; orientation <= 8; orientation++) {
    const stored = await bytesOf(image().withMetadata({ orientation }).jpeg({ quality: 100 }));
    const decoded = await decodeImage("a", stored);
    const turned = orientation >= 5;
    assert.equal([decoded.width, decoded.height], turned ? [H, W] : [W, H], `orientation ${orientation}`);
    const [w, h] = [decoded.width, decoded.height];
    const green = {
      1: [w / 2, 2],
      2: [w / 2, 2],
      3: [w / 2, h - 3],
      4: [w / 2, h - 3],
      5: [2, h / 2],
      6: [w - 3, h / 2],
      7: [w - 3, h / 2],
      8: [2, h / 2],
    }[orientation]!;
    near(at(decoded, green[0]!, green[1]!), [0, 255, 0], 12);
    const red = {
      1: [4, h - 4],
      2: [w - 5, h - 4],
      3: [w - 5, 4],
      4: [4, 4],
      5: [w - 5, 4],
      6: [4, 4],
      7: [4, h - 5],
      8: [w - 5, h - 5],
    }[orientation]!;
    near(at(decoded, red[0]!, red[1]!), [255, 0, 0], 12);
  }
});

test("grey, 16 bits, palettes and CMYK become RGB of 8 bits", async () => {
  const grey = await decodeImage("a", await bytesOf(image().greyscale().png()));
  const [r, g, b] = at(grey, 4, 20);
  assert.ok(r === g && g === b);
  const deep = await decodeImage("a", await bytesOf(image().toColourspace("rgb16").png()));
  assert.equal([deep.width, sha256(deep.rgb)], [W, sha256(scene)]);
  const deepGrey = await decodeImage("a", await bytesOf(image().toColourspace("grey16").png()));
  assert.is(deepGrey.rgb.length, W * H * 3);
  const palette = await decodeImage("a", await bytesOf(image().png({ palette: true })));
  near(at(palette, 40, 20), [0, 0, 255], 3);
  const cmyk = await decodeImage("a", await bytesOf(image().toColourspace("cmyk").jpeg({ quality: 100 })));
  assert.is(cmyk.rgb.length, W * H * 3);
  const [red, green, blue] = at(cmyk, 4, 20);
  assert.ok(red! > 180 && green! < 90 && blue! < 90, `red comes back as ${[red, green, blue]}`);
});

test("transparent images are on white; of moving ones the first frame is taken", async () => {
  const rgba = new Uint8Array(W * H * 4).map((_, i) =>
    i % 4 === 3 ? [0, 128, 255][Math.floor(i / 4) % 3]! : 0
  );
  const raw = sharp(Buffer.from(rgba), { raw: { width: W, height: H, channels: 4 } });
  const clear = await decodeImage("a", await bytesOf(raw.png()));
  assert.equal([at(clear, 0, 0), at(clear, 2, 0)], [[255, 255, 255], [0, 0, 0]]);
  near(at(clear, 1, 0), [127, 127, 127], 1);
  const frames = Buffer.from(Uint8Array.from([...scene, ...new Uint8Array(W * H * 3)]));
  const moving = await bytesOf(
    sharp(frames, { raw: { width: W, height: H * 2, channels: 3, pageHeight: H } }).webp({
      lossless: true,
      loop: 0,
    }),
  );
  assert.is((await sharp(Buffer.from(moving)).metadata()).pages, 2);
  const first = await decodeImage("a", moving);
  assert.equal([first.width, first.height, sha256(first.rgb)], [W, H, sha256(scene)]);
});

test("GIF, TIFF and AVIF are read, whatever their names say; of several pages the first", async () => {
  const gif = await decodeImage("a.jpg", await bytesOf(image().gif()));
  assert.equal([gif.width, gif.height], [W, H]);
  near(at(gif, 4, 20), [255, 0, 0], 1);
  near(at(gif, 40, 20), [0, 0, 255], 1);
  for (
    const options of [{ compression: "lzw" }, { compression: "deflate", bigtiff: true }, {
      compression: "packbits",
      tile: true,
    }] as const
  ) {
    const tiff = await decodeImage("a.png", await bytesOf(image().tiff({ ...options })));
    assert.equal([tiff.width, sha256(tiff.rgb)], [W, sha256(scene)], JSON.stringify(options));
  }
  const avif = await decodeImage("a.webp", await bytesOf(image().avif({ lossless: true })));
  near(at(avif, 4, 20), [255, 0, 0], 3);
  const frames = Buffer.from(Uint8Array.from([...scene, ...new Uint8Array(W * H * 3)]));
  const paged = () => sharp(frames, { raw: { width: W, height: H * 2, channels: 3, pageHeight: H } });
  for (
    const moving of [
      await bytesOf(paged().gif({ loop: 0 })),
      await bytesOf(paged().tiff({ compression: "none" })),
    ]
  ) {
    const first = await decodeImage("a", moving);
    near(at(first, 40, 20), [0, 0, 255], 1);
  }
});

test("the upper 8 of 16 bits stay, in color and grayscale; alpha of 16 bits is laid on white", async () => {
  const deep = (values: readonly number[], channels: 1 | 3 | 4) =>
    bytesOf(
      sharp(Uint16Array.from(Array.from({ length: 16 }, () => values).flat()), {
        raw: { width: 4, height: 4, channels },
      }).toColourspace(channels === 1 ? "grey16" : "rgb16").png(),
    );
  const color = await decodeImage("a", await deep([0x12ff, 0x8000, 0xfe01], 3));
  assert.equal(at(color, 1, 1), [0x12, 0x80, 0xfe]);
  assert.equal(at(await decodeImage("a", await deep([0x34ff], 1)), 1, 1), [0x34, 0x34, 0x34]);
  near(at(await decodeImage("a", await deep([0x1234, 0x8000, 0xffff, 0], 4)), 1, 1), [255, 255, 255], 1);
  near(
    at(await decodeImage("a", await deep([0x1234, 0x8000, 0xffff, 0xffff], 4)), 1, 1),
    [0x12, 0x80, 0xff],
    1,
  );
});

test("grayscale with alpha and palettes with transparency are on white", async () => {
  const gray = sharp(Uint8Array.from(Array.from({ length: 16 }, () => [40, 0]).flat()), {
    raw: { width: 4, height: 4, channels: 2 },
  });
  assert.equal(at(await decodeImage("a", await bytesOf(gray.png())), 1, 1), [255, 255, 255]);
  const clear = sharp({
    create: { width: 8, height: 8, channels: 4, background: { r: 9, g: 9, b: 9, alpha: 0 } },
  });
  assert.equal(at(await decodeImage("a", await bytesOf(clear.clone().png({ palette: true }))), 1, 1), [
    255,
    255,
    255,
  ]);
  assert.equal(at(await decodeImage("a", await bytesOf(clear.clone().gif())), 1, 1), [255, 255, 255]);
});

/** A TIFF file of 4 x 4 samples of 32-bit floating point. */
const floatTiff = (): Uint8Array => {
  const file = new Uint8Array(8 + 2 + 9 * 12 + 4 + 64), view = new DataView(file.buffer);
  file.set([73, 73, 42, 0, 8]);
  const fields = [[256, 4], [257, 4], [258, 32], [259, 1], [262, 1], [273, file.length - 64], [277, 1], [
    279,
    64,
  ], [339, 3]];
  view.setUint16(8, fields.length, true);
  fields.forEach(([tag, value], i) => {
    const at = 10 + 12 * i;
    view.setUint16(at, tag!, true), view.setUint16(at + 2, 4, true);
    view.setUint32(at + 4, 1, true), view.setUint32(at + 8, value!, true);
  });
  for (let i = 0; i < 16; i++) view.setFloat32(file.length - 64 + 4 * i, i / 16, true);
  return file;
};

test("samples that are no whole numbers of 8 or 16 bits are refused", async () => {
  assert.match(await refused(floatTiff(), ["format"]), "samples of the type float");
});

test("truncated files are refused wherever they end", async () => {
  const noise = new Uint8Array(96 * 96 * 3).map((_, i) => (i * 7919) % 251);
  const source = () => sharp(Buffer.from(noise), { raw: { width: 96, height: 96, channels: 3 } });
  const files = [
    await bytesOf(source().jpeg()),
    await bytesOf(source().png()),
    await bytesOf(source().webp()),
  ];
  for (const whole of files) {
    for (const share of [0.9, 0.6, 0.3]) {
      // a header that is cut is no image at all
      await refused(whole.slice(0, Math.floor(whole.length * share)), ["damaged", "not an image"]);
    }
  }
  await refused(new Uint8Array(0), ["not an image"]);
  await refused(new TextEncoder().encode("hello, this is no image"), ["not an image"]);
});

test("bombs are refused by their header; other formats by their name", async () => {
  const bomb = await bytesOf(image().png()), header = new DataView(bomb.buffer, bomb.byteOffset);
  header.setUint32(16, 60_000);
  header.setUint32(20, 60_000);
  header.setUint32(29, crc32(bomb.subarray(12, 29)));
  assert.match(await refused(bomb, ["too large"]), "60000 x 60000 pixels; expected at most 67108864");
  assert.match(await refused(await bytesOf(image().png()), ["too large"], 1000), "at most 1000");
  const svg = new TextEncoder().encode(
    '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><rect width="9" height="9"/></svg>',
  );
  assert.match(
    await refused(svg, ["format"]),
    "got an SVG drawing; expected a JPEG, PNG, WebP, GIF, TIFF or AVIF image",
  );
  const ascii = (text: string, length = 64) => new Uint8Array(length).map((_, i) => text.charCodeAt(i) || 0);
  const others: readonly (readonly [Uint8Array, string])[] = [
    [ascii("BM    \0\0\0\0"), "a BMP image"],
    [ascii("\0\0\0\x18ftypheic"), "a HEIC image"],
    [ascii("8BPS"), "a Photoshop file"],
    [ascii("\0\0\x01\0\x01\0"), "an icon"],
    [ascii("%PDF-1.4"), "a PDF file"],
    [ascii("<!DOCTYPE html><title>404</title>"), "an HTML page"],
    [ascii("\xff\x0a"), "a JPEG XL image"],
    [ascii("version https://git-lfs.github.com/spec/v1"), "a pointer of Git LFS"],
  ];
  for (const [bytes, name] of others) assert.match(await refused(bytes, ["format"]), `got ${name}`);
});

test("workers give the same squares in order, whatever their number, and name what they refuse", async () => {
  const whole = await Promise.all([80, 90, 100].map((quality) => bytesOf(image().jpeg({ quality }))));
  const images = [...whole, Uint8Array.of(1, 2, 3), ...whole].map((bytes, i) => ({
    file: `${i}.jpg`,
    bytes,
  }));
  const expected = await Promise.all(whole.map(async (b) => squareBicubic(await decodeImage("a", b), 24)));
  for (const workers of [1, 3]) {
    const squares = await Effect.runPromise(squaresOf(images, { side: 24, workers }));
    const hashes = squares.map((s) => s instanceof ImageError ? `${s.file} ${s.reason}` : sha256(s));
    const good = expected.map((s) => sha256(s));
    assert.equal(hashes, [...good, "3.jpg not an image", ...good]);
  }
});

test.run();

/** WebDataset archives as they are found: what macOS adds, members apart, links, long names, compression, damage. */
import { Buffer } from "node:buffer";
import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import tar from "tar-stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FormatError, type Verdict } from "../../../pipelines/formats/format.ts";
import { verdictsOf } from "../../../pipelines/formats/read.ts";
import { bytesSource } from "../../../pipelines/formats/source.ts";
import type { PairRecord } from "../../../pipelines/formats/training.ts";
import { webDataset } from "../../../pipelines/formats/webdataset.ts";
import { PNG } from "./sample_form.ts";

const test = suite("webdataset");

type Header = string | (Partial<tar.Header> & { readonly name: string });
const tarOf = async (members: readonly (readonly [Header, string | Uint8Array])[]): Promise<Uint8Array> => {
  const pack = tar.pack();
  for (const [header, bytes] of members) {
    pack.entry(typeof header === "string" ? { name: header } : header, Buffer.from(bytes as Uint8Array));
  }
  pack.finalize();
  return new Uint8Array(await buffer(pack));
};
const png = (n: number) => Uint8Array.of(...PNG, n);

interface SampleScore {
  readonly pairs: readonly (readonly [caption: string, image: number])[];
  readonly refused: Readonly<Record<string, string>>;
  readonly leftOut: Readonly<Record<string, string>>;
  readonly error?: string;
}
const read = async (...archives: readonly Uint8Array[]): Promise<SampleScore> => {
  const verdicts: Verdict<PairRecord>[] = [],
    sources = archives.map((b, i) => bytesSource(`${i}.tar`, b, 700));
  let error: string | undefined;
  try {
    for await (const some of verdictsOf(webDataset, sources, { policy: "skip" })) verdicts.push(...some);
  } catch (cause) {
    assert.instance(cause, FormatError);
    error = (cause as FormatError).message;
  }
  return {
    pairs: verdicts.flatMap((v) =>
      v.verdict === "taken" ? [[v.records[0]!.caption, v.imageBytes!.at(-1)!] as const] : []
    ),
    refused: Object.fromEntries(
      verdicts.flatMap((v) =>
        v.verdict === "refused" ? [[v.place.record, `${v.fields[0]!.path}: ${v.fields[0]!.got}`]] : []
      ),
    ),
    leftOut: Object.fromEntries(
      verdicts.flatMap((v) => v.verdict === "left out" ? [[v.place.record, v.reason]] : []),
    ),
    ...(error === undefined ? {} : { error }),
  };
};

test("what macOS and hidden folders add is left out and counted, and takes no sample apart", async () => {
  const found = await read(
    await tarOf([
      [{ name: "./", type: "directory" }, ""],
      ["./._0.png", "Mac OS X        "],
      ["./0.png", png(0)],
      ["./._0.txt", "Mac OS X        "],
      ["./0.txt", "zero"],
      [".DS_Store", "x"],
      ["__MACOSX/._1.png", "y"],
      [{ name: "shard", type: "directory" }, ""],
      ["shard/1.png", png(1)],
      [".cache/2.png", png(2)],
      ["shard/1.txt", "one"],
      ["Thumbs.db", "z"],
      ["README", "what this is"],
      ["dataset_info.json", '{"rows": 2}'],
    ]),
  );
  assert.equal(found.pairs, [["zero", 0], ["one", 1]]);
  assert.equal(found.refused, {});
  assert.equal(found.leftOut, {
    "._0.png": "hidden members",
    "._0.txt": "hidden members",
    ".DS_Store": "hidden members",
    "__MACOSX/._1.png": "hidden members",
    ".cache/2.png": "hidden members",
    Thumbs: "members without an image and a text",
    README: "members without an image and a text",
    dataset_info: "members without an image and a text",
  });
});

test("members of a sample find each other in any order; what lacks its partner is refused by name", async () => {
  const numbers = [0, 1, 2, 3];
  const found = await read(
    await tarOf([
      ...numbers.map((n) => [`${n}.png`, png(n)] as const),
      ["lost.png", png(9)],
      ...numbers.toReversed().map((n) => [`${n}.txt`, `text ${n}`] as const),
      ["alone.txt", "a text alone"],
      ["5.png", png(5)],
      ["5.json", '{"caption": "five", "width": NaN}'],
      ["2.npy", "more of 2"],
    ]),
  );
  assert.equal(
    new Map(found.pairs),
    new Map([...numbers.map((n) => [`text ${n}`, n] as const), ["five", 5]]),
  );
  assert.equal(found.refused, { lost: "txt: nothing", alone: "image: nothing" });
  assert.equal(found.leftOut, { 2: "more members of a sample that was given" });
});

test("a name that occurs twice in an archive is refused; in two archives it is two samples", async () => {
  const twice = await tarOf([["0.png", png(0)], ["0.txt", "a"], ["1.png", png(1)], ["1.txt", "b"], [
    "0.png",
    png(2),
  ], ["0.txt", "c"]]);
  const found = await read(twice);
  assert.equal([found.pairs, found.refused], [[["a", 0], ["b", 1]], { 0: "(key): 0.png" }]);
  const both = await read(
    await tarOf([["0.png", png(0)], ["0.txt", "a"]]),
    await tarOf([["0.txt", "b"], ["0.png", png(1)]]),
  );
  assert.equal(both.pairs, [["a", 0], ["b", 1]]);
  const images = await read(await tarOf([["0.png", png(0)], ["0.jpg", png(1)], ["0.txt", "a"]]));
  assert.equal(images.refused, { 0: "image: 0.jpg" });
});

test("endings in capitals, long names of PAX and GNU, links and files of the wrong kind", async () => {
  const long = `${"folder/".repeat(40)}${"n".repeat(120)}`, wide = `größe/${"ü".repeat(80)}`;
  const found = await read(
    await tarOf([
      ["A.PNG", png(1)],
      ["A.TXT", "capital"],
      [`${long}.png`, png(2)],
      [`${long}.txt`, "long"],
      [{ name: `${wide}.png`, pax: { path: `${wide}.png`, comment: "x" } }, png(3)],
      [{ name: `${wide}.txt`, pax: { path: `${wide}.txt` } }, "wide"],
      [{ name: "h.png", type: "link", linkname: "A.PNG" }, ""],
      ["h.txt", "a hard link"],
      ["bmp.bmp", Uint8Array.from([66, 77, 9, 9, 9, 9, 0, 0, 0, 0, 1])],
      ["bmp.txt", "an old format"],
      ["page.jpg", "<!DOCTYPE html><p>404"],
      ["page.txt", "an error page"],
      ["empty.png", ""],
      ["empty.txt", "nothing to see"],
      ["binary.png", png(4)],
      ["binary.txt", Uint8Array.of(0xff, 0xfe)],
    ]),
  );
  assert.equal(found.pairs, [["capital", 1], ["long", 2], ["wide", 3]]);
  assert.equal(found.refused, {
    h: "image: h.png, a link to A.PNG",
    bmp: "image: bmp.bmp, a BMP image",
    page: "image: page.jpg, an HTML page",
    empty: "image: no bytes",
    binary: "txt: bytes that are not UTF-8",
  });
});

test("archives compressed by gzip are read, other compressions refused by name", async () => {
  const plain = await tarOf([["0.png", png(0)], ["0.txt", "a"], ["1.png", png(1)], ["1.txt", "b"]]);
  const expected = await read(plain);
  assert.is(expected.pairs.length, 2);
  assert.equal(await read(new Uint8Array(gzipSync(plain))), expected);
  // gzip files may have several parts, one after the other
  const parts = [plain.subarray(0, 1300), plain.subarray(1300)].map((part) => gzipSync(part));
  assert.equal(await read(new Uint8Array(Buffer.concat(parts))), expected);
  for (
    const [sign, name] of [["PK\x03\x04", "ZIP"], ["BZh9", "bzip2"], ["\xfd7zXZ", "xz"], [
      "(\xb5/\xfd",
      "zstd",
    ]]
  ) {
    const bytes = Uint8Array.from(sign!, (c) => c.charCodeAt(0));
    assert.match((await read(Uint8Array.of(...bytes, ...new Uint8Array(600)))).error!, name!);
  }
});

test("an archive that ends early is refused behind its last whole member, after what was whole", async () => {
  const plain = await tarOf([["0.png", png(0)], ["0.txt", "a"], ["1.png", new Uint8Array(4000)], [
    "1.txt",
    "b",
  ]]);
  for (const bytes of [plain.subarray(0, 3000), new Uint8Array(gzipSync(plain)).subarray(0, 130)]) {
    const found = await read(bytes);
    assert.match(found.error!, /0\.tar: got .*(behind the member|before the end of its first member)/);
  }
  const found = await read(plain.subarray(0, 3000));
  assert.equal(found.pairs, [["a", 0]]);
  assert.match(found.error!, "behind the member 0.txt");
});

test("members that are too long are refused by name without being kept", async () => {
  const header = (name: string, size: number): Uint8Array => {
    const block = new Uint8Array(512),
      put = (text: string, at: number) => block.set(new TextEncoder().encode(text), at);
    put(name, 0);
    put("0000644\0", 100);
    put(`${size.toString(8).padStart(11, "0")}\0`, 124);
    put("0", 156);
    put("ustar\x0000", 257);
    put("        ", 148);
    const sum = block.reduce((a, b) => a + b, 0);
    put(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return block;
  };
  const size = 2 ** 23,
    bomb = Buffer.concat([
      header("0.txt", size),
      new Uint8Array(size),
      header("0.png", 9),
      Buffer.concat([png(0), new Uint8Array(503)]),
      header("1.png", 2 ** 33),
    ]);
  const found = await read(new Uint8Array(gzipSync(bomb)));
  assert.equal(found.refused, { 0: `txt: 0.txt of ${size} bytes` });
  assert.match(found.error!, "behind the member 0.png");
  const whole = await read(
    new Uint8Array(gzipSync(Buffer.concat([bomb.subarray(0, -512), new Uint8Array(1024)]))),
  );
  assert.equal(whole.refused, { 0: `txt: 0.txt of ${size} bytes` });
});

test.run();

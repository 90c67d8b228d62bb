/** Images are known by their content: whatever files, members, rows and paths call them. */
import * as Effect from "effect/Effect";
import { parquetWriteBuffer } from "hyparquet-writer";
import { Buffer } from "node:buffer";
import { buffer } from "node:stream/consumers";
import sharp from "sharp";
import tar from "tar-stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { decodeImage } from "../../../pipelines/images/decode.ts";
import { type MixtureConfig, mixtureUnder } from "../../../pipelines/mixtures/mixture_config.ts";
import { openMixture } from "../../../pipelines/mixtures/mixture_open.ts";
import { byImage } from "../../../pipelines/eval/slices.ts";
import type { BenchmarkRecord } from "../../../pipelines/records/records.ts";
import { sha256 } from "../../../pipelines/base/hash.ts";
import { trainBpe } from "../../../pipelines/text/bpe.ts";

const test = suite("images by content");
const folder = await Deno.makeTempDir({ prefix: "identity" });
const colours = { red: [255, 0, 0], green: [0, 128, 0], blue: [0, 0, 255], yellow: [255, 255, 0] };
type Colour = keyof typeof colours;
const png = async (colour: Colour): Promise<Uint8Array> => {
  const create = { width: 20, height: 20, channels: 3, background: colour } as const;
  return new Uint8Array(await sharp({ create }).png().toBuffer());
};
const images = {
  red: await png("red"),
  green: await png("green"),
  blue: await png("blue"),
  yellow: await png("yellow"),
};
await Deno.writeTextFile(
  `${folder}/tokenizer.json`,
  JSON.stringify(
    trainBpe(["a red green blue yellow sheet. What colour is it? Describe the image in one sentence."], 200),
  ),
);
const text = { tokenizer: "tokenizer.json", template: "plain", length: 160 } as const;

interface Seen {
  readonly images: number;
  readonly rows: readonly (readonly [said: string, colour: readonly number[]])[];
  readonly contents: readonly string[];
}

/** Text of every record, alongside the first pixel of the image that its row is given. */
const seen = (
  part: Omit<MixtureConfig["parts"][number], "name">,
  cache = Deno.makeTempDirSync(),
): Promise<Seen> =>
  Effect.runPromise(Effect.scoped(Effect.gen(function* () {
    const { parts } = yield* openMixture(
      mixtureUnder(folder, { parts: [{ name: "p", ...part }], text }),
      cache,
    );
    const { data } = parts[0]!, rows: [string, readonly number[]][] = [], contents: string[] = [];
    for (let i = 0; i < data.count; i++) {
      const image = data.imageFiles[data.imagesOf(i)[0]!]!, bytes = yield* image.load;
      const { rgb } = yield* Effect.promise(() => decodeImage(image.name, bytes));
      for (const drawn of yield* data.example(i)) {
        assert.equal(drawn.contents, [sha256(bytes)]);
        assert.equal(drawn.imageFiles, data.imagesOf(i));
        const { record } = drawn;
        if (record.kind !== "pair" && record.kind !== "conversation") {
          assert.is(record.content, drawn.contents[0]);
        }
        rows.push([record.kind === "pair" ? record.caption : record.id, [...rgb.subarray(0, 3)]]);
        contents.push(...drawn.contents);
      }
    }
    return { images: data.imageFiles.length, rows, contents };
  })));

const said = (some: readonly Colour[]) => some.map((c) => [`a ${c} sheet`, colours[c]]);
const shards = [["red", "green"], ["blue", "yellow"]] as const;

const writeTar = async (
  path: string,
  some: readonly (readonly [name: string, bytes: Uint8Array | string])[],
) => {
  const pack = tar.pack();
  for (const [name, bytes] of some) pack.entry({ name }, Buffer.from(bytes as Uint8Array));
  pack.finalize();
  await Deno.writeFile(path, new Uint8Array(await buffer(pack)));
};

test("two archives whose members have equal names", async () => {
  for (const [s, some] of shards.entries()) {
    await writeTar(
      `${folder}/0000${s}.tar`,
      some.flatMap((c, i) => [[`${i}.png`, images[c]], [`${i}.txt`, `a ${c} sheet`]] as const),
    );
  }
  const found = await seen({ format: "webdataset", files: ["00000.tar", "00001.tar"] });
  assert.equal([found.images, found.rows], [4, said(shards.flat())]);
});

test("two tables whose rows have equal numbers, equal paths, or none", async () => {
  const kinds: Readonly<Record<string, (c: Colour, i: number) => unknown>> = {
    bytes: (c) => images[c],
    named: (c, i) => ({ bytes: images[c], path: `${i}.png` }),
    unnamed: (c) => ({ bytes: images[c], path: null }),
  };
  for (const [kind, cell] of Object.entries(kinds)) {
    const files = [];
    for (const [s, some] of shards.entries()) {
      const nested = kind !== "bytes";
      const columnData = [
        { name: "caption", data: some.map((c) => `a ${c} sheet`), ...(nested ? {} : { type: "STRING" }) },
        { name: "image", data: some.map(cell), ...(nested ? {} : { type: "BYTE_ARRAY" }) },
      ];
      const schema = nested
        ? [
          { name: "root", num_children: 2 },
          { name: "caption", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
          { name: "image", num_children: 2, repetition_type: "OPTIONAL" },
          { name: "bytes", type: "BYTE_ARRAY", repetition_type: "OPTIONAL" },
          { name: "path", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "OPTIONAL" },
        ]
        : undefined;
      const file = `${kind}-${s}.parquet`;
      await Deno.writeFile(
        `${folder}/${file}`,
        new Uint8Array(
          parquetWriteBuffer({ columnData, ...(schema === undefined ? {} : { schema }) } as never),
        ),
      );
      files.push(file);
    }
    const found = await seen({ format: "parquet", files });
    assert.equal([found.images, found.rows], [4, said(shards.flat())], kind);
  }
});

const asked = (names: readonly string[]): unknown => ({
  questions: names.map((image_id, i) => ({ image_id, question: "What colour is it?", question_id: i })),
});
const describing = (names: readonly string[], some: readonly Colour[]): unknown => ({
  annotations: names.map((image_id, i) => ({
    image_id,
    question_id: i,
    question_type: "what",
    answer_type: "other",
    answers: Array.from({ length: 10 }, (_, k) => ({ answer: some[i], answer_id: k + 1 })),
  })),
});

test("equal file names in different folders are two images; one image under two names is one", async () => {
  for (const place of ["a", "b", "c"]) await Deno.mkdir(`${folder}/tree/${place}`, { recursive: true });
  await Deno.writeFile(`${folder}/tree/a/0.png`, images.red);
  await Deno.writeFile(`${folder}/tree/b/0.png`, images.blue);
  await Deno.writeFile(`${folder}/tree/c/copy.png`, images.red);
  const names = ["a/0.png", "b/0.png", "c/copy.png"];
  await Deno.writeTextFile(`${folder}/q.json`, JSON.stringify(asked(names)));
  await Deno.writeTextFile(`${folder}/t.json`, JSON.stringify(describing(names, ["red", "blue", "red"])));
  const part = { format: "vqav2", files: ["q.json", "t.json"], images: { folder: "tree" }, turns: 2 };
  const found = await seen(part);
  assert.is(found.images, 2);
  // the two questions about the red image are turns of one row
  assert.equal(found.rows, [["0", colours.red], ["2", colours.red], ["1", colours.blue]]);
});

test("a file replaced between two runs is another image, though its size and time are as before", async () => {
  await Deno.mkdir(`${folder}/swap`, { recursive: true });
  const names = ["0.png", "1.png"], cache = Deno.makeTempDirSync(), old = new Date(2020, 1, 1);
  const put = async (name: string, colour: Colour) => {
    // trailing bytes behind the image make all files equally long
    const bytes = new Uint8Array(512);
    bytes.set(images[colour]);
    await Deno.writeFile(`${folder}/swap/${name}`, bytes);
    await Deno.utime(`${folder}/swap/${name}`, old, old);
  };
  await Deno.writeTextFile(`${folder}/sq.json`, JSON.stringify(asked(names)));
  await Deno.writeTextFile(`${folder}/st.json`, JSON.stringify(describing(names, ["red", "blue"])));
  const part = { format: "vqav2", files: ["sq.json", "st.json"], images: { folder: "swap" }, turns: 2 };
  await put("0.png", "red");
  await put("1.png", "red");
  const first = await seen(part, cache);
  assert.equal([first.images, first.rows.map(([, c]) => c)], [1, [colours.red, colours.red]]);
  await put("1.png", "blue");
  const second = await seen(part, cache);
  assert.equal([second.images, second.rows.map(([, c]) => c)], [2, [colours.red, colours.blue]]);
});

test("a table whose rows name the image of an earlier row", async () => {
  const base64 = (c: Colour) => Buffer.from(images[c]).toString("base64");
  const table = (rows: readonly string[]) =>
    ["index\timage\tquestion\tA\tB\tanswer", ...rows].join("\n") + "\n";
  await Deno.writeTextFile(
    `${folder}/one.tsv`,
    table([
      `7\t${base64("red")}\tWhat colour is it?\tred\tblue\tA`,
      "8\t7\tWhat colour is it?\tblue\tred\tB",
    ]),
  );
  const found = await seen({ format: "mmbench", files: ["one.tsv"] });
  assert.equal([found.images, found.rows], [1, [["7", colours.red], ["8", colours.red]]]);
});

test("intervals group questions by the content of their images", () => {
  const record = (id: string, image: string, content?: string): BenchmarkRecord => ({
    kind: "open",
    id,
    image,
    ...(content === undefined ? {} : { content }),
    question: "?",
    answers: ["a"],
  });
  const groups = (records: readonly BenchmarkRecord[]): readonly number[] =>
    byImage(records.map((r) => ({ record: r, answer: "" })), records.map(() => 1)).map(({ n }) => n);
  assert.equal(groups([record("1", "0.jpg", "x"), record("2", "0.jpg", "y"), record("3", "9.jpg", "x")]), [
    2,
    1,
  ]);
  assert.equal(groups([record("1", "0.jpg"), record("2", "0.jpg"), record("3", "9.jpg")]), [2, 1]);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();

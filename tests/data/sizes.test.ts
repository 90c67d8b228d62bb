/** Sizes that files and configurations claim are checked before memory is taken for them. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { defaultData } from "../../pipelines/scenes/config.ts";
import { PickleFault, unpickle } from "../../pipelines/formats/pickle.ts";
import { formats } from "../../pipelines/formats/formats.ts";
import { addVerdict, emptyReport, verdictsOf } from "../../pipelines/formats/read.ts";
import { bytesSource } from "../../pipelines/formats/source.ts";
import { MAX_ENCODED, spotBytes } from "../../pipelines/images/image_files.ts";
import { parseMixture } from "../../pipelines/mixtures/mixture_config.ts";
import { openMixture } from "../../pipelines/mixtures/mixture_open.ts";
import { makeScenes } from "../../pipelines/scenes/shards/make.ts";
import { unpackFrame } from "../../pipelines/scenes/shards/shard.ts";
import { zstdCompressSync } from "node:zlib";
import { loadInputImage } from "../../pipelines/ask/input_image.ts";
import { trainBpe } from "../../pipelines/text/bpe.ts";

const test = suite("sizes");
const folder = await Deno.makeTempDir({ prefix: "sizes" });
const failure = <A, E>(effect: Effect.Effect<A, E>): Promise<string> =>
  Effect.runPromise(Effect.map(Effect.flip(effect), String));

/** A file that says it is 4 GB, and takes no disk. */
const huge = async (name: string): Promise<string> => {
  const path = `${folder}/${name}`;
  await Deno.writeFile(path, new Uint8Array(8));
  await Deno.truncate(path, 2 ** 32);
  return path;
};

test("images of 4 GB are refused by their name, wherever they are read", async () => {
  const path = await huge("huge.png");
  assert.match(await failure(spotBytes({ name: path, path })), `${path}: got an image of ${2 ** 32} bytes`);
  assert.match(await failure(loadInputImage(path, 8, 8)), `${path}: got ${2 ** 32} bytes`);
  await Deno.writeTextFile(`${folder}/tokenizer.json`, JSON.stringify(trainBpe(["why because"], 60)));
  await Deno.writeTextFile(
    `${folder}/llava.json`,
    JSON.stringify([{
      id: 1,
      image: "huge.png",
      conversations: [{ from: "human", value: "<image>why" }, { from: "gpt", value: "because" }],
    }]),
  );
  const opened = openMixture({
    parts: [{ name: "a", format: "llava", files: [`${folder}/llava.json`], images: { folder } }],
    text: { tokenizer: `${folder}/tokenizer.json`, template: "plain", length: 64 },
  }, `${folder}/cache`);
  const before = Deno.memoryUsage().rss;
  assert.match(await failure(Effect.scoped(opened)), `at most ${MAX_ENCODED} bytes: ${path} has ${2 ** 32}`);
  assert.ok(Deno.memoryUsage().rss - before < 5e8);
});

test("rows and weights of a mixture have bounds", () => {
  const wrong = (text: object, part: object): string => {
    const found = parseMixture(JSON.stringify({
      parts: [{ name: "a", format: "llava", files: ["a.json"], ...part }],
      text: { tokenizer: "t.json", template: "plain", length: 64, ...text },
    }));
    return E.isLeft(found) ? found.left.message : "";
  };
  assert.is(wrong({}, {}), "");
  assert.match(wrong({ length: 1e9 }, {}), "text.length: an integer from 1 to 1048576");
  assert.match(wrong({ length: 64, buckets: [1e9] }, {}), "text");
  assert.match(wrong({}, { weight: 1e308 }), "parts.0.weight: a number above 0, to 1000000000000");
});

test("pickles of many small values end before memory does", () => {
  const bytes = (letter: string, count: number) => new Uint8Array(count).fill(letter.charCodeAt(0));
  const faults = [bytes("}", 2 ** 22), bytes("]", 2 ** 22), bytes("N", 2 ** 24), bytes("(", 2 ** 24)];
  for (const pickle of faults) {
    assert.throws(
      () => unpickle(pickle),
      (e: unknown) => e instanceof PickleFault && /more than \d+/.test(e.got),
    );
  }
});

test("conversations and tables have bounds", async () => {
  const read = async (format: string, text: string) => {
    const source = bytesSource("a", new TextEncoder().encode(text)), out: string[] = [];
    try {
      const of = formats.find(({ name }) => name === format)!;
      for await (const some of verdictsOf(of, [source], { policy: "skip" })) {
        out.push(...some.map((v) => v.verdict === "refused" ? v.fields[0]!.expected : v.verdict));
      }
    } catch (error) {
      return [String(error)];
    }
    return out;
  };
  const conversations = Array.from(
    { length: 5000 },
    (_, i) => ({ from: i % 2 ? "gpt" : "human", value: "x" }),
  );
  assert.equal(await read("llava", JSON.stringify([{ id: 1, conversations }])), ["at most 4096 messages"]);
  assert.match((await read("mmbench", "a\t".repeat(2 ** 22)))[0]!, "more than 1000 columns");
  const head = "index\tquestion\tA\tB\n", row = `1\tq\ta\tb${"\tx".repeat(2 ** 22)}\n`;
  assert.equal(await read("mmbench", head + row), ["4, as there are columns"]);
});

test("reports count a hundred fields apart, and the others together", () => {
  let report = emptyReport;
  for (let i = 0; i < 5000; i++) {
    const place = { file: "a", record: `${i}` };
    report = addVerdict(report, {
      verdict: "refused",
      place,
      fields: [{ path: `f${i}x`, got: "1", expected: "2" }],
    });
    report = addVerdict(report, { verdict: "left out", place, reason: `split ${i}` });
  }
  assert.equal([report.entries, report.fields["(others)"], report.leftOut["(others)"]], [10_000, 4900, 4900]);
  assert.is(Object.keys(report.fields).length, 101);
});

test("scenes without number and frames that grow are refused", async () => {
  const scenes = makeScenes(defaultData, [{ split: "eval", count: 1e12 }], `${folder}/scenes`);
  assert.match(await failure(scenes), "1000000000000 scenes; expected at most");
  const frame = new Uint8Array(zstdCompressSync(new Uint8Array(2 ** 24)));
  assert.throws(() => unpackFrame(frame, 1000), /larger than 1000/);
  assert.is(unpackFrame(frame, 2 ** 24).length, 2 ** 24);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();

/** Mixtures from files: what goes in, what is refused and where, and that nothing is read twice or dropped silently. */
import * as Effect from "effect/Effect";
import * as E from "fp-ts/lib/Either.js";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { buffer } from "node:stream/consumers";
import tar from "tar-stream";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FormatError } from "../../../pipelines/formats/format.ts";
import {
  imageName,
  loadMixture,
  type MixtureConfig,
  mixtureUnder,
  parseMixture,
} from "../../../pipelines/mixtures/mixture_config.ts";
import {
  mixtureImages,
  type OpenMixture,
  openMixture,
  withoutUndecodable,
} from "../../../pipelines/mixtures/mixture_open.ts";
import { grouped } from "../../../pipelines/mixtures/mixture_rows.ts";
import type { KeptRecord } from "../../../pipelines/mixtures/mixture_prepare.ts";
import { property } from "../../support/property.ts";
import { trainingSamples } from "../formats/samples_training.ts";
import { conversations, shapes, writeValue, writeWorld } from "./world.ts";

const test = suite("mixtures from files");
const folder = await Deno.makeTempDir({ prefix: "mixture" });
const relative = await writeWorld(folder, 10), config = mixtureUnder(folder, relative);
const opened = <A>(
  of: MixtureConfig,
  cache: string,
  use: (mixture: OpenMixture) => Effect.Effect<A, unknown>,
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(openMixture(of, cache), use)));
const refused = (of: MixtureConfig): Promise<unknown> =>
  Effect.runPromise(Effect.flip(Effect.scoped(openMixture(of, `${folder}/cache`))));
const records = (
  mixture: OpenMixture,
  part: number,
): Effect.Effect<readonly (readonly KeptRecord[])[], unknown> => {
  const { used, data } = mixture.parts[part]!;
  return Effect.forEach([...used], (i) => data.example(i));
};
const formatSample = async (name: string): Promise<Uint8Array> =>
  (await trainingSamples()).find(({ format }) => format.name === name)!.files[0]!.bytes;
const withPart = (change: Partial<MixtureConfig["parts"][number]>): MixtureConfig => ({
  ...config,
  parts: [{ ...config.parts[0]!, ...change }],
});

test("a file describes a mixture; its paths are relative to it", async () => {
  await writeValue(`${folder}/mixture.json`, relative);
  assert.equal(await Effect.runPromise(loadMixture(`${folder}/mixture.json`)), config);
  assert.is(imageName({ folder: "f", name: "COCO_{image:12}.jpg" }, "42"), "COCO_000000000042.jpg");
});

test("the mixture in the documentation is one", () => {
  const text = Deno.readTextFileSync(new URL("../../../pipelines/mixtures/README.md", import.meta.url));
  const found = parseMixture(/```json\n([^]*?)```/.exec(text)![1]!);
  assert.ok(E.isRight(found), E.isLeft(found) ? found.left.message : "");
});

test("what is wrong in it is named by its path; misspelt fields are wrong", () => {
  const part = relative.parts[0]!;
  const fieldsOf = (value: unknown): readonly string[] => {
    const found = parseMixture(JSON.stringify(value));
    return E.isLeft(found) ? found.left.refusals.map(({ path }) => path) : [];
  };
  const change = (fields: object) => ({ ...relative, parts: [{ ...part, ...fields }] });
  assert.equal(fieldsOf(relative), []);
  assert.equal(fieldsOf(change({ wieght: 2 })), ["parts.0.wieght"]);
  assert.equal(fieldsOf(change({ weight: 0 })), ["parts.0.weight"]);
  assert.equal(fieldsOf(change({ format: "lava" })), ["parts.0.format"]);
  assert.equal(fieldsOf(change({ prompts: { open: ["What?"] } })), ["parts.0.prompts.open.0"]);
  assert.equal(fieldsOf(change({ images: { folder: "f", name: "x.jpg" } })), ["parts.0.images.name"]);
  assert.equal(fieldsOf({ ...relative, parts: [part, part] }), ["parts"]);
  assert.equal(fieldsOf({ ...relative, text: { ...relative.text, template: "vicunia" } }), ["text.template"]);
});

test("every entry has its lot; questions about one image share a row as turns", () =>
  opened(config, `${folder}/cache`, (mixture) =>
    Effect.gen(function* () {
      const [llava, coco, vqa] = mixture.parts;
      assert.equal([llava!.data.count, coco!.data.count, vqa!.data.count], [11, 10, 10]);
      assert.equal(llava!.data.report.leftOut, {});
      assert.equal(llava!.data.imagesOf(10), [], "a text is an example too");
      assert.is(vqa!.data.report.records, 20);
      const turns = yield* records(mixture, 2);
      assert.ok(
        turns.every((some) => some.length === 2 && some[0]!.imageFiles[0] === some[1]!.imageFiles[0]),
      );
      const contents = mixtureImages(mixture).map(({ content }) => content);
      assert.is(new Set(contents).size, 10, "the same image has the same content under any name");
    })));

test("opened again, nothing is prepared again; a damaged file is; other prompts are another mixture", async () => {
  const cache = `${folder}/again`;
  const look = (of: MixtureConfig) =>
    opened(
      of,
      cache,
      (mixture) => Effect.map(records(mixture, 0), (all) => [mixture.hash, JSON.stringify(all)] as const),
    );
  const first = await look(config),
    places = [...Deno.readDirSync(`${cache}/records`)].map(({ name }) => name);
  assert.is(places.length, 3);
  const written = places.map((name) => Deno.statSync(`${cache}/records/${name}/done.json`).mtime?.getTime());
  assert.equal(await look(config), first);
  assert.equal(
    places.map((name) => Deno.statSync(`${cache}/records/${name}/done.json`).mtime?.getTime()),
    written,
  );
  for (const name of places) {
    const path = `${cache}/records/${name}/records.jsonl`, bytes = Deno.readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    Deno.writeFileSync(path, bytes);
  }
  assert.equal(await look(config), first);
  const [other] = await look({ ...config, prompts: { open: ["{question}"] } });
  assert.is.not(other, first[0]);
  assert.is([...Deno.readDirSync(`${cache}/records`)].length, 6);
});

test("opened by several at once, one folder is, and no one loses what another reads", async () => {
  const cache = `${folder}/together`;
  const look = () =>
    opened(
      config,
      cache,
      (mixture) => Effect.map(records(mixture, 0), (all) => [mixture.hash, JSON.stringify(all)] as const),
    );
  const found = await Promise.all(Array.from({ length: 4 }, look));
  for (const one of found) assert.equal(one, found[0]);
  const places = [...Deno.readDirSync(`${cache}/records`)].map(({ name }) => name);
  assert.is(places.length, 3, places.join(", "));
});

test("a record that cannot be used stops with file, entry and field, or is counted", async () => {
  const bad = conversations(shapes(10)) as {
    image?: string;
    conversations: { from: string; value: string }[];
  }[];
  bad[2]!.conversations[1]!.from = "human";
  bad[4]!.image = "elsewhere.jpg";
  bad[5]!.image = "../tokenizer.json";
  bad[6]!.conversations[1]!.value = "red ".repeat(60);
  bad[7]!.conversations[3]!.value = "circle ".repeat(40);
  await writeValue(`${folder}/bad.json`, bad);
  const error = await refused(withPart({ files: [`${folder}/bad.json`] }));
  assert.instance(error, FormatError);
  assert.is((error as FormatError).file, `${folder}/bad.json`);
  assert.match((error as FormatError).record, "2");
  assert.equal((error as FormatError).fields, ["conversations.1.from"]);

  await opened(
    withPart({ files: [`${folder}/bad.json`], policy: "skip" }),
    `${folder}/cache`,
    (mixture) =>
      Effect.sync(() => {
        const { report, count } = mixture.parts[0]!.data;
        assert.equal([count, report.entries, report.taken, report.refused], [7, 11, 7, 4]);
        assert.equal(report.fields, { "conversations.*.from": 1, image: 2, "(length)": 1 });
        assert.is(report.missing, 1);
        assert.is(report.answersLeftOut, 1, "the second answer of entry 7");
        assert.match(report.refusals[1]!, "elsewhere.jpg");
      }),
  );
  const missing = await refused(withPart({ images: { folder: `${folder}/nowhere` } }));
  assert.match(String(missing), /llava\.json.*image.*nowhere/);
  await writeValue(`${folder}/seen.json`, conversations(shapes(10)).slice(0, 10));
  const nowhere = {
    files: [`${folder}/seen.json`],
    images: { folder: `${folder}/nowhere` },
    policy: "skip",
  } as const;
  assert.match(String(await refused(withPart(nowhere))), /no example/);
});

test("images that come later are found", async () => {
  const later = `${folder}/later`, part = withPart({ images: { folder: later }, policy: "skip" });
  await Deno.mkdir(later);
  const copy = ({ file }: { readonly file: string }) =>
    Deno.copyFile(`${folder}/images/${file}`, `${later}/${file}`);
  const count = () =>
    opened(part, `${folder}/later-cache`, ({ parts }) => Effect.sync(() => parts[0]!.data.count));
  const prepared = () =>
    [...Deno.readDirSync(`${folder}/later-cache/records`)].map(({ name }) =>
      Deno.statSync(`${folder}/later-cache/records/${name}/done.json`).mtime?.getTime()
    );
  await copy(shapes(10)[0]!);
  assert.is(await count(), 2, "alongside the text");
  const written = prepared();
  assert.is(await count(), 2);
  assert.equal(prepared(), written, "while nothing has come, annotations are not read again");
  await Promise.all(shapes(10).map(copy));
  assert.is(await count(), 11);
});

test("a changed image is another mixture; one that changes while it is in use is refused", async () => {
  const moved = `${folder}/moved`, file = shapes(10)[3]!.file;
  await Deno.mkdir(moved);
  for (const shape of shapes(10)) {
    await Deno.copyFile(`${folder}/images/${shape.file}`, `${moved}/${shape.file}`);
  }
  const hash = (of: MixtureConfig) =>
    opened(of, `${folder}/cache`, (mixture) => Effect.sync(() => mixture.hash));
  const part = withPart({ images: { folder: moved } });
  assert.is(await hash(part), await hash(withPart({})), "where images are does not matter");
  await opened(part, `${folder}/cache`, (mixture) =>
    Effect.gen(function* () {
      const imageFile = mixtureImages(mixture).find(({ name }) => name.endsWith(file))!;
      yield* imageFile.load;
      yield* Effect.promise(() =>
        Deno.copyFile(`${folder}/images/${shapes(10)[0]!.file}`, `${moved}/${file}`)
      );
      assert.match(String(yield* Effect.flip(imageFile.load)), "other bytes");
    }));
  assert.is.not(await hash(part), await hash(withPart({})));
});

test("examples whose images cannot be decoded are left out and counted, or stop", () =>
  opened({ ...config, policy: "skip" }, `${folder}/cache`, (mixture) =>
    Effect.gen(function* () {
      const bad = mixtureImages(mixture)[2]!.content;
      const reason = (content: string) => content === bad ? "half a file" : undefined;
      const left = yield* withoutUndecodable(mixture, reason);
      assert.equal(left.parts.map(({ used, undecodable }) => [used.length, undecodable]), [[10, 1], [9, 1], [
        9,
        1,
      ]]);
      assert.is.not(left.hash, mixture.hash);
      const strict = {
        ...mixture,
        parts: mixture.parts.map((part) => ({ ...part, policy: "stop" as const })),
      };
      assert.match(String(yield* Effect.flip(withoutUndecodable(strict, reason))), "half a file");
    })));

property(test, "grouping keeps every record once, its image, its turns and its tokens", [
  fc.array(fc.record({ imageIndex: fc.nat(4), tokens: fc.integer({ min: 1, max: 20 }) })),
  fc.integer({ min: 1, max: 4 }),
  fc.integer({ min: 20, max: 60 }),
], (all, turns, length) => {
  const groups = grouped(all.map((r) => r.imageIndex), all.map((r) => r.tokens), { turns, length });
  assert.equal(groups.flat().toSorted((a, b) => a - b), all.map((_, i) => i));
  for (const group of groups) {
    assert.ok(group.length <= turns && new Set(group.map((i) => all[i]!.imageIndex)).size === 1);
    assert.ok(group.reduce((n, i) => n + all[i]!.tokens, 0) <= length);
  }
});

test("archives and tables bring their images; their bytes are those of the archive", async () => {
  const some = shapes(4), pack = tar.pack(), path = `${folder}/shard.tar`;
  for (const { id, file, colour, kind } of some) {
    const name = String(id).padStart(4, "0"), ending = file.slice(file.indexOf(".") + 1);
    pack.entry({ name: `${name}.${ending}` }, Buffer.from(Deno.readFileSync(`${folder}/images/${file}`)));
    pack.entry({ name: `${name}.txt` }, `a ${colour} ${kind}`);
  }
  pack.finalize();
  await Deno.writeFile(path, await buffer(pack).then((bytes) => new Uint8Array(bytes)));
  const of = { ...config, parts: [{ name: "pairs", format: "webdataset", files: [path] }] };
  await opened(of, `${folder}/cache`, (mixture) =>
    Effect.gen(function* () {
      const { data } = mixture.parts[0]!;
      assert.is(data.count, 4);
      for (let i = 0; i < 4; i++) {
        const [kept] = yield* data.example(i), imageFile = data.imageFiles[data.imagesOf(i)[0]!]!;
        const shape = some[i]!;
        assert.is(
          kept!.record.kind === "pair" ? kept!.record.caption : "",
          `a ${shape.colour} ${shape.kind}`,
        );
        assert.equal(yield* imageFile.load, Deno.readFileSync(`${folder}/images/${shape.file}`));
      }
    }));
  // without an image in it, an address is not enough
  const table = await formatSample("parquet"), addressed = `${folder}/pairs.parquet`;
  await Deno.writeFile(addressed, table);
  const found = await refused({
    ...config,
    parts: [{ name: "urls", format: "parquet", files: [addressed] }],
  });
  assert.match(String(found), /pairs\.parquet.*image.*a folder of images/);
});

test.after(() => Deno.remove(folder, { recursive: true }));
test.run();

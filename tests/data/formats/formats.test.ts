/** Every format, from files in the official layout to records, and what is said of files that are not right. */
import * as Effect from "effect/Effect";
import * as Stream from "effect/Stream";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { FormatError, type Verdict } from "../../../pipelines/formats/format.ts";
import { formats } from "../../../pipelines/formats/formats.ts";
import {
  addVerdict,
  type AnyRecord,
  emptyReport,
  readFormat,
  type ReadOptions,
  recordsOf,
  verdictsOf,
} from "../../../pipelines/formats/read.ts";
import { bytesSource } from "../../../pipelines/formats/source.ts";
import { formatNamed, loadSamples, type Sample, type SampleFile } from "./samples.ts";

const samples = await loadSamples();
const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const named = (name: string): Sample => samples.find((s) => s.format.name === name)!;

const read = async (
  format: Sample["format"],
  files: readonly Pick<SampleFile, "name" | "bytes">[],
  options: ReadOptions = {},
  chunk = 1 << 16,
): Promise<readonly Verdict<AnyRecord>[]> => {
  const out: Verdict<AnyRecord>[] = [];
  for await (
    const some of verdictsOf(
      format,
      files.map((f) => bytesSource(f.name, f.bytes, chunk)),
      options,
    )
  ) {
    out.push(...some);
  }
  return out;
};
const faultOf = async (promise: Promise<unknown>): Promise<FormatError> => {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, FormatError);
    return error as FormatError;
  }
  throw new Error("nothing was refused");
};
const text = (name: string, content: string) => ({ name, bytes: encode(content) });

test("every format has a sample, and gives its records, however the bytes are cut", async () => {
  assert.equal(samples.map((s) => s.format.name).toSorted(), formats.map((f) => f.name).toSorted());
  for (const { format, files, records, entries } of samples) {
    for (const chunk of [1, 7, 1 << 16]) {
      const verdicts = await read(format, files, {}, chunk);
      assert.equal(verdicts.flatMap(recordsOf).map((r) => r.record), records, format.name);
      assert.is(verdicts.length, entries, format.name);
    }
  }
});

test("files on disk are read as a stream, and reported", async () => {
  const folder = await Deno.makeTempDir();
  const { format, files, records } = named("vqav2");
  const paths = files.map((f) => `${folder}/${f.name}`);
  for (const [i, file] of files.entries()) await Deno.writeFile(paths[i]!, file.bytes);
  const got = await Effect.runPromise(Stream.runCollect(readFormat(format, paths)));
  assert.equal(got.flatMap(recordsOf).map((r) => r.record), records);
  const report = got.reduce(addVerdict, emptyReport);
  assert.equal(report, { ...emptyReport, entries: 4, taken: 4, records: 2 });
  const absent = await Effect.runPromise(
    Effect.flip(Stream.runDrain(readFormat(format, [`${folder}/none.json`]))),
  );
  assert.is(absent._tag, "DiskError");
  assert.match(absent.message, "none.json");
  await Deno.remove(folder, { recursive: true });
});

test("a stream that is left early closes its files", async () => {
  const folder = await Deno.makeTempDir(), path = `${folder}/coco_pope_random.json`;
  const line = (i: number) =>
    JSON.stringify({ question_id: i, image: "a.jpg", text: "Is there a dog in the image?", label: "no" });
  await Deno.writeTextFile(path, Array.from({ length: 20_000 }, (_, i) => line(i)).join("\n"));
  const first = await Effect.runPromise(
    Stream.runCollect(Stream.take(readFormat(formatNamed("pope"), [path]), 3)),
  );
  assert.is(first.length, 3);
  const open = (): number =>
    [...Deno.readDirSync("/proc/self/fd")].filter(({ name }) => {
      try {
        return Deno.readLinkSync(`/proc/self/fd/${name}`) === path;
      } catch {
        return false;
      }
    }).length;
  if (Deno.build.os === "linux") assert.is(open(), 0);
  await Deno.remove(folder, { recursive: true });
});

test("a wrong field is named with its file and record; skip goes on and counts it", async () => {
  const { format } = named("textvqa");
  const data = (answers: unknown, id: unknown) => ({
    question_id: id,
    image_id: "i",
    question: "q?",
    answers,
  });
  const file = text(
    "val.json",
    JSON.stringify({ data: [data(["a"], 1), data(["a", 5], 2), data(["a"], null), data(["b"], 4)] }),
  );
  const error = await faultOf(read(format, [file]));
  assert.equal([error.file, error.record, error.fields], ["val.json", "data[1]", ["answers.1"]]);
  assert.match(
    error.message,
    "textvqa val.json, data[1] at byte 74: got answers.1: 5; expected answers.1: a text",
  );
  const verdicts = await read(format, [file], { policy: "skip" });
  const report = verdicts.reduce(addVerdict, emptyReport);
  assert.equal([report.entries, report.taken, report.refused, report.records], [4, 2, 2, 2]);
  assert.equal(report.fields, { "answers.*": 1, question_id: 1 });
  assert.is(report.refusals[0], "val.json, data[1] at byte 74: answers.1: got 5, expected a text");
  assert.match(report.refusals[1]!, "data[2]");
});

test("what was read before a refusal comes out before the error", async () => {
  const { format } = named("vizwiz"), seen: unknown[] = [];
  const file = text(
    "val.json",
    JSON.stringify([{ image: "a", question: "q" }, { image: "b", question: "q" }, { image: 3 }]),
  );
  await faultOf((async () => {
    for await (const some of verdictsOf(format, [bytesSource(file.name, file.bytes)])) seen.push(...some);
  })());
  assert.is(seen.length, 2);
});

test("one value that is not JSON is refused alone", async () => {
  const { format } = named("vizwiz");
  const list = '[{"image":"a","question":"q"}, {"image":"b" "question":1}, {"image":"c","question":"q"}]';
  const verdicts = await read(format, [text("val.json", list)], { policy: "skip" });
  assert.equal(verdicts.map((v) => v.verdict), ["taken", "refused", "taken"]);
  const bad = Uint8Array.of(...encode('[{"image":"'), 0xff, ...encode('","question":"q"}]'));
  const error = await faultOf(read(format, [{ name: "val.json", bytes: bad }]));
  assert.match(error.message, "[0] at byte 1: got (root): bytes that are not UTF-8");
});

test("files whose structure breaks fail with either policy, at a byte", async () => {
  const { format } = named("vizwiz");
  const cases: readonly (readonly [string, string])[] = [
    ["", "the end of the file at byte 0"],
    ["{}", '"{" at byte 0'],
    ['[{"image":"a","question":"q"}', "the end of the file at byte 29, about [1]"],
    ['[{"image":"a","question":"q"},]', '"]" at byte 30'],
    ['[{"image":"a","question":"q"} {}]', '"{" at byte 30'],
    ['[{"image":"a","question":"q', "the end of the file at byte 27"],
    ["[] x", '"x" at byte 3'],
  ];
  for (const [content, said] of cases) {
    for (const policy of ["stop", "skip"] as const) {
      const error = await faultOf(read(format, [text("val.json", content)], { policy }));
      assert.is(error.record, "(file)");
      assert.match(error.message, said);
    }
  }
  const sections = named("textvqa").format;
  assert.match((await faultOf(read(sections, [text("a", '{"info":{}}')]))).message, "no list under data");
  assert.match((await faultOf(read(sections, [text("a", '{"data":{}}')]))).message, "that is no list");
  assert.match((await faultOf(read(sections, [text("a", '{"data":[],"data":[]}')]))).message, "twice");
  assert.match((await faultOf(read(sections, []))).message, "0 files");
});

test("byte order marks and blank lines are passed over", async () => {
  const { format, files, records } = named("pope");
  const marked = files.map(({ name, bytes }) => text(name, `\ufeff\n${decode(bytes)}\r\n\r\n`));
  assert.equal((await read(format, marked)).flatMap(recordsOf).map((r) => r.record), records);
  const list = named("llava");
  const json = [text("a.json", `\ufeff${decode(list.files[0]!.bytes)}`)];
  assert.equal((await read(list.format, json)).flatMap(recordsOf).map((r) => r.record), list.records);
});

test("LLaVA files are lists or lines", async () => {
  const { format, files, records } = named("llava");
  const lines = (JSON.parse(decode(files[0]!.bytes)) as unknown[]).map((v) => JSON.stringify(v)).join("\n");
  const got = await read(format, [text("a.jsonl", lines)]);
  assert.equal(got.flatMap(recordsOf).map((r) => r.record), records);
});

test("LLaVA conversations that would train on nothing, or without their image, are refused", async () => {
  const { format } = named("llava");
  const said = (from: string, value: string) => ({ from, value });
  const refusal = async (value: object): Promise<string> =>
    (await faultOf(read(format, [text("a.json", JSON.stringify([{ id: "x", ...value }]))]))).message;
  const image = "a.jpg", good = [said("human", "<image>\nWhat?"), said("gpt", "A dog.")];
  assert.match(await refusal({ conversations: good }), "1 marks <image>; expected conversations: 0, one for");
  assert.match(
    await refusal({ images: [image, "b.jpg"], conversations: good }),
    "1 marks <image>; expected conv",
  );
  assert.match(
    await refusal({ image, conversations: [said("human", "What?"), said("gpt", "See <image>")] }),
    "conversations.1.value: a mark <image> in an answer",
  );
  assert.match(await refusal({ image, conversations: [said("human", "What?"), good[1]] }), "0 marks");
  assert.match(await refusal({ image, conversations: good.toReversed() }), "conversations.0.from: gpt");
  assert.match(await refusal({ image, conversations: good.slice(0, 1) }), "gpt to have the last word");
  assert.match(await refusal({ conversations: [] }), "0 turns");
  assert.match(await refusal({ image, conversations: [good[0], said("gpt", " ")] }), "conversations.1.value");
  assert.match(await refusal({ image, conversations: [good[0], said("bot", "x")] }), "conversations.1.from");
});

test("splits are chosen, the others counted", async () => {
  for (
    const [name, split, records, others] of [
      ["karpathy", "test", 1, { "split train": 1 }],
      ["scienceqa", "train", 1, { "split test": 1 }],
      ["refcoco", "val", 1, { "split train": 1 }],
      ["mmbench", "dev", 2, {}],
    ] as const
  ) {
    const { format, files, entries } = named(name);
    const report = (await read(format, files, { split })).reduce(addVerdict, emptyReport);
    assert.equal([report.records, report.leftOut, report.entries], [records, others, entries], name);
  }
  const video = named("seed");
  const report = (await read(video.format, video.files)).reduce(addVerdict, emptyReport);
  assert.equal(report.leftOut, { "data_type video": 1 });
});

test("partners that lack, or come twice, are refused from either side", async () => {
  const { format, files } = named("vqav2");
  const [questions, annotations] = files.map((f) => JSON.parse(decode(f.bytes)));
  const q = questions.questions, a = annotations.annotations;
  const verdicts = async (questions: unknown[], annotations: unknown[]) =>
    (await read(format, [
      text("q.json", JSON.stringify({ questions })),
      text("a.json", JSON.stringify({ annotations })),
    ], { policy: "skip" })).map((v) => `${v.place.file} ${v.place.record} ${v.verdict}`).toSorted();
  assert.equal(await verdicts(q, a.toReversed()), [
    "a.json annotations[0] taken",
    "a.json annotations[1] taken",
    "q.json questions[0] taken",
    "q.json questions[1] taken",
  ]);
  assert.equal(await verdicts([q[0]], a), [
    "a.json annotations[0] taken",
    "a.json annotations[1] refused",
    "q.json questions[0] taken",
  ]);
  assert.equal(await verdicts([q[0], q[0], q[1]], [a[0]]), [
    "a.json annotations[0] taken",
    "q.json questions[0] taken",
    "q.json questions[1] refused",
    "q.json questions[2] refused",
  ]);
  assert.equal(await verdicts([{ ...q[0], image_id: 7 }], [a[0]]), [
    "a.json annotations[0] taken",
    "q.json questions[0] refused",
  ]);
});

test("VQA's test splits have questions alone", async () => {
  const { format, files } = named("vqav2");
  const records = (await read(format, files.slice(0, 1))).flatMap(recordsOf).map((r) => r.record);
  assert.equal(records.map((r) => r.kind === "open" && r.answers), [[], []]);
});

test("captions of images that are not listed, and ids that occur twice, are refused", async () => {
  const { format, files } = named("coco-captions");
  const whole = JSON.parse(decode(files[0]!.bytes));
  const lone = { ...whole, images: whole.images.slice(0, 1) };
  const error = await faultOf(read(format, [text("c.json", JSON.stringify(lone))]));
  assert.equal([error.record, error.fields], ["annotations[0]", ["image_id"]]);
  const twice = text("val.json", JSON.stringify([1, 1].map(() => ({ image: "a", question: "q" }))));
  const again = await faultOf(read(named("vizwiz").format, [twice]));
  assert.equal([again.record, again.fields], ["[1]", ["(id)"]]);
});

test("images inside of files come with their records", async () => {
  for (const name of ["mmbench", "webdataset"]) {
    const { format, files } = named(name);
    const [first] = (await read(format, files)).flatMap(recordsOf);
    assert.equal([...first!.imageBytes!], [137, 80, 78, 71, 13, 10, 26, 10], name);
  }
});

test("archives that end early are refused", async () => {
  const { format, files } = named("webdataset");
  for (const length of [100, 700, 1500]) {
    const error = await faultOf(read(format, [{ name: "a.tar", bytes: files[0]!.bytes.slice(0, length) }]));
    assert.match(error.message, "a whole tar archive");
  }
});

test.run();

/** JSON as it is found in annotation files: Python's numbers, long numbers, marks, line ends, nesting, lone surrogates. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FormatError, type Verdict } from "../../../pipelines/formats/format.ts";
import { type AnyRecord, verdictsOf } from "../../../pipelines/formats/read.ts";
import { bytesSource } from "../../../pipelines/formats/source.ts";
import { parseJsonText } from "../../../pipelines/formats/decoding.ts";
import { property } from "../../support/property.ts";
import { encode, formatNamed } from "./sample_form.ts";

const test = suite("json");

interface SampleScore {
  readonly verdicts: readonly Verdict<AnyRecord>[];
  readonly error?: FormatError;
}
const read = async (format: string, ...files: readonly (string | Uint8Array)[]): Promise<SampleScore> => {
  const verdicts: Verdict<AnyRecord>[] = [];
  const sources = files.map((f, i) => bytesSource(`${i}.json`, typeof f === "string" ? encode(f) : f, 5000));
  try {
    for await (const some of verdictsOf(formatNamed(format), sources, { policy: "skip" })) {
      verdicts.push(...some);
    }
    return { verdicts };
  } catch (error) {
    assert.instance(error, FormatError);
    return { verdicts, error: error as FormatError };
  }
};
const refusals = ({ verdicts }: SampleScore): readonly string[] =>
  verdicts.flatMap((v) => v.verdict === "refused" ? v.fields.map((f) => `${f.path}: ${f.got}`) : []);
const ids = ({ verdicts }: SampleScore): readonly string[] =>
  verdicts.flatMap((v) => v.verdict === "taken" ? v.records.map((r) => r.id) : []);

const turns = '"conversations": [{"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}]';

test("NaN and Infinity are accepted in fields that nobody reads, and refused by name where one is read", async () => {
  const unread = await read(
    "llava",
    `[{"id": 1, "score": NaN, "box": [Infinity, -Infinity, {"x": NaN}], ${turns}}]`,
  );
  assert.equal([ids(unread), refusals(unread)], [["1"], []]);
  const lines = await read(
    "llava",
    `{"id": 1, "w": NaN, ${turns}}\n{"id": Infinity, ${turns}}\n{"id": NaN, ${turns}}\n`,
  );
  assert.equal([ids(lines), refusals(lines)], [["1"], ["id: Infinity", "id: NaN"]]);
  const image = { id: 1, file_name: "1.jpg", height: 4, width: 4 };
  const section = await read(
    "coco-captions",
    `{"info": {"version": NaN}, "images": [${
      JSON.stringify(image)
    }], "annotations": [{"image_id": 1, "id": 2, "score": -Infinity, "caption": "NaN and Infinity are words here"}]}`,
  );
  assert.equal(refusals(section), []);
  const record = section.verdicts.flatMap((v) => v.verdict === "taken" ? v.records : [])[0]!;
  assert.equal(record.kind === "caption" && record.references, ["NaN and Infinity are words here"]);
  const boxed = await read(
    "refcoco-jsonl",
    `{"image": "1.jpg", "sent": "a dog", "bbox": [NaN, 1, 2, 3], "width": 9, "height": 9}`,
  );
  assert.ok(
    boxed.verdicts[0]!.verdict === "refused" && refusals(boxed).some((r) => r.includes("NaN")),
    refusals(boxed).join(),
  );
  for (const bad of ["nan", "-NaN", "+Infinity", "NaNo", "Infinit"]) {
    assert.is(refusals(await read("llava", `[{"id": 1, "w": ${bad}, ${turns}}]`)).length, 1, bad);
  }
});

/** The value with whole numbers as JSON.parse rounds them. */
const rounded = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (_, v) => typeof v === "bigint" ? Number(v) : v));

property(
  test,
  "JSON is read as JSON.parse reads it, with Python's numbers in any place",
  [fc.json(), fc.constantFrom("NaN", "Infinity", "-Infinity")],
  (text, token) => {
    const number = Number(token),
      like = parseJsonText(`[${token},${text},"${token} \\"${token}",${token}]`) as unknown[];
    assert.ok(Object.is(like[0], number) && Object.is(like[3], number));
    assert.is(like[2], `${token} "${token}`);
    assert.equal(rounded(like[1]), JSON.parse(text));
  },
  { runs: 500 },
);

test("ids of any length keep every digit", async () => {
  const [a, b] = ["12345678901234567890", "12345678901234567891"];
  const found = await read(
    "llava",
    `[{"id": ${a}, ${turns}}, {"id": ${b}, ${turns}}, {"id": 1e3, ${turns}}]`,
  );
  assert.equal([ids(found), refusals(found)], [[a, b, "1000"], []]);
  const pairs = await read(
    "vqav2",
    `{"questions": [{"image_id": ${a}, "question": "?", "question_id": ${a}}, {"image_id": 7, "question": "?", "question_id": ${b}}]}`,
    `{"annotations": [${
      [b, a].map((id) =>
        `{"image_id": ${
          id === a ? a : 7
        }, "question_id": ${id}, "question_type": "", "answer_type": "other", "answers": [{"answer": "x", "answer_id": 1}]}`
      )
        .join()
    }]}`,
  );
  assert.equal(refusals(pairs), []);
  assert.equal(ids(pairs).toSorted(), [a, b]);
});

test("marks of byte order, line ends, trailing lines and keys that occur twice", async () => {
  const one = `{"id": 1, ${turns}}`, two = `{"id": "0", "id": 2, ${turns}}`;
  for (
    const text of [
      `${one}\r\n${two}\r\n`,
      `\ufeff${one}\n${two}`,
      `\n${one}\n\n${two}\n\n`,
      `\ufeff[${one},\r\n${two}]\r\n`,
      ` [${one},${two}] `,
    ]
  ) {
    const found = await read("llava", text);
    // of a key that occurs twice the last value counts, as in Python
    assert.equal([ids(found), refusals(found)], [["1", "2"], []], JSON.stringify(text.slice(0, 9)));
  }
  const utf16 = new Uint8Array([
    0xff,
    0xfe,
    ...new Uint8Array(new Uint16Array([...one].map((c) => c.charCodeAt(0))).buffer),
  ]);
  assert.match((await read("llava", utf16)).error!.message, "UTF-16");
  assert.match(
    (await read("llava", `{\n  "data": [${one}]\n}`)).error!.message,
    "one JSON object over several lines",
  );
  assert.is((await read("llava", "")).verdicts.length, 0);
});

test("halves of characters are refused where a text is read, and nowhere else", async () => {
  const found = await read(
    "llava",
    `[{"id": 1, "note": "\\ud83d", ${turns}}, {"id": 2, "conversations": [{"from": "human", "value": "\\udc00"}, {"from": "gpt", "value": "x"}]}]`,
  );
  assert.equal(ids(found), ["1"]);
  assert.equal(refusals(found), ['conversations.0.value: "\\udc00"']);
});

test("values that nest or hold without end are refused alone, and what follows is read", async () => {
  const deep = "[".repeat(100_000) + "]".repeat(100_000), wide = `[${"[],".repeat(600_000)}[]]`;
  const good = `{"id": 9, ${turns}}`, long = JSON.stringify("x".repeat(2 ** 21));
  for (const [join, open, close] of [[",", "[", "]"], ["\n", "", "\n"]] as const) {
    const found = await read(
      "llava",
      open +
        [
          `{"id": 1, "x": ${deep}}`,
          `{"id": 2, "x": ${wide}}`,
          `{"id": 3, "x": ${long}, ${turns}}`,
          `{"id": ${long}, ${turns}}`,
          good,
        ].join(join) + close,
    );
    assert.equal(ids(found), ["3", "9"]);
    assert.equal(refusals(found).map((r) => r.slice(0, 50)), [
      "(root): values more than 512 levels deep",
      "(root): more than 1048576 values",
      "id: " + `"${"x".repeat(45)}`,
    ]);
  }
});

test.run();

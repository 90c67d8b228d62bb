/** What holds for every benchmark: perfect answers, refusals, result files, records as lines. */
import fc from "fast-check";
import type { PartScore } from "../../pipelines/eval/slices.ts";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compareAnswers, evaluateAnswers } from "../../pipelines/eval/evaluation.ts";
import { answeredOf } from "../../pipelines/eval/join.ts";
import { parseLines } from "../../pipelines/base/bridge.ts";
import {
  type Answered,
  type BenchmarkRecord,
  predictionCodec,
  recordCodec,
} from "../../pipelines/records/records.ts";
import { benchmarkNamed, benchmarks } from "../../pipelines/eval/registry.ts";
import { gqaFile, plainFile } from "../../pipelines/eval/submission/formats.ts";
import { mmbenchTable } from "../../pipelines/eval/submission/mmbench_table.ts";
import { mmeFiles } from "../../pipelines/eval/submission/mme_text.ts";
import { benchmarkFormats } from "../../pipelines/formats/formats.ts";
import { thousandBoxes } from "../../pipelines/text/boxes.ts";
import { answersOf, askedOf, placesIn } from "../../pipelines/text/record_turns.ts";
import { property, sample } from "../support/property.ts";
import { perfect, recordsFor } from "./samples.ts";
import { close, printLines } from "./support.ts";
import { left, right } from "../support/either.ts";

const every = suite("every benchmark");

const best: Readonly<Record<string, number>> = { chair: 0 };
const RUNS = { runs: 25 };

for (const of of benchmarks) {
  property(every, `${of.name}: perfect answers score the maximum`, [recordsFor(of)], (records) => {
    const answered = records.map((record) => ({ record, answer: perfect(record) }));
    const { main, values, n } = right(of.score(answered));
    assert.ok(n > 0);
    for (const { record, answer } of answered) assert.is(of.credit(record, answer), 1);
    if (of.name === "mme") {
      const subtasks = new Set(records.map((r) => r.kind === "yes-no" ? r.part : ""));
      close(values["total"], 200 * subtasks.size, 1e-9);
    } else if (of.name === "pope") close(values["mean_accuracy"], 1);
    else if (main === "CIDEr") close(values["ROUGE_L"], 1);
    else close(values[main], best[of.name] ?? 1);
  }, RUNS);

  property(every, `${of.name}: empty answers have a score, and a worse one`, [recordsFor(of)], (records) => {
    const { values } = right(of.score(records.map((record) => ({ record, answer: "" }))));
    assert.ok(Object.values(values).every(Number.isFinite), JSON.stringify(values));
    const mean = records.reduce((sum, record) => sum + of.credit(record, ""), 0) / records.length;
    if (of.name === "pope" || of.name === "chair") assert.ok(mean <= 1);
    else assert.is(mean, 0);
  }, RUNS);

  property(every, `${of.name}: the order of questions does not matter`, [recordsFor(of)], (records) => {
    const answered = records.map((record, i) => ({
      record,
      answer: i % 3 === 0 ? "no" : perfect(record),
    }));
    const there = right(of.score(answered)).values, back = right(of.score(answered.toReversed())).values;
    assert.equal(Object.keys(there).toSorted(), Object.keys(back).toSorted());
    for (const name of Object.keys(there)) close(back[name], there[name]!, 1e-9);
  }, RUNS);

  every(`${of.name}: no question and records of another kind are refused`, () => {
    assert.match(left(of.score([])).message, "no questions");
    const other: BenchmarkRecord = of.kind === "exact"
      ? { kind: "reading", id: "odd", question: "", answers: [] }
      : { kind: "exact", id: "odd", question: "", answer: "" };
    assert.equal(left(of.score([{ record: other, answer: "" }])).ids, ["odd"]);
    assert.is(of.credit(other, ""), 0);
  });

  const text = of.submission.name === "gqa"
    ? fc.constantFrom("red", "two dogs", "")
    : fc.string({ unit: "grapheme" });

  property(every, `${of.name}: result files give the answers back`, [
    recordsFor(of),
    fc.array(text, { minLength: 12, maxLength: 12 }),
  ], (records, texts) => {
    const answered = records.map((record, i): Answered => ({ record, answer: texts[i]! }));
    const files = of.submission.encode(answered);
    const back = right(answeredOf(records, right(of.submission.parse(files, records))));
    const kept = (item: Answered): string => {
      if (of.submission.name === "mme") return item.answer.replace(/[\t\r\n]/g, " ");
      const { record, answer } = item;
      return of.name === "aokvqa-choice" && record.kind === "choice" && /^[A-D]$/.test(answer.trim())
        ? record.choices[answer.trim().charCodeAt(0) - 65]!
        : answer;
    };
    assert.equal(back.map(({ answer }) => answer), answered.map(kept));
    assert.equal(of.submission.encode(back), files);
  }, RUNS);

  every(`${of.name}: files that are broken are refused, not read in part`, () => {
    const names = Object.keys(of.submission.encode([]));
    for (const broken of ["{", "[1]", '{"a": 1}\n', "x\ty\n", '"', "null"]) {
      const error = left(of.submission.parse({ [names[0] ?? "count.txt"]: broken }, []));
      assert.is(error._tag, "EvalError", broken);
      assert.ok(error.expected !== "" && error.hint !== "");
    }
  });

  property(every, `${of.name}: records are lines of JSON`, [recordsFor(of)], (records) => {
    const read = right(parseLines(recordCodec(of.kind), "records.jsonl")(printLines(records)));
    assert.equal(read, records);
  }, RUNS);

  every(`${of.name}: says how it is asked, judged and sent in`, () => {
    for (const text of [of.title, of.metric, of.citation, of.prompt, of.submission.name]) {
      assert.ok(text !== "");
    }
    assert.ok(of.scripts.length > 0 && of.scripts.every(({ repository, file }) => repository && file));
    for (const place of placesIn(of.kind)) assert.ok(of.prompt.includes(place), of.prompt);
    for (const name of of.annotations) {
      assert.ok(benchmarkFormats.some((format) => format.name === name), name);
    }
    assert.equal(right(benchmarkNamed(of.name)).title, of.title);
  });
}

every("questions whose answers the split hides are refused, not counted as wrong", () => {
  const base = { id: "h", question: "?" };
  const cases: readonly (readonly [string, BenchmarkRecord])[] = [
    ["vqav2", { kind: "open", ...base, answers: [] }],
    ["gqa", { kind: "exact", ...base, answer: "" }],
    ["reading", { kind: "reading", ...base, answers: [] }],
    ["coco", { kind: "caption", ...base, references: [] }],
    ["mmbench", { kind: "choice", ...base, choices: ["a", "b"], answer: -1 }],
    ["aokvqa-choice", { kind: "choice", ...base, choices: ["a", "b"], answer: -1 }],
    ["scienceqa", { kind: "choice", ...base, choices: ["a", "b"], answer: -1 }],
  ];
  for (const [name, record] of cases) {
    const error = left(right(benchmarkNamed(name)).score([{ record, answer: "x" }]));
    assert.equal(error.ids, ["h"], name);
    // nor are they learned, and lines of JSON keep them hidden
    assert.equal(answersOf(record, thousandBoxes), [], name);
    assert.equal(right(parseLines(recordCodec(record.kind), "h")(printLines([record]))), [record]);
  }
});

every("prompts are the official ones, with question, hint and choices filled in", () => {
  const asked = (name: string, record: Partial<BenchmarkRecord>): string => {
    const of = right(benchmarkNamed(name));
    return askedOf(
      { id: "1", kind: of.kind, question: "Is it red?", ...record } as BenchmarkRecord,
      of.prompt,
    );
  };
  const short = "Is it red?\nAnswer the question using a single word or phrase.";
  for (const name of ["vqav2", "okvqa", "aokvqa", "textvqa", "gqa", "ocrvqa", "pope", "mme", "reading"]) {
    assert.is(asked(name, {}), short, name);
  }
  assert.is(
    asked("vizwiz", {}),
    "Is it red?\nWhen the provided information is insufficient, respond with 'Unanswerable'.\n" +
      "Answer the question using a single word or phrase.",
  );
  for (const name of ["mmbench", "seed", "scienceqa", "aokvqa-choice"]) {
    assert.is(
      asked(name, { choices: ["yes", "no"], hint: "Look." }),
      "Look.\nIs it red?\nA. yes\nB. no\nAnswer with the option's letter from the given choices directly.",
      name,
    );
  }
});

every("names are unique, and an unknown one lists them", () => {
  assert.is(new Set(benchmarks.map(({ name }) => name)).size, benchmarks.length);
  assert.match(left(benchmarkNamed("vqav3")).message, "vqav2");
});

const joining = suite("joining");

const ask = (id: string): BenchmarkRecord => ({ kind: "exact", id, question: "", answer: "x" });
const predicted = (id: string) => ({ id, answer: id });

joining("missing, unknown and repeated ids are all listed", () => {
  const records = ["1", "2", "3"].map(ask);
  assert.equal(left(answeredOf(records, [predicted("2")])).ids, ["1", "3"]);
  assert.equal(left(answeredOf(records, ["1", "2", "3", "4", "5"].map(predicted))).ids, ["4", "5"]);
  assert.equal(left(answeredOf(records, ["1", "2", "3", "2", "2"].map(predicted))).ids, ["2"]);
  assert.equal(left(answeredOf([...records, ask("3")], ["1", "2", "3"].map(predicted))).ids, ["3"]);
  const many = left(answeredOf(Array.from({ length: 40 }, (_, i) => ask(String(i))), []));
  assert.is(many.ids.length, 40);
  assert.match(many.message, "and 35 more");
});

property(joining, "gives each question its own answer, whatever the order", [
  fc.uniqueArray(fc.string(), { minLength: 1 }),
], (ids) => {
  const answered = right(answeredOf(ids.map(ask), ids.toReversed().map(predicted)));
  assert.equal(answered.map(({ record, answer }) => [record.id, answer]), ids.map((id) => [id, id]));
});

joining("a line that is wrong is named with its field", () => {
  const text = `${printLines([ask("1")])}\n${
    JSON.stringify({ kind: "exact", id: 2, question: "", answer: "x" })
  }`;
  const error = left(parseLines(recordCodec("exact"), "val.jsonl")(text));
  assert.match(error.message, "val.jsonl, line 3");
  assert.match(error.message, "id: 2");
  assert.match(left(parseLines(predictionCodec, "p.jsonl")("{")).message, "p.jsonl, line 1");
  const beyond = { kind: "choice", id: "1", question: "", choices: ["a"], answer: 1 };
  assert.match(
    left(parseLines(recordCodec("choice"), "c")(JSON.stringify(beyond))).message,
    "one of its choices",
  );
});

const files = suite("result files");

files("have the official fields", () => {
  const item = (of: string, id: string, answer: string): Readonly<Record<string, string>> => {
    const b = right(benchmarkNamed(of));
    const [record] = sample(recordsFor(b));
    return b.submission.encode([{ record: { ...record!, id }, answer }]);
  };
  assert.equal(Object.values(item("vqav2", "262148000", "down")), [
    '[{"question_id":262148000,"answer":"down"}]',
  ]);
  assert.equal(Object.values(item("coco", "404464", "a man")), ['[{"image_id":404464,"caption":"a man"}]']);
  assert.equal(Object.values(item("vizwiz", "VizWiz_test_0.jpg", "x")), [
    '[{"image":"VizWiz_test_0.jpg","answer":"x"}]',
  ]);
  assert.equal(Object.values(item("gqa", "05451384", "Red.")), [
    '[{"questionId":"05451384","prediction":"red"}]',
  ]);
  assert.equal(Object.values(item("seed", "v1", "A")), ['{"question_id":"v1","prediction":"A"}\n']);
  assert.equal(item("vqav2", "007", "x"), { "results.json": '[{"question_id":"007","answer":"x"}]' });
  assert.match(Object.values(item("scienceqa", "5", "B"))[0]!, '"results":{"5":1},"outputs":{"5":"B"}}');
  assert.match(Object.values(item("aokvqa-choice", "k", "B"))[0]!, '{"k":{"multiple_choice":"green"}}');
  assert.match(Object.values(item("refcoco", "1", "none"))[0]!, '"hw":[480,640]');
});

files("of MME are a text for each subtask", () => {
  const record = (part: string, image: string, answer: boolean): BenchmarkRecord => ({
    kind: "yes-no",
    id: `${part}/${image}/${answer}`,
    image,
    question: answer ? "Is it?" : "Is it\tnot?",
    part,
    answer,
  });
  const answered = [
    record("OCR", "1.jpg", true),
    record("OCR", "1.jpg", false),
    record("count", "1.jpg", true),
  ]
    .map((r, i) => ({ record: r, answer: `Yes\n${i}` }));
  const encoded = mmeFiles.encode(answered);
  assert.equal(encoded, {
    "OCR.txt": "1.jpg\tIs it?\tYes\tYes 0\n1.jpg\tIs it not?\tNo\tYes 1\n",
    "count.txt": "1.jpg\tIs it?\tYes\tYes 2\n",
  });
  const records = answered.map(({ record }) => record);
  assert.equal(right(mmeFiles.parse(encoded, records)).map(({ id }) => id), records.map(({ id }) => id));
  assert.match(left(mmeFiles.parse({ "OCR.txt": "2.jpg\tIs it?\tYes\tYes\n" }, records)).message, "line 1");
});

const cell = fc.string({ unit: fc.constantFrom("a", " ", "\t", "\n", '"', ",", "\r") });

property(files, "of MMBench hold any text", [cell, cell, cell], (question, answer, hint) => {
  const record: BenchmarkRecord = {
    kind: "choice",
    id: "1",
    question,
    hint,
    choices: ["a", "b"],
    answer: 0,
  };
  const encoded = mmbenchTable.encode([{ record, answer }]);
  assert.equal(right(mmbenchTable.parse(encoded, [])), [{ id: "1", answer }]);
});

files("that repeat an id are refused when they meet the questions", () => {
  const parsed = right(plainFile.parse({ f: '{"id":"1","answer":"a"}\n{"id":"1","answer":"b"}\n' }, []));
  assert.equal(left(answeredOf([ask("1")], parsed)).ids, ["1"]);
  assert.match(left(gqaFile.parse({ a: "[]", b: "[]" }, [])).message, "2 files");
});

const evaluations = suite("evaluations");

evaluations("the interval is that of images, parts add up, and a comparison is paired", () => {
  const of = right(benchmarkNamed("gqa"));
  const records = Array.from({ length: 40 }, (_, i): BenchmarkRecord => ({
    kind: "exact",
    id: String(i),
    image: `p${i % 10}`,
    question: "?",
    answer: "yes",
    template: i < 30 ? "easy" : "hard",
    ...(i < 20 ? { objectArea: 0.001 } : i < 35 ? { objectArea: 0.5 } : {}),
  }));
  const first = records.map((record, i) => ({ record, answer: i < 30 ? "yes" : "no" }));
  const second = records.map((record, i) => ({ record, answer: i < 20 || i === 39 ? "yes" : "no" }));
  const { report, credit, bySize, byTemplate } = right(
    evaluateAnswers(of, first, { seed: 3, resamples: 200 }),
  );
  close(report.values["accuracy"], 0.75);
  close(credit.value, 0.75);
  assert.ok(credit.low <= 0.75 && credit.high >= 0.75);
  const parts = (all: readonly PartScore[]) => all.map(({ name, n, value }) => [name, n, value]);
  assert.equal(parts(byTemplate), [["easy", 30, 1], ["hard", 10, 0]]);
  assert.equal(parts(bySize), [["small", 20, 1], ["large", 15, 2 / 3], ["unknown", 5, 0]]);
  const large = bySize[1]!;
  assert.ok(large.low < 2 / 3 && large.high > 2 / 3 && large.low >= 0 && large.high <= 1);
  const { difference, mcNemar } = compareAnswers(of, first, second, { seed: 3, resamples: 200 });
  close(difference.value, 9 / 40);
  assert.equal([mcNemar?.onlyFirst, mcNemar?.onlySecond], [10, 1]);
  assert.is(compareAnswers(right(benchmarkNamed("vqav2")), first, second).mcNemar?.exact, 1);
});

every.run();
joining.run();
files.run();
evaluations.run();

/** Predictions that an evaluation keeps: what is written is read, and today's rules say where they differ. */
import fc from "fast-check";
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fullData } from "../../pipelines/scenes/config.ts";
import { boxFormatOf } from "../../pipelines/scenes/questions/box_format.ts";
import {
  type KeptPrediction,
  parsePredictions,
  predictionLines,
  type Predictions,
} from "../../pipelines/eval/predictions.ts";
import type { BenchmarkRecord } from "../../pipelines/records/records.ts";
import { benchmarks } from "../../pipelines/eval/registry.ts";
import { answeredBy, benchmarkFor, keptAnswer, rescored, wayScores } from "../../pipelines/eval/rescore.ts";
import { sceneBenchmarks } from "../../pipelines/eval/scene_benchmarks.ts";
import { property } from "../support/property.ts";
import { perfect, recordsFor } from "./samples.ts";
import { left, right } from "../support/either.ts";

const kept = suite("kept predictions");
const find = benchmarkFor("thousand");

const predictionsFor = (name: string, records: readonly BenchmarkRecord[]): Predictions => {
  const of = right(find(name));
  const predictions = records.map((record, i): KeptPrediction => ({
    benchmark: name,
    record,
    answers: {
      seen: keptAnswer(of, record, i % 3 === 0 ? "no\n\t\u2028 idea" : perfect(record)),
      shuffled: keptAnswer(of, record, "yes", "another image"),
    },
  }));
  const scores = right(wayScores(predictions, find));
  const head = {
    format: 1,
    evaluation: "part one/2",
    identity: "x",
    boxes: "thousand",
    prompts: {},
    scores,
  } as const;
  return { head, predictions };
};

for (const { name } of benchmarks) {
  const of = right(find(name));
  property(
    kept,
    `${name}: what is written is read, and scored again it is the same`,
    [recordsFor(of)],
    (records) => {
      const predictions = predictionsFor(name, records);
      const text = [...predictionLines(predictions)].join("");
      assert.is(text.split("\n").length, records.length + 2);
      const read = right(parsePredictions("p.jsonl")(text));
      assert.equal(read, predictions);
      assert.equal(right(rescored(read, find)), { predictions, changed: {} });
      assert.equal(
        predictions.head.scores[name]!.seen,
        right(of.score(answeredBy(predictions.predictions, "seen"))),
      );
    },
    { runs: 10 },
  );
}

kept("an answer that today's rule credits otherwise is named, and its score is today's", () => {
  const record: BenchmarkRecord = {
    kind: "open",
    id: "q7",
    question: "?",
    answers: Array(10).fill("t-shirt"),
  };
  const { head, predictions: [one] } = predictionsFor("vqav2", [record, { ...record, id: "q8" }]);
  // as an older rule had it
  const old: KeptPrediction = {
    ...one!,
    answers: { seen: { answer: "t-shirt", read: "t shirt", credit: 0 } },
  };
  const scores = { vqav2: { seen: { n: 1, main: "accuracy", values: { accuracy: 0 } } } };
  const { predictions, changed } = right(rescored({ head: { ...head, scores }, predictions: [old] }, find));
  assert.equal(changed, { vqav2: { seen: ["q7"] } });
  assert.is(predictions.head.scores["vqav2"]!.seen!.values["accuracy"], 1);
  assert.equal(predictions.predictions[0]!.answers.seen, { answer: "t-shirt", read: "t-shirt", credit: 1 });
});

kept("every benchmark of scenes is found by its name, and reads the boxes that were written", () => {
  const boxes = boxFormatOf(fullData).name, named = benchmarkFor(boxes);
  for (const { name, kind } of Object.values(sceneBenchmarks(fullData))) {
    assert.is(right(named(name)).kind, kind);
  }
  for (const name of ["thousand", "tagged", "location", "decimals-2", "grid-16"]) {
    assert.ok(E.isRight(benchmarkFor(name)("refcoco")), name);
  }
  assert.match(left(benchmarkFor("grid-0")("refcoco")).message, "grid-0");
  assert.match(left(named("vqav9")).message, "vqav9");
});

kept("a file that is broken names its line and field", () => {
  const { head, predictions } = predictionsFor("pope", [
    { kind: "yes-no", id: "1", question: "?", image: "a", part: "random", answer: true },
  ]);
  const lines = [...predictionLines({ head, predictions })], parse = parsePredictions("p.jsonl");
  assert.match(left(parse("")).message, "p.jsonl, line 1");
  assert.match(left(parse("{}\n")).message, "format");
  assert.match(left(parse(`${lines[0]}{"benchmark":"pope"}\n`)).message, "p.jsonl, line 2");
  const odd = lines[1]!.replace('"yes-no"', '"maybe"');
  assert.match(left(parse(lines[0]! + lines[1]! + odd)).message, /p\.jsonl, line 3[^]*kind/);
  const wrong = lines[1]!.replace('"answer":true', '"answer":"yes"');
  assert.match(left(parse(lines[0]! + wrong)).message, /p\.jsonl, line 2[^]*record\.answer/);
  assert.equal(right(parse(lines[0]!)).predictions, []);
});

const valid = fc.constantFrom("vqav2", "mmbench", "refcoco", "coco", "mme").chain((name) =>
  recordsFor(right(find(name))).map((records) => [...predictionLines(predictionsFor(name, records))].join(""))
);
const damage = fc.record({
  at: fc.nat(),
  cut: fc.nat(6),
  put: fc.constantFrom(
    "",
    "{",
    "]",
    '"',
    "\n",
    "-1",
    "1e999",
    "null",
    "\u0000",
    "__proto__",
    "\\u",
    "9".repeat(400),
  ),
});

property(
  kept,
  "damaged files are read to what they say, or refused with their line; nothing is thrown",
  [valid, fc.array(damage, { minLength: 1, maxLength: 4 })],
  (text, all) => {
    let broken = text;
    for (const { at, cut, put } of all) {
      const from = at % (broken.length + 1);
      broken = broken.slice(0, from) + put + broken.slice(from + cut);
    }
    const read = parsePredictions("p.jsonl")(broken);
    if (E.isLeft(read)) return assert.match(read.left.message, /p\.jsonl, line \d+/);
    const again = rescored(read.right, benchmarkFor(read.right.head.boxes));
    if (E.isLeft(again)) return assert.is(again.left._tag, "EvalError");
    assert.is(again.right.predictions.predictions.length, read.right.predictions.length);
  },
  { runs: 400, counts: "damaged files of predictions" },
);

kept.run();

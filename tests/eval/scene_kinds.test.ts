/** Scores of questions about scenes by kind: right answers reach the maximum, wrong ones and controls do not. */
import * as E from "fp-ts/lib/Either.js";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { concepts, nameOf } from "../../pipelines/scenes/concepts.ts";
import { fullData } from "../../pipelines/scenes/config.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import {
  type Question,
  type QuestionKind,
  questionKinds,
  questionsOf,
} from "../../pipelines/scenes/tasks.ts";
import { compareAnswers } from "../../pipelines/eval/evaluation.ts";
import { everyControl } from "../../pipelines/eval/controls.ts";
import { recordCodec } from "../../pipelines/records/records.ts";
import type { ScoreReport } from "../../pipelines/eval/report.ts";
import { sceneBenchmarks } from "../../pipelines/eval/scene_benchmarks.ts";
import { conceptsNamed, scoreMentions } from "../../pipelines/eval/scene_mentions.ts";
import { sceneRecord } from "../../pipelines/eval/scene_records.ts";
import { sceneSizes } from "../../pipelines/eval/slices.ts";
import { kindScoresCodec, kindScoresOf } from "../../pipelines/stages/kind_scores.ts";
import { evalQuestions } from "../../pipelines/stages/scores.ts";
import { taggedBoxes } from "../../pipelines/text/boxes.ts";

const test = suite("scores of scenes by kind");
const scenes = sampleScenes(fullData, "eval", 60);
const asked = evalQuestions(scenes, (scene) => questionsOf(scene, fullData));
const answer = (say: (q: Question, scene: number) => string) =>
  asked.map((a) => ({ ...a, answer: say(a.question, a.scene) }));

// The controls of a model that knows nothing: one answer for a kind; and what is true of the next scene.
const first = new Map<QuestionKind, string>();
for (const { question: q } of asked) if (!first.has(q.kind)) first.set(q.kind, q.answer);
const next = new Map(asked.map(({ scene, question: q }) => [`${scene} ${q.template}`, q.answer]));
const result = kindScoresOf(
  {
    seen: answer((q) => q.answer),
    blind: answer((q) => first.get(q.kind)!),
    shuffled: answer((q, scene) =>
      next.get(`${(scene + 1) % scenes.length} ${q.template}`) ?? first.get(q.kind)!
    ),
  },
  fullData,
  { resamples: 100, seed: 1 },
);

test("right answers have full credit in every kind, size and template, and every control has less", () => {
  assert.equal(Object.keys(result).toSorted(), [...questionKinds].toSorted());
  for (const kind of questionKinds) {
    const { credit, bySize, byTemplate, controls, n, report } = result[kind]!;
    assert.is(n, asked.filter((a) => a.question.kind === kind).length);
    assert.is(report.n, n);
    assert.equal(credit, { value: 1, low: 1, high: 1 }, kind);
    for (const part of [...bySize, ...byTemplate]) {
      assert.equal([part.value, part.low, part.high], [1, 1, 1], `${kind} ${part.name}`);
    }
    assert.is(bySize.reduce((sum, p) => sum + p.n, 0), n);
    assert.is(byTemplate.reduce((sum, p) => sum + p.n, 0), n);
    for (const control of everyControl) {
      assert.ok(controls[control].credit.value < 0.9, `${kind} ${control} ${controls[control].credit.value}`);
      assert.ok(controls[control].gain.low > 0, `${kind} ${control}`);
      assert.ok(Math.abs(1 - controls[control].credit.value - controls[control].gain.value) < 1e-9);
    }
  }
});

test("numbers of the kinds' own evaluators", () => {
  const of = (kind: QuestionKind): Readonly<Record<string, number>> => result[kind]!.report.values;
  assert.is(of("presence")["mean_f1"], 1);
  assert.is(of("presence")["adversarial/f1"], 1);
  assert.equal([of("count")["accuracy"], of("count")["mean_error"], of("count")["unparsable"]], [1, 0, 0]);
  assert.equal([of("refer")["accuracy"], of("refer")["centre_hit"]], [1, 1]);
  assert.ok(of("refer")["mean_iou"]! > 0.9);
  assert.equal([of("reading")["ANLS"], of("reading")["CER"], of("reading")["exact"]], [1, 0, 1]);
  assert.equal([of("dense")["CHAIRs"], of("dense")["CHAIRi"]], [0, 0]);
  assert.ok(of("dense")["recall"] === 1 && of("caption")["recall"]! < 1);
  assert.ok(of("caption")["CIDEr"]! > 9 && of("caption")["Bleu_4"]! > 0.999);
  assert.is(of("relation")["accuracy"], 1);
});

test("two models are compared by size, paired by scene", () => {
  // the second sees nothing that is smaller than 24 px
  const all = sceneBenchmarks(fullData);
  const answeredBy = (kind: QuestionKind, say: (q: Question) => string) =>
    asked.filter(({ question }) => question.kind === kind).map(({ scene, question }, i) => ({
      record: sceneRecord(question, fullData, String(scene), String(i)),
      answer: say(question),
    }));
  for (const kind of ["count", "name", "refer", "reading"] as const) {
    const first = answeredBy(kind, (q) => q.answer);
    const second = answeredBy(kind, (q) => q.size !== undefined && q.size < 24 ? "nothing" : q.answer);
    const options = { resamples: 100, seed: 1, sizes: sceneSizes };
    const { difference, bySize, byTemplate } = compareAnswers(all[kind], first, second, options);
    const parts = new Map(bySize.map((p) => [p.name, p]));
    assert.ok(difference.value > 0 && difference.low > 0, kind);
    for (const name of ["under 16 px", "16 to 24 px"]) {
      assert.is(parts.get(name)?.value ?? 1, 1, `${kind} ${name}`);
    }
    for (const name of ["24 to 40 px", "40 to 80 px", "from 80 px", "unknown"]) {
      assert.equal([parts.get(name)?.low ?? 0, parts.get(name)?.high ?? 0], [0, 0], `${kind} ${name}`);
    }
    assert.is(bySize.reduce((sum, p) => sum + p.n, 0), first.length);
    if (kind === "refer") assert.ok(byTemplate.every((p) => p.value > 0 && p.value < 1));
  }
});

test("yes and no cost nothing to guess, and the controls say so", () => {
  for (const kind of ["presence", "relation", "compare"] as const) {
    const { majority } = result[kind]!.controls;
    assert.ok(Math.abs(majority.credit.value - 0.5) < 0.12, `${kind} ${majority.credit.value}`);
  }
  assert.ok(result.count!.controls.majority.credit.value < 0.3);
});

test("sizes are those of the objects", () => {
  const { edges } = sceneSizes;
  for (const { question: q, scene } of asked) {
    const record = sceneRecord(q, fullData, scenes[scene]!.id, "q");
    assert.is(record.objectSide, q.size);
    assert.is(record.template, q.template);
    assert.ok(E.isRight(recordCodec(record.kind).decode(JSON.parse(JSON.stringify(record)))));
  }
  const small = result.refer!.bySize.find((p) => p.name === edges[0]!.name)!;
  assert.is(small.n, asked.filter(({ question: q }) => q.kind === "refer" && q.size! < 16).length);
});

test("wrong answers are wrong, and ways of saying the right one are right", () => {
  const of = sceneBenchmarks(fullData);
  const credit = (kind: QuestionKind, predicted: (q: Question) => string): number => {
    const { question: q } = asked.find((a) => a.question.kind === kind)!;
    return of[kind].credit(sceneRecord(q, fullData, "s", "q"), predicted(q));
  };
  assert.is(credit("count", () => "I do not know"), 0);
  assert.is(credit("count", (q) => `There are ${q.answer} of them.`), 1);
  assert.is(credit("name", (q) => `The ${q.answer.toUpperCase()}.`), 1);
  assert.is(credit("name", () => "nothing"), 0);
  assert.is(credit("refer", () => "there"), 0);
  assert.is(credit("refer", (q) => q.kind === "refer" ? `It is at ${taggedBoxes.print(q.truth)}.` : ""), 1);
  assert.is(credit("reading", (q) => q.answer.toLowerCase()), 1);
  const { question: sign, scene } = asked.find((a) => a.question.kind === "reading")!;
  const read = sceneRecord(sign, fullData, scenes[scene]!.id, "q");
  const low = of.reading.score([{ record: read, answer: sign.answer.toLowerCase() }]);
  assert.equal(E.map((r: ScoreReport) => [r.values["CER"], r.values["exact"]])(low), E.right([0, 1]));
  assert.is(credit("translate", (q) => `${q.answer}x`), 0);
  const known = concepts.find((c) => c.synonyms.length > 0)!;
  const record = { kind: "exact", id: "q", question: "?", answer: known.name } as const;
  assert.is(of.name.credit(record, known.synonyms[0]!), 1);
});

test("captions: longest names, plurals and synonyms are found; what is not there is counted", () => {
  assert.equal(conceptsNamed("3 cows, a pine tree and an alarm clock"), ["cow", "pine tree", "alarm clock"]);
  assert.equal(conceptsNamed("nothing at the top"), []);
  const two = concepts.find((c) => c.synonyms.some((s) => s.includes(" ")))!;
  assert.equal(conceptsNamed(`a ${two.synonyms.find((s) => s.includes(" "))}`), [two.name]);
  const record = {
    kind: "caption",
    id: "c",
    question: "",
    references: ["a cow"],
    objects: ["cow", "horse"],
  } as const;
  assert.equal(scoreMentions([{ record, answer: "two cows and a guitar" }]), {
    CHAIRs: 1,
    CHAIRi: 0.5,
    recall: 0.5,
  });
  for (const { id } of concepts) {
    const named = conceptsNamed(`there is a ${nameOf(id)} here`);
    assert.equal(named, [nameOf(id)]);
  }
});

test("scores survive JSON", () => {
  assert.equal(kindScoresCodec().decode(JSON.parse(JSON.stringify(result))), E.right(result));
});

test.run();

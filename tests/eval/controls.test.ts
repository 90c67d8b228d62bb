/** Controls that do not look. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blindPredictions, majorityAnswer, shuffledImages } from "../../pipelines/eval/controls.ts";
import { answeredOf } from "../../pipelines/eval/join.ts";
import type { BenchmarkRecord } from "../../pipelines/records/records.ts";
import { benchmarkNamed, benchmarks } from "../../pipelines/eval/registry.ts";
import { byObjectSize, sceneSizes } from "../../pipelines/eval/slices.ts";
import { thousandBoxes } from "../../pipelines/text/boxes.ts";
import { property } from "../support/property.ts";
import { recordsFor } from "./samples.ts";
import { close } from "./support.ts";
import { left, right } from "../support/either.ts";

const controls = suite("controls");

const exact = (id: string, answer: string, template?: string, image?: string): BenchmarkRecord => ({
  kind: "exact",
  id,
  question: "?",
  answer,
  ...(template === undefined ? {} : { template }),
  ...(image === undefined ? {} : { image }),
});

const withImages = fc.array(fc.nat(8), { minLength: 2 }).map((images) =>
  images.map((image, i) => exact(String(i), "x", undefined, image === 0 ? undefined : `p${image}`))
).filter((records) => new Set(records.map(({ image }) => image).filter((i) => i !== undefined)).size > 1);

property(
  controls,
  "shuffled: no question keeps its image, images stay together, the set of images is the same",
  [withImages, fc.integer()],
  (records, seed) => {
    const shuffled = right(shuffledImages(records, seed));
    const moved = new Map<string | undefined, string | undefined>();
    records.forEach((record, i) => {
      const other = shuffled[i]!;
      assert.equal({ ...other, image: "" }, { ...record, image: "" });
      if (record.image === undefined) assert.is(other.image, undefined);
      else assert.is.not(other.image, record.image);
      if (moved.has(record.image)) assert.is(moved.get(record.image), other.image);
      moved.set(record.image, other.image);
    });
    assert.is(new Set(moved.values()).size, moved.size);
    assert.equal([...new Set(moved.values())].toSorted(), [...moved.keys()].toSorted());
    assert.equal(right(shuffledImages(records, seed)), shuffled);
  },
);

property(
  controls,
  "shuffled: images are distinguished by their content, whatever they are called",
  [fc.array(fc.tuple(fc.nat(3), fc.nat(5)), { minLength: 2, maxLength: 12 }), fc.integer()],
  (images, seed) => {
    const records = images.map(([content, name], i): BenchmarkRecord => ({
      ...exact(String(i), "x", undefined, `name ${name}`),
      content: `bytes ${content}`,
    }));
    const shuffled = shuffledImages(records, seed);
    if (new Set(images.map(([content]) => content)).size === 1) return assert.is(shuffled._tag, "Left");
    right(shuffled).forEach((other, i) => {
      assert.is.not(other.content, records[i]!.content);
      assert.ok(records.some(({ content, image }) => content === other.content && image === other.image));
    });
  },
);

controls("shuffled: another seed, another exchange; one image cannot be exchanged; none need not", () => {
  const records = Array.from({ length: 30 }, (_, i) => exact(String(i), "x", undefined, `p${i}`));
  assert.not.equal(right(shuffledImages(records, 1)), right(shuffledImages(records, 2)));
  assert.equal(left(shuffledImages([exact("1", "x", undefined, "p"), exact("2", "y")], 1)).ids, ["1", "2"]);
  const none = [exact("1", "x")];
  assert.equal(right(shuffledImages(none, 1)), none);
});

controls("majority by type, then of all, ties by letters; fitted on training alone", () => {
  const answer = majorityAnswer([
    exact("1", "two", "how many"),
    exact("2", "two", "how many"),
    exact("3", "one", "how many"),
    exact("4", "red", "color"),
    exact("5", "blue", "color"),
    exact("6", "yes"),
    exact("7", "yes"),
    exact("8", "yes"),
  ]);
  assert.is(answer(exact("a", "five", "how many")), "two");
  assert.is(answer(exact("b", "green", "color")), "blue");
  assert.is(answer(exact("c", "left", "where")), "yes");
  assert.is(majorityAnswer([])(exact("d", "x")), "");
});

controls("majority: every annotator of a question has a voice", () => {
  const open = (answers: readonly string[]): BenchmarkRecord => ({
    kind: "open",
    id: "1",
    question: "",
    answers,
  });
  assert.is(majorityAnswer([open(["a", "b", "b"]), open(["a", "b", "b"])])(open([])), "b");
});

controls("majority: hidden answers have no voice", () => {
  const choice = (answer: number): BenchmarkRecord => ({
    kind: "choice",
    id: "1",
    question: "",
    choices: ["a", "b"],
    answer,
  });
  assert.is(majorityAnswer([-1, -1, -1, 1, 1, 0].map(choice))(choice(-1)), "B");
  assert.is(majorityAnswer([choice(-1)])(choice(-1)), "");
  const caption = { kind: "caption", id: "1", question: "", references: [] } as const;
  assert.is(majorityAnswer([exact("1", ""), exact("2", ""), exact("3", "x")])(exact("4", "")), "x");
  assert.is(majorityAnswer([caption])(caption), "");
});

for (const of of benchmarks) {
  property(controls, `${of.name}: the majority answers have a score and credits from 0 to 1`, [
    recordsFor(of),
  ], (records) => {
    const answer = majorityAnswer(records, thousandBoxes.print);
    const answered = right(answeredOf(records, blindPredictions(records, answer)));
    const { values } = right(of.score(answered));
    assert.ok(Object.values(values).every(Number.isFinite));
    for (const { record, answer } of answered) {
      const credit = of.credit(record, answer);
      assert.ok(credit >= 0 && credit <= 1);
    }
  }, { runs: 20 });
}

controls("majority: a set whose answers are all the same is solved blind", () => {
  const of = right(benchmarkNamed("pope"));
  const records = Array.from({ length: 6 }, (_, i): BenchmarkRecord => ({
    kind: "yes-no",
    id: String(i),
    question: "?",
    part: "random",
    answer: false,
  }));
  const answered = right(answeredOf(records, blindPredictions(records, majorityAnswer(records))));
  close(right(of.score(answered)).values["mean_accuracy"], 1);
});

controls("sizes: edges belong to the larger part", () => {
  const at = (objectArea: number): BenchmarkRecord => ({ ...exact(String(objectArea), "x"), objectArea });
  const answered = [0, 0.05, 0.1, 0.5, 1].map((area) => ({
    record: at(area),
    answer: area < 0.3 ? "x" : "",
  }));
  const edges = [{ name: "small", below: 0.1 }, { name: "large", below: 1 }];
  const credit = (_: BenchmarkRecord, answer: string): number => answer === "x" ? 1 : 0;
  const parts = byObjectSize(answered, credit, { measure: "objectArea", edges });
  assert.equal(parts.map(({ name, n, value }) => ({ name, n, value })), [
    { name: "small", n: 2, value: 1 },
    { name: "large", n: 2, value: 0.5 },
    { name: "beyond", n: 1, value: 0 },
  ]);
  assert.equal(parts.map(({ low, high }) => [low, high]), [[1, 1], [0, 1], [0, 0]]);
  const sided = answered.map(({ record, answer }) => ({ record: { ...record, objectSide: 20 }, answer }));
  assert.equal(byObjectSize(sided, credit, sceneSizes).map(({ name, n }) => [name, n]), [["16 to 24 px", 5]]);
});

controls.run();

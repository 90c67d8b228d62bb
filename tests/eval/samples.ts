/** Records of every kind, for properties over all benchmarks. */
import fc from "fast-check";
import type { Benchmark } from "../../pipelines/eval/benchmark.ts";
import { mmeCognition, mmePerception } from "../../pipelines/eval/mme.ts";
import type { BenchmarkRecord } from "../../pipelines/records/records.ts";
import { thousandBoxes } from "../../pipelines/text/boxes.ts";
import { letterOf } from "../../pipelines/text/prompts.ts";

const word = fc.constantFrom("cat", "dog", "horse", "tree", "lamp", "kite", "house", "river");
const phrase = fc.array(word, { minLength: 4, maxLength: 6 }).map((w) => w.join(" "));

/** Questions of a benchmark, with images two to each and unique ids. */
export const recordsFor = (of: Benchmark): fc.Arbitrary<readonly BenchmarkRecord[]> => {
  const base = (i: number) => ({
    id: String(i + 1),
    image: `image ${Math.floor(i / 2)}`,
    question: `question ${i}?`,
    template: i % 3 === 0 ? "what" : "where",
    objectArea: (i % 5) / 20,
  });
  const one = (i: number): fc.Arbitrary<BenchmarkRecord> => {
    switch (of.kind) {
      case "open":
        return word.map((text) => ({ kind: "open", ...base(i), answers: Array<string>(10).fill(text) }));
      case "exact":
        return word.map((answer) => ({ kind: "exact", ...base(i), answer }));
      case "yes-no": {
        const subtasks = [...mmePerception, ...mmeCognition];
        const part = of.name === "mme"
          ? subtasks[Math.floor(i / 2) % subtasks.length]!
          : ["random", "popular"][i % 2]!;
        return fc.boolean().map((answer) => ({ kind: "yes-no", ...base(i), part, answer }));
      }
      case "choice":
        return fc.nat(3).map((answer) => ({
          kind: "choice",
          ...base(i),
          choices: ["red", "green", "blue", "grey"],
          answer,
          category: String(i % 9 + 1),
        }));
      case "box":
        return fc.nat(100).map((at) => ({
          kind: "box",
          ...base(i),
          box: [at, at, at + 300, at + 200],
          width: 640,
          height: 480,
        }));
      case "caption":
        return phrase.map((text) => ({ kind: "caption", ...base(i), references: [text], objects: [] }));
      case "reading":
        return phrase.map((text) => ({ kind: "reading", ...base(i), answers: [text] }));
    }
  };
  return fc.integer({ min: 2, max: 6 }).chain((half) =>
    fc.tuple(...Array.from({ length: 2 * half }, (_, i) => one(i)))
  );
};

/** An answer that is perfect. */
export const perfect = (record: BenchmarkRecord): string => {
  switch (record.kind) {
    case "open":
    case "reading":
      return record.answers[0]!;
    case "exact":
      return record.answer;
    case "yes-no":
      return record.answer ? "yes" : "no";
    case "choice":
      return letterOf(record.answer);
    case "box": {
      const { box: [x1, y1, x2, y2], width, height } = record;
      return thousandBoxes.print([x1 / width, y1 / height, x2 / width, y2 / height]);
    }
    case "caption":
      return record.references[0]!;
  }
};

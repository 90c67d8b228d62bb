/** Kept results are what today's rules give: of kept answers the same sums, and of all kinds that they hold the same rules. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { outcomesOf } from "../../pipelines/engine/outcomes.ts";
import { sizesWorld } from "../../pipelines/ablations/object_size.ts";
import type { DataConfig } from "../../pipelines/scenes/config.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { questionsOf } from "../../pipelines/scenes/tasks.ts";
import { hashOf, type Json } from "../../pipelines/base/hash.ts";
import { questionsFor } from "../../pipelines/stages/evaluate.ts";
import { evalQuestions } from "../../pipelines/stages/scores.ts";

const test = suite("kept results");
const artefacts = new URL("../../results/artefacts/", import.meta.url);
const evaluations = [...Deno.readDirSync(artefacts)].map(({ name }) => name)
  .filter((name) => name.startsWith("evaluate-")).toSorted();

// deno-lint-ignore no-explicit-any
const read = (path: string): any => JSON.parse(Deno.readTextFileSync(new URL(path, artefacts)));
const exists = (path: string): boolean => {
  try {
    return Deno.statSync(new URL(path, artefacts)).isFile;
  } catch {
    return false;
  }
};

test("evaluations that kept their answers have the scores that today's rules give these answers", () => {
  const answered = evaluations.filter((name) => exists(`${name}/samples/evaluate.json`));
  assert.is(answered.length, 4);
  for (const name of answered) {
    const { config } = read(`${name}/manifest.json`), { outcomes } = read(`${name}/result.json`);
    const { answers } = read(`${name}/samples/evaluate.json`);
    const scenes = sampleScenes(config.data, "eval", config.scenes.eval);
    const asked = questionsFor({ scenes, data: config.data, text: config.text.finetune });
    assert.is(answers.length, asked.length, name);
    assert.equal(
      outcomesOf(asked.map((one, i) => ({ ...one, answer: answers[i] })), config.data),
      outcomes.seen,
    );
  }
});

/** Answers of every sort to the questions about some scenes: right, wrong, in other words, and none. */
const sorts = (data: DataConfig) => {
  const all = evalQuestions(
    sampleScenes(data, "eval", 24),
    (scene) => questionsOf(scene, data).filter((q) => q.kind !== "caption"),
  );
  return all.map((one, i) => {
    const { answer, kind } = one.question, other = all[(i * 7 + 3) % all.length]!.question.answer;
    const ways = [
      answer,
      other,
      `${answer}.`,
      answer.toUpperCase(),
      `it is ${answer}, no`,
      "",
      "no",
      " yes",
      "two or 3",
    ];
    const boxes = [
      "<0> <0> <15> <15>",
      "<3> <4> <9> <12>",
      "<1> <1> <2> <2>",
      "<9> <9> <3> <3>",
      "<1> <2> <3>",
    ];
    const said = kind === "refer" && i % 3 === 0 ? boxes[i % 5]! : ways[i % ways.length]!;
    return { ...one, answer: said };
  });
};

test("the rules of the kinds that kept results hold give what they gave when these were made", () => {
  const kinds = new Set(
    evaluations.flatMap((name) => Object.keys(read(`${name}/result.json`).outcomes.seen)),
  );
  assert.equal(
    [...kinds].toSorted(),
    ["countAccuracy", "presenceAccuracy", "presenceF1", "referAccuracy", "referIou"],
  );
  const plain = read(
    `${evaluations.find((name) => !("world" in read(`${name}/manifest.json`).config.data))}/manifest.json`,
  );
  const outcomes = [plain.config.data as DataConfig, sizesWorld].map((data) => {
    const { presenceF1, presenceAccuracy, countAccuracy, referAccuracy, referIou } = outcomesOf(
      sorts(data),
      data,
    );
    return { presenceF1, presenceAccuracy, countAccuracy, referAccuracy, referIou };
  });
  assert.ok(Object.values(outcomes[0]!).every((one) => one !== undefined));
  assert.is(
    hashOf(JSON.parse(JSON.stringify(outcomes)) as Json),
    "cf427f8f71fd5c9b34a91ae6d2544dcb569d770fbcbea0265c1a75bd9e381aca",
  );
});

test.run();

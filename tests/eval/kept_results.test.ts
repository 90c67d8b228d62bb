/** Kept results are what today's rules give: of kept answers the same sums, and of all kinds that they hold the same rules. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sampleScoresOf } from "../../pipelines/engine/sample_scores.ts";
import type { DataConfig } from "../../pipelines/scenes/config.ts";
import { sampleScenes } from "../../pipelines/scenes/scene.ts";
import { hashOf, type Json } from "../../pipelines/base/hash.ts";
import { questionsFor } from "../../pipelines/stages/evaluate.ts";

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
      sampleScoresOf(asked.map((one, i) => ({ ...one, answer: answers[i] })), config.data),
      outcomes.seen,
    );
  }
});

/**
 * Questions as they were asked when the results were made, with answers of every sort: right, wrong, in other words,
 * and none; for a small world and for the world of the control of sizes.
 */
const asked = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/asked.json", import.meta.url)),
) as readonly { readonly data: DataConfig; readonly sorts: Parameters<typeof sampleScoresOf>[0] }[];

test("the rules of the kinds that kept results hold give what they gave when these were made", () => {
  const kinds = new Set(
    evaluations.flatMap((name) => Object.keys(read(`${name}/result.json`).outcomes.seen)),
  );
  assert.equal(
    [...kinds].toSorted(),
    ["countAccuracy", "presenceAccuracy", "presenceF1", "referAccuracy", "referIou"],
  );
  const outcomes = asked.map(({ data, sorts }) => {
    const { presenceF1, presenceAccuracy, countAccuracy, referAccuracy, referIou } = sampleScoresOf(
      sorts,
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

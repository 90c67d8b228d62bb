/** Kept results are what today's rules give, for all kinds of questions that they hold. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { sampleScoresOf } from "../../pipelines/engine/sample_scores.ts";
import type { DataConfig } from "../../pipelines/scenes/config.ts";
import { hashOf, type Json } from "../../pipelines/base/hash.ts";

const test = suite("kept results");
const artefacts = new URL("../../results/artefacts/", import.meta.url);
const evaluations = [...Deno.readDirSync(artefacts)].map(({ name }) => name)
  .filter((name) => name.startsWith("evaluate-")).toSorted();

// deno-lint-ignore no-explicit-any
const read = (path: string): any => JSON.parse(Deno.readTextFileSync(new URL(path, artefacts)));
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

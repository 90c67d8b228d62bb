/** The rule of verdicts, and claims decided from records whose answers are known. */
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { SampleScore } from "../../pipelines/engine/sample_scores.ts";
import { families } from "../../pipelines/ablations/families.ts";
import { presets } from "../../pipelines/ablations/presets.ts";
import type { Json } from "../../pipelines/base/hash.ts";
import { metricInfos } from "../../pipelines/engine/sample_scores.ts";
import { claims } from "../../pipelines/report/results/claims.ts";
import type { Claim } from "../../pipelines/report/results/claim.ts";
import { type KeptAblation, resultOf } from "../../pipelines/report/results/evidence.ts";
import { resultsPages } from "../../pipelines/report/results/page.ts";
import { paperSide } from "../../pipelines/report/results/paper_side.ts";
import { judge, judgeTime, verdictOf } from "../../pipelines/report/results/verdict.ts";
import { property } from "../support/property.ts";

const rule = suite("rule of verdicts");

const number = fc.double({ min: -1, max: 1, noNaN: true });
const evidence = fc.record({
  ends: fc.tuple(number, number).map((pair) => pair.toSorted((a, b) => a - b) as [number, number]),
  bySeed: fc.array(number, { minLength: 1, maxLength: 5 }),
  bound: number,
  sees: fc.boolean(),
});

const turned = { reproduced: "not reproduced", "not reproduced": "reproduced" } as Record<string, string>;

property(
  rule,
  "turned around, reproduced and not reproduced change places",
  [evidence],
  ({ ends: [low, high], bySeed, bound, sees }) => {
    const { verdict } = judge({ low, high, bySeed, bound, sees });
    const other = judge({ low: -high, high: -low, bySeed: bySeed.map((x) => -x), bound: -bound, sees });
    assert.is(other.verdict, turned[verdict] ?? verdict);
  },
);

property(
  rule,
  "what is decided needs the whole interval, every seed and the images",
  [evidence],
  ({ ends: [low, high], bySeed, bound, sees }) => {
    const { verdict } = judge({ low, high, bySeed, bound, sees });
    const above = low > bound && bySeed.every((x) => x > bound);
    const below = high < bound && bySeed.every((x) => x < bound);
    const expected = sees && above ? "reproduced" : sees && below ? "not reproduced" : "undecided";
    assert.is(verdict, expected);
  },
);

rule("times by the least and the largest ratio", () => {
  assert.is(judgeTime({ low: 0.3, high: 0.42 }, 0.42).verdict, "reproduced");
  assert.is(judgeTime({ low: 0.43, high: 0.5 }, 0.42).verdict, "not reproduced");
  assert.is(judgeTime({ low: 0.4, high: 0.5 }, 0.42).verdict, "undecided");
});

rule("a claim holds if all its comparisons do, and falls with any", () => {
  const yes = { verdict: "reproduced", reason: "", sees: true } as const;
  const no = { verdict: "not reproduced", reason: "", sees: true } as const;
  const open = {
    verdict: "undecided",
    reason: "the interval holds the bound",
    sees: true,
  } as const;
  const blind = { ...open, reason: "no arm scores beyond its controls", sees: false };
  assert.is(verdictOf([[yes], [yes, yes]]).verdict, "reproduced");
  assert.is(verdictOf([[yes, blind]]).verdict, "reproduced", "another record answers");
  assert.is(verdictOf([[yes], [no]]).verdict, "not reproduced");
  assert.is(verdictOf([[no], []]).verdict, "not reproduced");
  for (const undecided of [[[yes], [open]], [[yes], [blind]], [[yes], []], [], [[]]]) {
    assert.is(verdictOf(undecided).verdict, "undecided");
  }
});

rule.run();

const known = suite("claims from known answers");

const [more, few] = ["cos-20-84", "cos-20-20"];
const scenes = 40;

/** An arm that answers a share of two questions a scene rightly, the same scenes with every seed. */
const outcome = (right: number): SampleScore => ({
  form: "mean",
  sums: Array.from({ length: scenes }, (_, i) => [i / scenes < right ? 2 : 0, 2]),
});

interface Answers {
  readonly score: string;
  readonly shares: Readonly<Record<string, readonly number[]>>;
  readonly control?: number;
}

const recordOf = (name: string, { score, shares, control = 0 }: Answers): KeptAblation => {
  const arms = Object.entries(shares).map(([arm, right]) => {
    const value = right.reduce((a, b) => a + b, 0) / right.length;
    return {
      name: arm,
      bridge: "chain-of-sight",
      tokens: { pretrain: 20, finetune: 84 },
      resolution: { pretrain: 112, finetune: 224 },
      steps: { pretrain: 10 },
      time: { predicted: 0.4 },
      loss: { pretrain: 1, finetune: 1 },
      scores: { [score]: { value, low: value - 0.1, high: value + 0.1 } },
      difference: {},
      controls: { blind: { [score]: control }, shuffled: { [score]: 0 } },
      paper: [],
      seeds: right.map((share, i) => {
        const origin = (stage: string) => ({
          artefact: `${stage}-${name}-${arm}-${i + 1}`,
          configHash: "c".repeat(64),
          dataHash: "d".repeat(64),
          command: `deno task cos ${stage} --arm ${arm} --seed ${i + 1}`,
        });
        return {
          seed: i + 1,
          scores: { [score]: share },
          loss: { pretrain: 1, finetune: 1 },
          secondsPerStep: { pretrain: 0.1, finetune: 0.1 },
          origin: {
            pretrain: origin("pretrain"),
            finetune: origin("finetune"),
            evaluate: origin("evaluate"),
          },
        };
      }),
    };
  });
  const base = {
    format: 1,
    configHash: "c".repeat(64),
    codeVersion: "test",
    device: "CPU",
  } as const;
  return {
    name,
    note: "",
    manifest: {
      ...base,
      name,
      dataHash: "d".repeat(64),
      seeds: {},
      started: "2026-01-01T00:00:00.000Z",
      stages: [],
      config: {
        base: presets.smoke.base as unknown as Json,
      },
    },
    record: {
      format: 2,
      command: "deno task cos ablate",
      store: "../artefacts",
      device: "CPU",
      workers: 1,
      jobs: [],
      runs: [],
      arms: [],
    },
    summary: {
      ...base,
      format: 2,
      name,
      family: "main",
      preset: "smoke",
      seeds: [1, 2, 3],
      baseline: few,
      workers: 1,
      command: "deno task cos ablate",
      metrics: [{ name: score, label: score }],
      arms,
      failures: [],
    },
    evaluations: new Map(
      arms.flatMap((arm) =>
        arm.seeds.map(({ scores, origin }) =>
          [origin.evaluate!.artefact, {
            format: 1,
            key: "k",
            dataHash: "d".repeat(64),
            seconds: 1,
            numbers: scores,
            outcomes: { seen: { [score]: outcome(scores[score]!) }, blind: {}, shuffled: {} },
          }] as const
        )
      ),
    ),
    figures: [],
  };
};

const claim: Claim = {
  id: "known",
  text: "More is more.",
  paper: "",
  here: "",
  comparisons: [{
    about: `${more} − ${few}`,
    family: "main",
    terms: [{ arm: more, score: "presenceF1", weight: 1 }, { arm: few, score: "presenceF1", weight: -1 }],
    bound: 0,
    decides: true,
  }],
  times: [],
};

const verdictFor = (shares: Answers["shares"], control = 0): string =>
  resultOf([recordOf("r", { score: "presenceF1", shares, control })])(claim).verdict;

known("a large difference with every seed decides, either way", () => {
  assert.is(verdictFor({ [more]: [0.9, 0.9, 0.9], [few]: [0.5, 0.5, 0.5] }), "reproduced");
  assert.is(verdictFor({ [more]: [0.5, 0.5, 0.5], [few]: [0.9, 0.9, 0.9] }), "not reproduced");
});

known("no difference, seeds apart, floors and controls decide nothing", () => {
  const open = "undecided";
  assert.is(verdictFor({ [more]: [0.5, 0.5, 0.5], [few]: [0.5, 0.5, 0.5] }), open);
  assert.is(
    verdictFor({ [more]: [0.9, 0.9, 0.4], [few]: [0.5, 0.5, 0.5] }),
    open,
    "a seed on the other side",
  );
  assert.is(verdictFor({ [more]: [0.05, 0.05, 0.05], [few]: [0, 0, 0] }), open, "at the floor");
  assert.is(
    verdictFor({ [more]: [0.9, 0.9, 0.9], [few]: [0.5, 0.5, 0.5] }, 0.85),
    open,
    "without the image",
  );
  assert.is(verdictFor({ [more]: [0.9, 0.9, 0.9] }), open, "an arm is missing");
});

known("scores without controls decide nothing", () => {
  const shares = { [more]: [0.9, 0.9, 0.9], [few]: [0.5, 0.5, 0.5] };
  const record = recordOf("r", { score: "presenceF1", shares }), { summary } = record;
  const arms = summary.arms.map((arm) => ({ ...arm, controls: { blind: {}, shuffled: {} } }));
  const [row] = resultOf([{ ...record, summary: { ...summary, arms } }])(claim).rows;
  assert.equal([row!.sees, row!.verdict], [false, "undecided"]);
});

known("the interval of a difference is that of pairs, and widens with the number of deciding rows", () => {
  const shares = { [more]: [0.9, 0.8, 0.85], [few]: [0.5, 0.5, 0.5] };
  const records = ["a", "b"].map((name) => recordOf(name, { score: "presenceF1", shares }));
  const alone = resultOf(records.slice(0, 1))(claim).rows[0]!, both = resultOf(records)(claim).rows;
  assert.ok(Math.abs(alone.measured.value - 0.35) < 1e-9);
  assert.is(both.length, 2);
  assert.is(alone.level, 0.95);
  assert.is(both[0]!.level, 0.975);
  assert.ok(both[0]!.measured.low <= alone.measured.low && both[0]!.measured.high >= alone.measured.high);
  assert.ok(alone.measured.low < alone.measured.value && alone.measured.value < alone.measured.high);
});

known("the page says the verdict, the numbers, and which runs they are of", () => {
  const shares = { [more]: [0.9, 0.9, 0.9], [few]: [0.5, 0.5, 0.5] };
  const records = [recordOf("r", { score: "presenceF1", shares })];
  const { verdicts, inside } = resultsPages(records, [resultOf(records)(claim)]);
  assert.match(
    verdicts,
    /\| \[More is more\.\]\(results\/claims\.md#known\) \| presence F1 \+40\.0 \[.*\] \(reproduced\) \| reproduced \|/,
  );
  assert.match(
    inside["claims.md"]!,
    /\[cos-20-84\]\(r\/README\.md#cos-20-84\) − \[cos-20-20\]\(r\/README\.md#cos-20-20\) \| presence F1 \| \+1\.4 \(POPE\)/,
  );
  for (const seed of [1, 2, 3]) {
    const page = inside["r/README.md"]!;
    assert.match(page, `[evaluate-r-${more}-${seed}](../artefacts/evaluate-r-${more}-${seed}/manifest.json)`);
    assert.match(page, `deno task cos evaluate --arm ${more} --seed ${seed}`);
  }
});

known(
  "every claim can be decided: its arms are in its family, its scores exist, its names are different",
  () => {
    const scores = new Set(metricInfos.map(({ name }) => name));
    for (const { id, comparisons, times } of claims) {
      assert.ok(comparisons.some(({ decides }) => decides) || times.some(({ decides }) => decides), id);
      for (const { family, terms } of comparisons) {
        const arms = families[family].arms(presets.small.base).map(({ name }) => name);
        for (const { arm, score } of terms) {
          assert.ok(arms.includes(arm), `${id}: ${arm} in ${family}`);
          assert.ok(scores.has(score), `${id}: ${score}`);
        }
      }
      for (const { arm } of times) {
        assert.ok(families.main.arms(presets.small.base).some(({ name }) => name === arm), arm);
      }
    }
    assert.is(new Set(claims.map(({ id }) => id)).size, claims.length);
  },
);

known("the paper's side of a comparison is read from its tables", () => {
  const of = (id: string, i = 0) => paperSide(claims.find((one) => one.id === id)!.comparisons[i]!);
  assert.is(of("referring")!.points.toFixed(2), "2.79");
  assert.is(of("reading")!.points.toFixed(1), "12.9");
  assert.is(of("reading", 1)!.points.toFixed(1), "11.0");
  assert.is(of("lineage"), undefined, "a mean that no table has");
  assert.is(of("lineage", 1)!.points.toFixed(1), "1.2");
  assert.is(of("equal-compute"), undefined);
  assert.is(of("inflation"), undefined);
});

known.run();
